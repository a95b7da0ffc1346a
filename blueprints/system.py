"""How the service is doing: for load balancers and operators."""

from quart import Blueprint, Response, current_app

from blueprints.formats.system_models import HealthAnswer, LiveAnswer, ReadyAnswer
from middleware.auth_middleware import public_without_token
from middleware.context import services
from middleware.documentation import Answers, responses
from middleware.rate_limit import limit_exempt
from services.health import Health, HealthStatus, PartHealth, check_health
from utils.json_codec import encode_json
from utils.version import VERSION

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
    """Say how the service, its database and its cache are doing."""
    health = await _check()
    body = {
        "status": health.status,
        "version": VERSION,
        "database": _part(health.database),
        "cache": _part(health.cache),
    }
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
    health = await _check()
    draining = bool(current_app.extensions.get(DRAINING))
    ready = not draining and health.status is not HealthStatus.UNAVAILABLE
    parts = {"database": health.database, "cache": health.cache}
    degraded = [name for name, part in parts.items() if part.status is not HealthStatus.OK]
    body = {"ready": ready, "draining": draining, "degraded": degraded}
    return _answer(body, 200 if ready else 503)


async def _check() -> Health:
    house = services()
    return await check_health(house.pool, house.redis)


def _part(part: PartHealth) -> dict[str, object]:
    if part.latency_ms is None:
        return {"status": part.status}
    return {"status": part.status, "latency_ms": part.latency_ms}


def _answer(body: object, status: int) -> Response:
    # State is true for the moment it is asked.
    return Response(
        encode_json(body), status, content_type="application/json", headers={"Cache-Control": "no-store"}
    )
