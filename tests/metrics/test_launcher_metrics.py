"""What the launcher does where metrics cannot be had, or are not wanted."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app_extensions.metrics import launcher_metrics
from app_extensions.server_socket import ListenError
from config import Config, load_config
from tests.metrics.reading import Page, generate_latest


@pytest.fixture
def settings(tmp_path: Path) -> Config:
    return load_config({"ENV": "test", "VAR_DIR": str(tmp_path), "METRICS_PORT": "0"}, dotenv=None)


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_taken_port_costs_a_sentence_in_development(settings: Config, taken: int) -> None:
    said: list[str] = []
    with launcher_metrics(replace(settings, env="development", metrics_port=taken), said.append) as metrics:
        assert metrics is None
    advice = "stop the program that uses it, or set METRICS_PORT to another number."
    assert said == [f"Metrics are not served. Port {taken} is already taken: {advice}"]


def test_a_taken_port_is_refused_in_production(settings: Config, taken: int) -> None:
    in_production = replace(settings, env="production", metrics_port=taken)
    refused = pytest.raises(ListenError, match=f"Port {taken} is already taken: .*METRICS_PORT")
    with refused, launcher_metrics(in_production, print):
        pass


@pytest.mark.parametrize("env", ["development", "production"])
def test_a_directory_that_cannot_be_made_is_as_a_taken_port(settings: Config, env: str) -> None:
    (settings.var_dir / "metrics").write_text("a file where a directory should be")
    said: list[str] = []
    wanted = replace(settings, env=env)
    if env == "production":
        with pytest.raises(ListenError, match="METRICS=false"), launcher_metrics(wanted, said.append):
            pass
    else:
        with launcher_metrics(wanted, said.append) as metrics:
            assert metrics is None
        assert said[0].startswith("Metrics are not served. ")
        assert str(settings.var_dir) in said[0]


def test_what_is_not_wanted_is_not_begun(settings: Config) -> None:
    with launcher_metrics(replace(settings, metrics=False), print) as metrics:
        assert metrics is None
    assert not (settings.var_dir / "metrics").exists()


def test_a_replaced_worker_is_one_restart_and_a_stopped_one_is_none(settings: Config) -> None:
    with launcher_metrics(settings, print) as metrics:
        assert metrics is not None
        metrics.began(1, 2**30)
        metrics.began(2, 2**30 + 1)
        metrics.ended(2)
        assert _page(metrics).value("worker_restarts_total") == 0
        metrics.began(2, 2**30 + 2)
        metrics.ended(1)
        assert _page(metrics).value("worker_restarts_total") == 1
        assert _page(metrics).value("workers") == 1
    assert list((settings.var_dir / "metrics").iterdir()) == []


def _page(metrics: object) -> Page:
    return Page(generate_latest(metrics).decode())  # type: ignore[arg-type]  # it collects
