"""What every request passes: identity, access, limits, errors, logs. No business decisions."""

from dataclasses import dataclass

from quart import Quart

from middleware.client_address import TRUSTED_PROXY_HOPS
from middleware.early_answers import init_early_answers
from middleware.error_handler import init_error_handler
from middleware.fence import init_fence
from middleware.json_provider import StrictJSONProvider
from middleware.origins import init_origins
from middleware.rate_limit import init_rate_limit
from middleware.request_log import init_request_log
from middleware.security_headers import init_security_headers

BODY_BYTES_MAX = 64 * 1024
BODY_TIMEOUT_S = 10
FORM_PARTS_MAX = 10


@dataclass(frozen=True, slots=True)
class MiddlewareSettings:
    """Hold what the frame needs to know."""

    trusted_origins: tuple[str, ...] = ()
    trusted_proxy_hops: int = 0
    rate_limit_per_minute: int = 60
    workers: int = 1
    production: bool = False


def init_middleware(app: Quart, settings: MiddlewareSettings) -> None:
    """Install the frame; call it before the first route is added.

    Quart runs after-request functions last first: the request log is installed first and so sees what
    really goes out.
    """
    app.config["MAX_CONTENT_LENGTH"] = BODY_BYTES_MAX
    app.config["MAX_FORM_PARTS"] = FORM_PARTS_MAX
    app.config["BODY_TIMEOUT"] = BODY_TIMEOUT_S
    app.config[TRUSTED_PROXY_HOPS] = settings.trusted_proxy_hops
    # A doubled slash would be answered with a redirect page in HTML.
    app.url_map.merge_slashes = False
    app.json = StrictJSONProvider(app)
    init_fence(app, production=settings.production)
    init_request_log(app)
    init_security_headers(app, production=settings.production)
    init_origins(app, settings.trusted_origins)
    init_rate_limit(app, settings.rate_limit_per_minute, settings.workers)
    init_error_handler(app)
    init_early_answers(app, production=settings.production)
