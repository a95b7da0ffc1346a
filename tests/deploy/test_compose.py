"""The compose file: settings that exist, ports that agree, paths and commands that are there, no rights."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from app_extensions.embedded_valkey import DURABLE, OPTIONS
from app_extensions.worker import KEEP_ALIVE_TIMEOUT_S, STOP_TIMEOUT_S
from config import declared_settings, load_config
from tests.deploy.commands import is_command
from tests.deploy.files import ROOT, Document, compose, image_environment, ours, said

SETTINGS = {field.metadata["name"] for field in declared_settings()}
SERVICES: Document = compose()["services"]

each_service = pytest.mark.parametrize("name", SERVICES)
each_of_ours = pytest.mark.parametrize("name", ours())


def published(service: Document) -> list[tuple[str, str, str]]:
    return [tuple(port.split(":")) for port in service.get("ports", ())]


def config_of(name: str) -> Any:
    """What a service is told when the shell and ``.env`` have nothing but what has to be set."""
    told = {each: text for each, text in ours()[name]["environment"].items() if text is not None}
    return load_config(image_environment() | told, dotenv=None)


@each_service
def test_nobody_has_rights_or_may_grow_without_bound(name: str) -> None:
    service = SERVICES[name]
    user, _, _ = service.get("user", "0").partition(":")
    assert user.isdigit()
    assert int(user) > 0
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["init"] is True
    assert service["mem_limit"]
    assert service["pids_limit"] > 0
    assert not {"privileged", "cap_add", "pid", "network_mode", "devices", "env_file"} & set(service)
    assert "docker.sock" not in str(service)


@each_service
def test_what_listens_for_people_does_so_on_this_machine_alone(name: str) -> None:
    assert {address for address, _, _ in published(SERVICES[name])} <= {"127.0.0.1"}


@each_service
def test_every_image_has_a_version(name: str) -> None:
    _, _, tag = SERVICES[name]["image"].rpartition(":")
    assert tag != "latest"
    assert any(letter.isdigit() for letter in tag)


@each_service
def test_what_is_mounted_is_there_and_not_written_to(name: str) -> None:
    kept = set(compose()["volumes"])
    for mounted in SERVICES[name].get("volumes", ()):
        source, _, rest = mounted.partition(":")
        if source.startswith("."):
            assert (ROOT / source).exists(), source
            assert rest.endswith(":ro"), mounted
        else:
            assert source in kept


@each_of_ours
def test_a_volume_is_mounted_where_the_image_has_a_directory_of_its_user(name: str) -> None:
    # An engine gives a new volume to whom the directory below it belongs to; where there is none, to root.
    words = [shlex.split(command) for command in " ".join(said("RUN")).split("&&")]
    (made,) = [each for each in words if each[:2] == ["install", "--directory"]]
    given = dict(zip(made[2:8:2], made[3:8:2], strict=True))
    assert (given["--owner"], given["--group"]) == ("app", "app")
    for mounted in ours()[name].get("volumes", ()):
        source, _, rest = mounted.partition(":")
        assert source in compose()["volumes"]
        assert rest.partition(":")[0] in made[8:]


@each_service
def test_whom_it_waits_for_can_be_seen_to_be_ready(name: str) -> None:
    for other, wanted in SERVICES[name].get("depends_on", {}).items():
        service = SERVICES[other]
        if wanted["condition"] == "service_healthy":
            ends_itself = service.get("healthcheck", {}).get("disable")
            assert not ends_itself
            assert other in ours() or "test" in service["healthcheck"]
        else:
            assert wanted["condition"] == "service_completed_successfully"
            assert service["restart"] == "no"
        # Somebody without a profile must not wait for one who has it.
        assert set(service.get("profiles", ())) <= set(SERVICES[name].get("profiles", ()))


@each_of_ours
def test_its_settings_exist_and_can_be_read(name: str) -> None:
    assert set(ours()[name]["environment"]) == SETTINGS, "each has a value, or is passed on"
    # A name without a value would also take away what the image says.
    passed_on = {each for each, text in ours()[name]["environment"].items() if text is None}
    assert not passed_on & set(image_environment())
    config = config_of(name)
    assert config.env == "production"
    # With both, nothing is embedded: PostgreSQL and Valkey are services of their own.
    assert config.db_connection_string
    assert config.redis_url
    role = "accessibletrader_owner" if name in ("migrate", "admin") else "accessibletrader"
    assert config.db_connection_string.startswith(f"postgresql://{role}:")


@each_of_ours
def test_its_command_exists_and_it_is_given_the_time_to_stop(name: str) -> None:
    service = ours()[name]
    assert is_command([*service.get("entrypoint", ()), *service.get("command", ())])
    assert int(service["stop_grace_period"].removesuffix("s")) > STOP_TIMEOUT_S + 2
    # Where the service keeps what it needs while it runs; the root cannot be written.
    mounted = {each.partition(":")[0] for each in service["tmpfs"]}
    assert mounted == {"/tmp", image_environment()["VAR_DIR"]}


def test_the_ports_agree() -> None:
    (app,) = published(SERVICES["app"])
    assert int(app[2]) == config_of("app").port
    (balancer,) = published(SERVICES["balancer"])
    conf = (ROOT / "deploy/nginx/default.conf").read_text()
    assert f"listen {balancer[2]};" in conf
    assert f"server web:{config_of('web').port} " in conf
    assert config_of("web").trusted_proxy_hops == 1
    assert config_of("app").trusted_proxy_hops == 0
    assert json.dumps(config_of("app").metrics_port) in (ROOT / "Dockerfile").read_text()


def test_the_balancer_leaves_a_connection_before_the_service_closes_it() -> None:
    # What is sent over one that is just being closed is answered by 502, if it is more than a question.
    conf = (ROOT / "deploy/nginx/default.conf").read_text()
    upstream = conf[conf.index("upstream ") : conf.index("}")]
    (idle_s,) = re.findall(r"keepalive_timeout (\d+)s;", upstream)
    assert int(idle_s) < KEEP_ALIVE_TIMEOUT_S
    page = (ROOT / "docs/deployment.md").read_text()
    assert f"`upstream-keepalive-timeout` to {idle_s}" in page


def test_prometheus_asks_every_process_that_counts_where_it_listens() -> None:
    prometheus = SERVICES["prometheus"]
    name = next(word for word in prometheus["command"] if word.startswith("--config.file=")).rpartition("/")[
        2
    ]
    asked = yaml.safe_load((ROOT / "deploy/prometheus" / name).read_text())
    ((found,),) = [job["dns_sd_configs"] for job in asked["scrape_configs"]]
    serving = {name for name in ours() if ours()[name].get("command") in (None, ["quart", "worker"])}
    assert "jobs" in serving
    assert set(found["names"]) == serving
    assert {config_of(name).metrics_port for name in serving} == {found["port"]}
    assert {config_of(name).metrics_host for name in serving} == {"0.0.0.0"}
    assert all((ROOT / "deploy/prometheus" / rules).exists() for rules in asked["rule_files"])
    for name in serving:
        assert set(SERVICES[name]["networks"]) & set(prometheus["networks"])
    sources = (ROOT / "deploy/grafana/provisioning/datasources").glob("*.yml")
    (source,) = [each for path in sources for each in yaml.safe_load(path.read_text())["datasources"]]
    assert source["url"] == "http://prometheus:9090"


def test_each_kind_of_process_does_its_part() -> None:
    assert [config_of(name).role for name in ("app", "web", "feed")] == ["all", "web", "feed"]
    assert {name: config_of(name).jobs for name in ("app", "web", "feed", "jobs")} == {
        "app": "embedded",
        "web": "apart",
        "feed": "apart",
        "jobs": "apart",
    }
    assert SERVICES["jobs"]["command"] == ["quart", "worker"]


def test_nobody_outside_reaches_the_database_or_the_cache() -> None:
    assert compose()["networks"]["data"]["internal"] is True
    for name in ("db", "cache"):
        assert SERVICES[name]["networks"] == ["data"]
        assert not published(SERVICES[name])


def test_the_cache_evicts_nothing_and_forgets_at_most_a_second() -> None:
    command = SERVICES["cache"]["command"]
    for name in ("maxmemory-policy", "save", "appendonly", "appendfsync"):
        assert command[command.index(f"--{name}") + 1] == (OPTIONS | DURABLE)[name]


def test_the_database_reports_to_nobody() -> None:
    assert SERVICES["db"]["environment"]["TIMESCALEDB_TELEMETRY"] == "off"
    hook = (ROOT / "deploy/database/010_roles.sh").read_text()
    for name in ("DATABASE_OWNER_PASSWORD", "DATABASE_PASSWORD"):
        assert f'"${name}"' in hook
        assert name in SERVICES["db"]["environment"]


def test_no_secret_stands_in_the_file() -> None:
    text = (ROOT / "compose.yaml").read_text()
    for line in text.splitlines():
        name, _, value = line.strip().partition(": ")
        if any(word in name for word in ("PASSWORD", "SECRET", "API_KEY")):
            assert not value or value.startswith("${"), line
    assert not Path(ROOT / "deploy/.env").exists()
