"""A user's price alerts: ``/api/v1/alerts``."""

from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator
from quart import Blueprint, g
from quart.typing import ResponseReturnValue

from blueprints.formats.alerts import format_alert
from blueprints.formats.announcement_models import AlertAnswer, AlertsPage
from middleware.auth_middleware import requires_user
from middleware.context import services
from middleware.documentation import OF_BARS, Answers, refusals, responses
from middleware.idempotency import answered, idempotent
from middleware.rate_limit import limit
from middleware.validation import RequestModel, json_body, query
from services.stores.alerts import AlertKind, AlertTerms, PriceAlert
from utils.domain import Timeframe
from utils.errors import FieldError, InvalidRequest
from utils.field_types import Name, TimeframeName, plain_decimal_schema, read_plain_decimal

BIGINT_MAX = 2**63 - 1
DEFAULT_TIMEFRAME = "1m"
WINDOW_S_MIN, WINDOW_S_MAX = 60, 24 * 60 * 60
# Any number that a program can write between these bounds, exactly.
PRICE_MIN, PRICE_MAX = 1e-12, 1e12
PERCENT_MIN, PERCENT_MAX = 1e-6, 1_000
BACK_PERCENT_MAX = 50
DECIMALS = Field(max_digits=43, decimal_places=30, allow_inf_nan=False)
Price = Annotated[
    Decimal,
    BeforeValidator(read_plain_decimal),
    DECIMALS,
    Field(ge=Decimal(repr(PRICE_MIN)), le=Decimal(repr(PRICE_MAX))),
    plain_decimal_schema(PRICE_MIN, PRICE_MAX),
]
Percent = Annotated[
    Decimal,
    BeforeValidator(read_plain_decimal),
    DECIMALS,
    Field(ge=Decimal(repr(PERCENT_MIN)), le=PERCENT_MAX),
    plain_decimal_schema(PERCENT_MIN, PERCENT_MAX),
]


def _none_or_some(value: Decimal) -> Decimal:
    if 0 < value < Decimal(repr(PERCENT_MIN)):
        raise ValueError(f"must be 0, or at least {PERCENT_MIN:f}.")
    return value


Back = Annotated[
    Decimal,
    BeforeValidator(read_plain_decimal),
    DECIMALS,
    Field(ge=0, le=BACK_PERCENT_MAX),
    AfterValidator(_none_or_some),
    plain_decimal_schema(PERCENT_MIN, BACK_PERCENT_MAX, {"const": 0}),
]

blueprint = Blueprint("alerts", __name__, url_prefix="/alerts")


class AlertsQuery(RequestModel):
    """``?limit=50&cursor=120``; the cursor is the ``next`` of the page before."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[int, Field(ge=0, le=BIGINT_MAX)] = 0


def _say_when(schema: dict[str, Any]) -> None:
    # What _says_when checks, as a schema can say it.
    given, left_out = {"not": {"type": "null"}}, {"type": "null"}
    schema["oneOf"] = [
        {
            "properties": {
                "kind": {"enum": [kind for kind in AlertKind if kind is not AlertKind.PERCENT_IN_WINDOW]},
                "level": given,
                "percent": left_out,
                "window_s": left_out,
            },
            "required": ["level"],
        },
        {
            "properties": {
                "kind": {"const": AlertKind.PERCENT_IN_WINDOW},
                "level": left_out,
                "percent": given,
                "window_s": given,
            },
            "required": ["percent", "window_s"],
        },
    ]


class AlertBody(RequestModel):
    """``{"symbol": "BTC/USD", "kind": "cross_above", "level": "60000"}``, or a percentage with a window."""

    model_config = ConfigDict(json_schema_extra=_say_when)

    symbol: Name
    kind: AlertKind
    market: Name | None = None
    exchange: Name | None = None
    timeframe: TimeframeName = DEFAULT_TIMEFRAME
    level: Price | None = None
    percent: Percent | None = None
    window_s: Annotated[int, Field(ge=WINDOW_S_MIN, le=WINDOW_S_MAX)] | None = None
    hysteresis_percent: Back = Decimal("0.1")
    repeats: bool = True

    @model_validator(mode="after")
    def _says_when(self) -> "AlertBody":
        crossing = self.level is not None and self.percent is None and self.window_s is None
        moving = self.level is None and self.percent is not None and self.window_s is not None
        if self.kind is AlertKind.PERCENT_IN_WINDOW and not moving:
            raise ValueError("percent_in_window needs percent and window_s, and no level.")
        if self.kind is not AlertKind.PERCENT_IN_WINDOW and not crossing:
            raise ValueError(f"{self.kind.value} needs a level, and neither percent nor window_s.")
        return self


@blueprint.get("")
@requires_user
@limit("default")
@query(AlertsQuery)
@responses(Answers(AlertsPage))
async def get_alerts(query: AlertsQuery) -> ResponseReturnValue:
    """Return your alerts in order of their id, and the cursor of the next page, null at the end."""
    book = services().announcing.alerts
    # One more than asked for shows whether there is a next page.
    found = await book.list(g.principal.user_id, after_alert_id=query.cursor, limit=query.limit + 1)
    page = found[: query.limit]
    following = str(page[-1].alert_id) if len(found) > query.limit else None
    return {"alerts": [format_alert(alert) for alert in page], "next": following}


@blueprint.post("")
@requires_user
@limit("default")
@idempotent
@json_body(AlertBody)
@responses(
    Answers(AlertAnswer, status=201),
    refuses=refusals(OF_BARS, {409: ("too_many_alerts", "too_many_alert_topics")}),
)
async def post_alert(body: AlertBody) -> ResponseReturnValue:
    """Add an alert: it watches every price from now on."""
    book = services().announcing.alerts
    return _made(await book.create(g.principal.user_id, await _terms(body), answered(_made)))


@blueprint.delete("/<int:alert_id>")
@requires_user
@limit("default")
@responses(Answers(status=204), refuses={404: ("unknown_alert",)})
async def delete_alert(alert_id: int) -> ResponseReturnValue:
    """Take an alert away."""
    await services().announcing.alerts.delete(g.principal.user_id, min(alert_id, BIGINT_MAX))
    return "", 204


def _made(alert: PriceAlert) -> ResponseReturnValue:
    return format_alert(alert), 201


async def _terms(body: AlertBody) -> AlertTerms:
    try:
        timeframe = Timeframe.parse(body.timeframe)
    except ValueError as error:
        detail = "timeframe must be a timeframe: like 1m, 1h or 1d."
        raise InvalidRequest(detail, errors=(FieldError("timeframe", "invalid", detail),)) from error
    market, exchange = await services().catalog.default_venue(body.market, body.exchange)
    (topic,) = await services().live.find_topics(market, exchange, (body.symbol,), timeframe)
    return AlertTerms(
        topic=topic,
        kind=body.kind,
        level=body.level,
        percent=body.percent,
        window_ms=None if body.window_s is None else body.window_s * 1_000,
        hysteresis_percent=body.hysteresis_percent,
        repeats=body.repeats,
    )
