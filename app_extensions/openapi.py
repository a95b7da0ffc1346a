"""The OpenAPI document of the routes, read off what their views declare.

quart-schema finds the routes, their summaries and parameters. What it says otherwise than it is, is said
here: required parameters, names of models, problem documents, headers, and answers that are no JSON.
"""

from collections.abc import Callable, Iterator
from typing import Any

from quart import Quart
from quart_schema import DataSource, HttpSecurityScheme, Info, OpenAPIProvider, QuartSchema, Server, Tag
from werkzeug.routing.converters import BaseConverter, UUIDConverter
from werkzeug.routing.rules import Rule

from app_extensions.openapi_words import DESCRIPTION, HEADERS, PARAMETERS, STATUS_WORDS, TAGS
from app_extensions.schemas import Schemas
from blueprints.formats.answer_model import ProblemDocument
from middleware.declarations import declared
from middleware.documentation import JSON, Answers, Codes, Failure, refusals
from utils.problems import CONTENT_TYPE
from utils.version import VERSION

EXTENSION = "accessibletrader_openapi"
VERSIONED = "/api/v1"
UNVERSIONED = "/api"
TWIN = "_v1"
FORM = "application/x-www-form-urlencoded"

EVERY_ROUTE = {400: ("bad_request",), 500: ("internal",)}
LIMITED = {429: ("rate_limited",), 503: ("database_unavailable", "timed_out")}
SIGNED_IN = {401: ("unauthorized", "invalid_token")}
WITH_TOKEN = {401: ("invalid_token",)}
WITH_QUERY = {422: ("invalid_request",)}
WITH_BODY = {
    400: ("malformed_json",),
    408: ("request_timeout",),
    413: ("payload_too_large",),
    415: ("unsupported_media_type",),
    422: ("invalid_request",),
}
IDEMPOTENT = {409: ("request_in_progress",), 422: ("idempotency_key_reused",)}

Document = dict[str, Any]
View = Callable[..., object]


def build_openapi(app: Quart) -> Document:
    """Return the OpenAPI 3.1 document of an app whose routes are all there."""
    described = QuartSchema(
        info=Info("AccessibleTrader", VERSION, description=DESCRIPTION),
        tags=[Tag(name, description) for name, description in TAGS.items()],
        servers=[Server("/", description="This service.")],
        security_schemes={"bearer": HttpSecurityScheme("bearer", "JWT")},
    )
    app.config.setdefault("QUART_SCHEMA_CONVERT_CASING", False)
    app.config.setdefault("QUART_SCHEMA_CONVERSION_PREFERENCE", "pydantic")
    provider = _Provider(app, described)
    document = provider.schema()
    document["info"]["license"] = {"name": "MIT", "identifier": "MIT"}
    document["paths"] = dict(sorted(document["paths"].items()))
    document["components"]["schemas"] = dict(sorted(provider.schemas.by_name.items()))
    document["components"]["headers"] = HEADERS
    return document


