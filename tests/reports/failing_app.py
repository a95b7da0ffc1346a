"""The whole app, and a door behind which things fail and name secrets; it is run like ``app.py``."""

import sys

from quart import Blueprint, Quart

from app import create_app
from app_extensions.server import main
from config import Config
from middleware.auth_middleware import public_without_token
from middleware.context import services
from middleware.rate_limit import limit

doors = Blueprint("doors", __name__)


@doors.post("/fails/<name>")
@public_without_token
@limit("default")
async def post_fails(name: str) -> str:
    """Ask PostgreSQL and Redis, and fail."""
    house = services()
    await house.pool.fetchval("SELECT 1")
    await house.redis.ping()
    local = "elbairav-yranac"[::-1]
    raise RuntimeError(
        f"{name} {len(local)} failed: Authorization: Bearer canary-bearer, password=canary-password, "
        "wss://example.org/ws?ticket=canary-ticket, postgresql://ada:canary-dsn@host/name"
    )


def create_failing_app(config: Config) -> Quart:
    """Return the app with its door."""
    app = create_app(config)
    app.register_blueprint(doors)
    return app


if __name__ == "__main__":
    sys.exit(main(create_failing_app))
