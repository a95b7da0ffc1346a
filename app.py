"""The application and the launcher: ``python app.py`` serves, ``create_app`` is for servers and tests."""

import sys

from quart import Quart

from app_extensions import init_app_extensions
from app_extensions.cli import register_cli
from app_extensions.documents import init_documents
from app_extensions.server import main
from blueprints import (
    admin,
    alerts,
    announcements,
    auth,
    candles,
    cryptocurrencies,
    datafeed,
    docs,
    first_admin,
    jobs,
    market,
    pages,
    problems,
    search,
    system,
    udf,
    users,
    versions,
    websocket,
)
from config import Config, ConfigError, load_config
from middleware import MiddlewareSettings, init_middleware
from utils.clock import Clock

VERSIONED = "/api/v1"


def create_app(config: Config | None = None, clock: Clock | None = None) -> Quart:
    """Return the app; it opens nothing before it serves."""
    # Our launcher and tests bring settings; `quart run` does not.
    alone = config is None
    config = config or _load_config_or_exit()
    app = Quart("accessibletrader", static_folder=None)
    app.debug = config.debug
    init_middleware(
        app,
        MiddlewareSettings(
            trusted_origins=config.trusted_origins,
            trusted_proxy_hops=config.trusted_proxy_hops,
            rate_limit_per_minute=config.rate_limit_per_minute,
            workers=config.workers,
            production=config.env == "production",
        ),
    )
    app.register_blueprint(system.blueprint)
    if config.role != "feed":
        pages.init_pages(app, config.highcharts_url)
        _register_blueprints(app)
        init_documents(app)
    init_app_extensions(app, config, clock, alone=alone)
    register_cli(app)
    return app


def _load_config_or_exit() -> Config:
    # Reached from `quart …`, where a stack of calls would bury the sentences.
    try:
        return load_config()
    except ConfigError as error:
        raise SystemExit(str(error)) from error


def _register_blueprints(app: Quart) -> None:
    app.register_blueprint(pages.blueprint)
    app.register_blueprint(websocket.blueprint)
    app.register_blueprint(market.blueprint)
    app.register_blueprint(auth.blueprint)
    app.register_blueprint(udf.blueprint)
    app.register_blueprint(datafeed.blueprint, url_prefix=f"{VERSIONED}/datafeed")
    # The versioned twins share the views.
    app.register_blueprint(market.blueprint, name="market_v1", url_prefix=f"{VERSIONED}/market")
    app.register_blueprint(search.blueprint)
    app.register_blueprint(search.blueprint, name="search_v1", url_prefix=f"{VERSIONED}/market")
    app.register_blueprint(auth.blueprint, name="auth_v1", url_prefix=f"{VERSIONED}/auth")
    app.register_blueprint(candles.blueprint)
    app.register_blueprint(candles.blueprint, name="candles_v1", url_prefix=VERSIONED)
    app.register_blueprint(announcements.blueprint)
    app.register_blueprint(
        announcements.blueprint, name="announcements_v1", url_prefix=f"{VERSIONED}/announcements"
    )
    app.register_blueprint(alerts.blueprint, url_prefix=f"{VERSIONED}/alerts")
    app.register_blueprint(cryptocurrencies.blueprint, url_prefix=f"{VERSIONED}/cryptocurrencies")
    app.register_blueprint(users.blueprint, url_prefix=f"{VERSIONED}/users")
    app.register_blueprint(first_admin.blueprint)
    app.register_blueprint(problems.blueprint)
    app.register_blueprint(docs.blueprint)
    app.register_blueprint(versions.blueprint)
    app.register_blueprint(versions.blueprint, name="versions_v1", url_prefix=VERSIONED)
    app.register_blueprint(versions.index, url_prefix=VERSIONED)
    app.register_blueprint(system.blueprint, name="system_v1", url_prefix=VERSIONED)
    app.register_blueprint(admin.blueprint, url_prefix=f"{VERSIONED}/admin")
    app.register_blueprint(jobs.blueprint, url_prefix=f"{VERSIONED}/admin/jobs")


if __name__ == "__main__":
    sys.exit(main(create_app))
