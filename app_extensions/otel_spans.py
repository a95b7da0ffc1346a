"""Requests as spans of OpenTelemetry: named by their route, and without what only the client may know.

The middleware of OpenTelemetry is shown a request without its query, its headers and its client: tickets and
links stand in queries, tokens and cookies in headers, and who asks is nobody's business. Only what continues
a trace is left.
"""

import threading
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.instrumentation.asyncpg import AsyncPGInstrumentor
from opentelemetry.instrumentation.redis import RedisInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.types import Attributes
from quart import Quart

from config import Config
from middleware.request_log import ROUTE
from services.worker_name import worker_name
from utils.version import VERSION

EXPORT_TIMEOUT_S = 2.0
CLOSE_TIMEOUT_S = 3.0
TRACE_HEADERS = frozenset((b"traceparent", b"tracestate", b"host"))
# Under this the scope that is shown holds the one that is meant.
MEANT = "accessibletrader.scope"

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class RequestsOnly(Sampler):
    """Begin no trace but with a request: what a worker does by itself has neither a beginning nor an end."""

    def __init__(self, chosen: Sampler) -> None:
        self._chosen = chosen

    def should_sample(  # noqa: PLR0917 - the parameters are those of OpenTelemetry
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Return what the chosen sampler says, of a request and of what it caused."""
        caused = trace.get_current_span(parent_context).get_span_context().is_valid
        if kind is not SpanKind.SERVER and not caused:
            return SamplingResult(Decision.DROP)
        return self._chosen.should_sample(
            parent_context, trace_id, name, kind, attributes, links, trace_state
        )

    def get_description(self) -> str:
        """Return what this is called in the words of OpenTelemetry."""
        return f"RequestsOnly({self._chosen.get_description()})"


class OtelSpans:
    """Send a span of each request, and of what it asked PostgreSQL and Redis."""

    def __init__(self, config: Config) -> None:
        names = {
            "service.name": config.otel_service_name,
            "service.version": VERSION,
            "service.instance.id": worker_name(),
            "deployment.environment.name": config.env,
        }
        self._provider = TracerProvider(resource=Resource.create(names), shutdown_on_exit=False)
        # What it begins with is what OTEL_TRACES_SAMPLER says.
        self._provider.sampler = RequestsOnly(self._provider.sampler)
        endpoint = f"{config.otel_endpoint.rstrip('/')}/v1/traces"
        exporter = OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_TIMEOUT_S)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        instruments: tuple[Any, ...] = (AsyncPGInstrumentor, RedisInstrumentor)
        self._instruments = [instrument() for instrument in instruments]
        for instrument in self._instruments:
            instrument.instrument(tracer_provider=self._provider)

    def watch(self, app: Quart) -> None:
        """Trace every request of the app; a WebSocket, which lives for hours, is none."""
        inner: Any = app.asgi_app
        traced: Any = OpenTelemetryMiddleware(
            _named(inner),
            default_span_details=lambda scope: (str(scope["method"]), {}),
            tracer_provider=self._provider,
            exclude_spans=["receive", "send"],
        )

        async def shown(scope: Message, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                await traced(_shown(scope), receive, send)
            else:
                await inner(scope, receive, send)

        app.asgi_app = shown  # type: ignore[method-assign,assignment]  # the documented way to wrap a Quart app

    def close(self) -> None:
        """Send what is left, as far as the time allows; a collector that hangs keeps nobody."""
        for instrument in self._instruments:
            instrument.uninstrument()
        ending = threading.Thread(target=self._provider.shutdown, name="end of spans", daemon=True)
        ending.start()
        ending.join(CLOSE_TIMEOUT_S)


def problems(_: Config) -> list[str]:
    """Return what is wrong with the settings: nothing, where the address is one."""
    return []


def begin(config: Config) -> OtelSpans:
    """Begin to send spans."""
    return OtelSpans(config)


def _shown(scope: Message) -> Message:
    headers = [pair for pair in scope["headers"] if pair[0].lower() in TRACE_HEADERS]
    return {**scope, "query_string": b"", "headers": headers, "client": None, MEANT: scope}


def _named(app: App) -> App:
    async def named(scope: Message, receive: Receive, send: Send) -> None:
        meant, span = scope[MEANT], trace.get_current_span()

        async def watched(message: Message) -> None:
            # The rule is known when the answer begins, and a span that has ended keeps its name.
            if message["type"] == "http.response.start" and ROUTE in meant:
                span.update_name(f"{meant['method']} {meant[ROUTE]}")
                span.set_attribute("http.route", meant[ROUTE])
            await send(message)

        await app(meant, receive, watched)

    return named
