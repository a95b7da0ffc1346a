"""The service as a process that sends reports and spans to a server on loopback."""

import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from app_extensions.reports_elsewhere import check_extras
from config import ConfigError, load_config
from tests.embedded.processes import wait_for
from tests.launcher.conftest import ROOT, Service, beside, launch
from tests.reports.receiver import Receiver

__all__ = ["beside", "launch"]

FAILING = Path(__file__).with_name("failing_app.py")
CANARY = "canary-"
EXIT_SETTINGS = 2


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    opened = Receiver()
    yield opened
    opened.close()


def fail(service: Service) -> str:
    """Ask for a failure with every secret that a request can hold, and return the id of the request."""
    request = urllib.request.Request(
        f"{service.url}/fails/loudly?ticket=canary-query&token=canary-token",
        json.dumps({"password": "canary-body"}).encode(),
        {
            "Content-Type": "application/json",
            "Cookie": "session=canary-cookie",
            "Authorization": "Bearer canary-header",
            "X-Api-Key": "canary-key",
            "User-Agent": "canary-agent",
            "X-Request-ID": "request-of-a-test",
        },
    )
    with pytest.raises(urllib.error.HTTPError) as failure:
        urllib.request.urlopen(request, timeout=20)
    answer = json.loads(failure.value.read())
    failure.value.close()
    assert (answer["status"], answer["code"]) == (500, "internal")
    return str(answer["request_id"])


def events(receiver: Receiver) -> list[dict[str, Any]]:
    """Return the events that envelopes hold: a line of each item's kind, and the item."""
    found = []
    for envelope in receiver.of("/envelope/"):
        lines = envelope.split(b"\n")
        for head, item in zip(lines[1::2], lines[2::2], strict=False):
            if json.loads(head)["type"] == "event":
                found.append(json.loads(item))
    return found


def spans(receiver: Receiver) -> list[Any]:
    requests = (ExportTraceServiceRequest.FromString(body) for body in receiver.of("/v1/traces"))
    return [
        span
        for request in requests
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def test_a_failure_is_reported_and_traced_without_a_secret(
    launch: Callable[..., Service], beside: dict[str, str], receiver: Receiver
) -> None:
    service = launch(
        FAILING,
        **beside,
        SENTRY_DSN=f"http://public@{receiver.address}/7",
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{receiver.address}",
        OTEL_SERVICE_NAME="prices",
        OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST=".*",
    )
    request_id = fail(service)
    for _ in range(2):
        service.get("/market/get_exchanges?market=simulated")
    assert service.stop() == 0

    (event,) = events(receiver)
    assert event["exception"]["values"][-1]["type"] == "RuntimeError"
    assert event["exception"]["values"][-1]["value"].startswith("loudly 15 failed: ")
    frames = event["exception"]["values"][-1]["stacktrace"]["frames"]
    assert frames[-1]["function"] == "post_fails"
    assert not [frame for frame in frames if "vars" in frame]
    assert event["transaction"] == "/fails/<name>"
    assert event["tags"]["request_id"] == request_id == "request-of-a-test"
    assert event["request"] == {"method": "POST", "url": "/fails/loudly"}
    assert event["environment"] == "test"
    assert not {"breadcrumbs", "user", "modules"} & event.keys() or not event.get("breadcrumbs", {}).get(
        "values"
    )

    traced = spans(receiver)
    servers = [span for span in traced if not span.parent_span_id]
    assert [span.name for span in servers] == [
        "POST /fails/<name>",
        "GET /market/get_exchanges",
        "GET /market/get_exchanges",
    ]
    failed = servers[0]
    attributes = {each.key: each.value for each in failed.attributes}
    assert attributes["http.route"].string_value == "/fails/<name>"
    children = {span.name for span in traced if span.trace_id == failed.trace_id and span is not failed}
    assert {"SELECT", "PING"} <= children
    assert not [span.name for span in traced if span.name.endswith(("receive", "send"))]

    for path, body in receiver.bodies:
        text = body.decode(errors="replace")
        assert CANARY not in text, (path, text[max(0, text.find(CANARY) - 200) : text.find(CANARY) + 80])


@pytest.mark.long
def test_who_takes_nothing_keeps_the_service_from_nothing(
    launch: Callable[..., Service], beside: dict[str, str], receiver: Receiver
) -> None:
    receiver.answers.clear()
    service = launch(
        FAILING,
        **beside,
        SENTRY_DSN=f"http://public@{receiver.address}/7",
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{receiver.address}",
    )
    for _ in range(5):
        fail(service)
    wait_for(lambda: receiver.bodies, timeout_s=20, what="a report that nobody answers")
    assert service.get("/live") == {"status": "ok"}
    assert service.stop() == 0


@pytest.mark.parametrize(
    ("setting", "extra", "module"),
    [("SENTRY_DSN", "sentry", "sentry_sdk"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "otel", "opentelemetry")],
)
def test_a_setting_without_its_extra_is_one_sentence_and_no_start(
    launch: Callable[..., Service], tmp_path: Path, setting: str, extra: str, module: str
) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / f"{module}.py").write_text("raise ImportError\n")
    service = launch(
        wait=False, PYTHONPATH=f"{hidden}{os.pathsep}{ROOT}", **{setting: "http://key@127.0.0.1:1/1"}
    )
    assert service.exit_code() == EXIT_SETTINGS
    assert f"{setting} is set, but the extra {extra} is not installed." in service.complained
    assert "Traceback" not in service.complained


def test_an_address_that_sentry_never_gave_is_refused() -> None:
    settings = {"ENV": "test", "SECRET_KEY": "x" * 40, "SENTRY_DSN": "http://127.0.0.1/without-a-key"}
    with pytest.raises(ConfigError, match="SENTRY_DSN must be an address as Sentry gives it"):
        check_extras(load_config(settings, dotenv=None))


def test_without_the_settings_neither_library_is_imported(
    launch: Callable[..., Service], tmp_path: Path
) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    for module in ("sentry_sdk", "opentelemetry"):
        (hidden / f"{module}.py").write_text("raise ImportError\n")
    service = launch(PYTHONPATH=f"{hidden}{os.pathsep}{ROOT}")
    assert service.get("/health")["worker"]
    assert service.stop() == 0
