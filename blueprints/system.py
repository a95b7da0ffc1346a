"""How the service is doing: for load balancers and operators."""

from quart import Blueprint, Response, current_app

from blueprints.formats.health import format_health, format_ready
from blueprints.formats.system_models import HealthAnswer, LiveAnswer, ReadyAnswer
from middleware.auth_middleware import public_without_token
from middleware.context import services
from middleware.documentation import Answers, responses
from middleware.rate_limit import limit_exempt
from services.health import HealthStatus
from utils.json_codec import encode_json

blueprint = Blueprint("system", __name__)

# Set to true by the launcher when the service begins to stop.
DRAINING = "accessibletrader_draining"
STATE = ("Cache-Control",)
WATCHED = "load balancers and monitors ask this often, and must not be sent away"


@blueprint.get("/health")
@public_without_token
@limit_exempt(WATCHED)
@responses(Answers(HealthAnswer, headers=STATE), Answers(HealthAnswer, status=503, headers=STATE))
async def get_health() -> Response:
    """Say how the service, its database, its cache, its exchanges and its feeds are doing."""
    house = services()
    health = await house.health.check()
    body = format_health(health, house.clock.now_ms())
    return _answer(body, 503 if health.status is HealthStatus.UNAVAILABLE else 200)


@blueprint.get("/live")
@public_without_token
@limit_exempt(WATCHED)
@responses(Answers(LiveAnswer, headers=STATE))
async def get_live() -> Response:
    """Say that the process runs; asks nobody else, since a restart would not bring them back."""
    return _answer({"status": HealthStatus.OK}, 200)


@blueprint.get("/ready")
@public_without_token
@limit_exempt(WATCHED)
@responses(Answers(ReadyAnswer, headers=STATE), Answers(ReadyAnswer, status=503, headers=STATE))
async def get_ready() -> Response:
    """Say whether new requests should be sent here, and what is missing if they should nevertheless."""
    health = await services().health.check()
    body = format_ready(health, draining=bool(current_app.extensions.get(DRAINING)))
    return _answer(body, 200 if body["ready"] else 503)


def _answer(body: object, status: int) -> Response:
    # State is true for the moment it is asked.
    return Response(
        encode_json(body), status, content_type="application/json", headers={"Cache-Control": "no-store"}
    )
