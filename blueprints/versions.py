"""Which versions there are, and what this service is: for programs that decide whether to talk to it."""

from quart import Blueprint
from quart.typing import ResponseReturnValue

from blueprints.formats.system_models import Info, Ping, Version, Versions
from middleware.auth_middleware import public_without_token
from middleware.context import services
from middleware.documentation import Answers, responses
from middleware.rate_limit import limit, limit_exempt
from utils.version import API_VERSION, API_VERSIONS, VERSION

blueprint = Blueprint("versions", __name__)
# The root of a version: only there once it has a path.
index = Blueprint("versions_index", __name__)

NAME = "AccessibleTrader"
DESCRIPTION = "Live and historical market prices, for people who cannot see a chart and for everybody."
DOCUMENTS = (
    {"title": "The HTTP interface, for people", "href": "/docs"},
    {"title": "The HTTP interface, for programs", "href": "/openapi.json"},
    {"title": "The WebSockets, for people", "href": "/docs/websockets"},
    {"title": "The WebSockets, for programs", "href": "/asyncapi.json"},
    {"title": "What the codes of problems mean", "href": "/docs/problems"},
)
MOMENT = {"Cache-Control": "no-store"}


@blueprint.get("/version")
@public_without_token
@limit("default")
@responses(Answers(Version))
async def get_version() -> ResponseReturnValue:
    """Return the version of the service and of its interface."""
    return {"version": VERSION, "api_version": API_VERSION}


@blueprint.get("/versions")
@public_without_token
@limit("default")
@responses(Answers(Versions))
async def get_versions() -> ResponseReturnValue:
    """Return every version of the interface, and how long each will be there."""
    return {
        "current": API_VERSION,
        "versions": [
            {
                "name": each.name,
                "path": f"/api/{each.name}",
                "state": each.state,
                "deprecated_on": each.deprecated_on,
                "sunset_on": each.sunset_on,
            }
            for each in API_VERSIONS
        ],
    }


@blueprint.get("/ping")
@public_without_token
@limit_exempt("a question about the line must not be refused for being asked")
@responses(Answers(Ping, headers=("Cache-Control",)))
async def get_ping() -> ResponseReturnValue:
    """Answer at once, with the clock of the service; asks neither the database nor the cache."""
    return {"pong": True, "server_time_ms": services().clock.now_ms()}, MOMENT


@blueprint.get("/info")
@public_without_token
@limit("default")
@responses(Answers(Info))
async def get_info() -> ResponseReturnValue:
    """Return what this service is, its markets, and where it is documented."""
    return await _info()


@index.get("/")
@public_without_token
@limit("default")
@responses(Answers(Info))
async def get_index() -> ResponseReturnValue:
    """Return what this service is, as a version's root."""
    return await _info()


async def _info() -> dict[str, object]:
    house = services()
    market, exchange = await house.catalog.default_venue(None, None)
    return {
        "name": NAME,
        "version": VERSION,
        "api_version": API_VERSION,
        "description": DESCRIPTION,
        "markets": sorted(house.plugins.by_market),
        "default_market": market,
        "default_exchange": exchange,
        "documents": list(DOCUMENTS),
    }