class _Provider(OpenAPIProvider):
    """Read the routes of one app, once."""

    def __init__(self, app: Quart, extension: QuartSchema) -> None:
        super().__init__(app, extension)
        self.schemas = Schemas()
        self._problem = self.schemas.answer(ProblemDocument)
        self._rules = {rule.rule for rule in app.url_map.iter_rules()}

    def generate_rules(self) -> Iterator[Rule]:
        """Yield the routes that are no WebSockets."""
        yield from (rule for rule in super().generate_rules() if rule.endpoint != "static")

    def build_paths(self, rule: Rule) -> tuple[Document, Document]:
        """Return the operations of a route, with answers and problems."""
        view = self._app.view_functions[rule.endpoint]
        paths, components = super().build_paths(rule)
        responses = _merged(self._problems(view, rule), self._answers(view))
        for path in paths.values():
            for method, operation in path.items():
                operation["tags"] = [rule.endpoint.partition(".")[0].removesuffix(TWIN)]
                operation["responses"] = {str(status): responses[status] for status in sorted(responses)}
                operation["operationId"] = self._name(rule)
                self._tidy(operation, method)
        return paths, components

    def build_path_parameter(self, name: str, converter: BaseConverter) -> Document:
        """Return a parameter of the path."""
        parameter = super().build_path_parameter(name, converter)
        schema = parameter["schema"]
        if isinstance(converter, UUIDConverter):
            schema["format"] = "uuid"
        elif schema["type"] == "integer":
            schema["minimum"] = 0
        else:
            schema["minLength"] = 1
        return parameter | {"description": PARAMETERS.get(name, "")}

    def build_querystring_parameters(self, model: Any) -> tuple[list[Document], Document]:
        """Return the parameters of a query."""
        schema = self.schemas.parameters(model)
        required = schema.get("required", ())
        parameters = [
            {
                "name": name,
                "in": "query",
                "required": name in required,
                "description": PARAMETERS.get(name, ""),
                "schema": shape,
            }
            for name, shape in schema["properties"].items()
        ]
        for parameter in parameters:
            if parameter["schema"].get("type") == "array":
                parameter |= {"style": "form", "explode": False}
        return parameters, {}

    def build_request_body(self, model: Any, source: Any) -> tuple[Document, Document]:
        """Return what a body has to be."""
        media = JSON if source == DataSource.JSON else FORM
        return {"required": True, "content": {media: {"schema": self.schemas.request(model)}}}, {}

    def _name(self, rule: Rule) -> str:
        name = rule.endpoint.rpartition(".")[2]
        twin = rule.rule.removeprefix(VERSIONED)
        # Some paths begin with /api without a version.
        has_twin = twin in self._rules or f"{UNVERSIONED}{twin}" in self._rules
        return f"{name}{TWIN}" if twin != rule.rule and has_twin else name

    def _answers(self, view: View) -> dict[int, Document]:
        found: dict[int, Document] = {}
        answers: tuple[Answers, ...] = declared(view, "answers") or ()  # type: ignore[assignment]
        for answer in answers:
            response: Document = found.setdefault(answer.status, {"description": STATUS_WORDS[answer.status]})
            names = ("X-Request-ID", *answer.headers)
            if declared(view, "limit") != "exempt":
                names += ("RateLimit", "RateLimit-Policy")
            if declared(view, "deprecation"):
                names += ("Deprecation", "Sunset", "Link")
            response["headers"] = _headers(names)
            if answer.model is not None:
                response.setdefault("content", {})[answer.media] = self._content(answer.model)
        return found

    def _content(self, model: Any) -> Document:
        examples = self.schemas.examples(model)
        content: Document = {"schema": self.schemas.answer(model)}
        if examples:
            content["examples"] = {name: {"value": value} for name, value in examples.items()}
        return content

    def _problems(self, view: View, rule: Rule) -> dict[int, Document]:
        failure: Failure | None = declared(view, "failure")  # type: ignore[assignment]
        content: Document = {CONTENT_TYPE: {"schema": self._problem}}
        if failure is not None:
            content = {failure.media: self._content(failure.model)}
        return {
            status: {
                "description": f"{STATUS_WORDS[status]} {_spoken(codes)}",
                "headers": _headers(("X-Request-ID", *_headers_of_problem(status))),
                "content": content,
                "x-codes": list(codes),
            }
            for status, codes in problems_of(view, has_parameters=bool(rule.arguments)).items()
        }

    @staticmethod
    def _tidy(operation: Document, method: str) -> None:
        for name in ("summary", "description"):
            operation[name] = operation.get(name, "").replace("``", "`").strip()
        if not operation["description"]:
            del operation["description"]
        if method in ("get", "delete"):
            operation.pop("requestBody", None)
        if not operation["parameters"]:
            del operation["parameters"]


def problems_of(view: View, *, has_parameters: bool) -> dict[int, Codes]:
    """Return the codes of every problem that a view may answer with, by status."""
    security: list[Document] = declared(view, "_quart_schema_security_tag") or []  # type: ignore[assignment]
    role = str(declared(view, "access")).startswith("role:")
    parts = [
        EVERY_ROUTE,
        {404: ("not_found",)} if has_parameters else {},
        LIMITED if declared(view, "limit") != "exempt" else {},
        SIGNED_IN if security and {} not in security else {},
        WITH_TOKEN if {} in security else {},
        {403: ("forbidden",)} if role else {},
        WITH_QUERY if declared(view, "query_model") else {},
        WITH_BODY if declared(view, "body_model") else {},
        IDEMPOTENT if declared(view, "idempotent") else {},
        declared(view, "refuses") or {},
    ]
    return dict(refusals(*parts))  # type: ignore[arg-type]


def _merged(problems: dict[int, Document], answers: dict[int, Document]) -> dict[int, Document]:
    """A status may have both: a page for people, and a problem for programs."""
    found = problems | answers
    for status in problems.keys() & answers.keys():
        content = problems[status]["content"] | answers[status].get("content", {})
        headers = problems[status]["headers"] | answers[status]["headers"]
        found[status] = problems[status] | {"content": content, "headers": headers}
    return found


def _headers_of_problem(status: int) -> tuple[str, ...]:
    return {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}.get(status, ())


def _headers(names: tuple[str, ...]) -> Document:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _spoken(codes: Codes) -> str:
    words = [f"`{code}`" for code in codes]
    return f"{' or '.join((', '.join(words[:-1]), words[-1]) if words[1:] else words)}."
