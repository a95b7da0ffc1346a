"""The front page: for a browser the reference page of ``web/``, for a program what this is, in JSON.

The files are read once and found by name alone, so no path of a request ever reaches the file system.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from quart import Blueprint, Quart, Response, current_app, request

from blueprints.formats.system_models import FrontPage, Page
from middleware.auth_middleware import public_without_token
from middleware.context import services
from middleware.documentation import Answers, responses
from middleware.rate_limit import limit, limit_exempt
from services.answers import tag_matches
from utils.errors import NotFound, shorten
from utils.json_codec import encode_json
from utils.version import VERSION

blueprint = Blueprint("pages", __name__)

EXTENSION = "accessibletrader_pages"
FOLDER = Path(__file__).resolve().parents[1] / "web"
INDEX = "index.html"
JOBS = "jobs.html"
FEEDS = "feeds.html"
CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
FILE = ("ETag", "Cache-Control")
# Highcharts is not ours to give away. Whoever has a licence installs it here, or names its address.
HIGHCHARTS_FOLDER = Path("node_modules/highcharts")
HIGHCHARTS_FILES = ("highstock.js", "modules/accessibility.js", "modules/sonification.js")
HIGHCHARTS_HERE = "/web/highcharts"
# The page brings no script and no style in its HTML, and talks to nobody but this service.
POLICY = (
    "default-src 'none'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
OWN_POLICY = "script-src 'self'; style-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'"

DESCRIPTION = "Live and historical market prices, for people who cannot see a chart and for everybody."
LINKS = (
    {"title": "Exchanges of the simulated market", "href": "/market/get_exchanges?market=simulated"},
    {
        "title": "Symbols of the simulated exchange",
        "href": "/market/get_symbols?market=simulated&exchange=simex",
    },
    {
        "title": "Hourly bars of the simulated Bitcoin",
        "href": "/market/fetch_ohlcv?market=simulated&exchange=simex&symbol=BTC/USD&timeframe=1h",
    },
    {"title": "Exchanges for cryptocurrencies", "href": "/market/get_exchanges?market=crypto"},
    {
        "title": "Hourly bars of Bitcoin in US dollars on Bitstamp",
        "href": "/market/fetch_ohlcv?market=crypto&exchange=bitstamp&symbol=BTC/USD&timeframe=1h",
    },
    {"title": "State of this service", "href": "/health"},
)


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file of the page, ready to be sent."""

    body: bytes
    content_type: str
    etag: str


@dataclass(frozen=True, slots=True)
class Pages:
    """Hold the files by name, where Highcharts is (empty: nowhere), and what the browser is told of both."""

    files: Mapping[str, PageFile]
    highcharts_url: str
    policy: str


def init_pages(app: Quart, highcharts_url: str, folder: Path = FOLDER) -> None:
    """Read the page; ``highcharts_url`` is where browsers find a Highcharts that is not installed here."""
    files = {
        path.relative_to(folder).as_posix(): _read(path)
        for path in sorted(folder.rglob("*"))
        if path.suffix in CONTENT_TYPES and "node_modules" not in path.parts
    }
    installed = folder / HIGHCHARTS_FOLDER
    if not highcharts_url and all((installed / name).is_file() for name in HIGHCHARTS_FILES):
        highcharts_url = HIGHCHARTS_HERE
        files |= {f"highcharts/{name}": _read(installed / name) for name in HIGHCHARTS_FILES}
    app.extensions[EXTENSION] = Pages(files, highcharts_url.rstrip("/"), _policy(highcharts_url))


@blueprint.get("/")
@public_without_token
@limit("default")
@responses(
    Answers(FrontPage, headers=("Cache-Control", "Vary")),
    Answers(Page, media="text/html", headers=FILE),
    Answers(status=304, headers=FILE),
)
async def get_front_page() -> Response:
    """Show the page to a browser; tell a program what this is and what to try."""
    pages = _pages()
    if request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html":
        response = _answer(pages.files[INDEX], pages.policy)
    else:
        headers = {"Cache-Control": "no-store"}
        facts = encode_json(await _facts(pages))
        response = Response(facts, content_type="application/json", headers=headers)
    response.vary.add("Accept")
    return response


@blueprint.get("/admin/jobs")
@public_without_token
@limit("default")
@responses(Answers(Page, media="text/html", headers=FILE), Answers(status=304, headers=FILE))
async def get_jobs_page() -> Response:
    """Show the page of jobs, which asks for an admin's password before it shows any."""
    return _answer_admin(JOBS)


@blueprint.get("/admin/feeds")
@public_without_token
@limit("default")
@responses(Answers(Page, media="text/html", headers=FILE), Answers(status=304, headers=FILE))
async def get_feeds_page() -> Response:
    """Show the page of feeds, which asks for an admin's password before it shows any."""
    return _answer_admin(FEEDS)


@blueprint.get("/web/<path:name>")
@public_without_token
@limit_exempt("a page is made of many files, and they come from memory")
@responses(
    *(Answers(Page, media=kind.partition(";")[0], headers=FILE) for kind in CONTENT_TYPES.values()),
    Answers(status=304, headers=FILE),
)
async def get_page_file(name: str) -> Response:
    """Return one file that the page is made of."""
    pages = _pages()
    file = pages.files.get(name)
    if file is None:
        raise NotFound(f"The page has no file {shorten(name)}. The page itself is at /.")
    return _answer(file, pages.policy)


def _pages() -> Pages:
    pages = current_app.extensions[EXTENSION]
    assert isinstance(pages, Pages)
    return pages


async def _facts(pages: Pages) -> dict[str, object]:
    house = services()
    market, exchange = await house.catalog.default_venue(None, None)
    return {
        "name": "AccessibleTrader",
        "version": VERSION,
        "description": DESCRIPTION,
        "documentation": "README.md and the folder docs, beside the program.",
        "markets": sorted(house.plugins.by_market),
        "default_market": market,
        "default_exchange": exchange,
        "highcharts_url": pages.highcharts_url or None,
        "links": LINKS,
    }


def _answer_admin(name: str) -> Response:
    pages = _pages()
    response = _answer(pages.files[name], pages.policy)
    # As everything for admins; whoever comes back to it signs in again.
    response.headers["Cache-Control"] = "no-store"
    return response


def _answer(file: PageFile, policy: str) -> Response:
    # Kept by the browser, and asked after each time: a new version of the service is a new page at once.
    headers = {"ETag": file.etag, "Cache-Control": "no-cache", "Content-Security-Policy": policy}
    if tag_matches(", ".join(request.headers.getlist("If-None-Match")), file.etag):
        return Response(status=304, headers=headers)
    return Response(file.body, content_type=file.content_type, headers=headers)


def _read(path: Path) -> PageFile:
    body = path.read_bytes()
    return PageFile(body, CONTENT_TYPES[path.suffix], f'"{hashlib.sha256(body).hexdigest()[:32]}"')


def _policy(highcharts_url: str) -> str:
    if not highcharts_url:
        return f"{POLICY}; {OWN_POLICY}"
    # Highcharts writes styles into what it draws.
    address = urlsplit(highcharts_url)
    origin = f" {address.scheme}://{address.netloc}" if address.netloc else ""
    return f"{POLICY}; script-src 'self'{origin}; style-src 'self' 'unsafe-inline'"
