"""The reference page as it is served: to browsers and programs, kept and fresh, and nothing beside it."""

from pathlib import Path

import pytest
from quart import Quart
from quart.typing import TestClientProtocol as Client

from blueprints.pages import EXTENSION, FOLDER, HIGHCHARTS_FILES, init_pages

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
FILES = sorted(path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.suffix in TYPES)


def directives(policy: str) -> dict[str, str]:
    return {name: values for name, _, values in (part.strip().partition(" ") for part in policy.split(";"))}


async def test_a_browser_gets_the_page_and_a_program_gets_facts(client: Client) -> None:
    page = await client.get("/", headers=BROWSER)
    facts = await client.get("/", headers={"Accept": "*/*"})
    assert page.content_type == "text/html; charset=utf-8"
    assert await page.get_data() == (FOLDER / "index.html").read_bytes()
    assert facts.content_type == "application/json"
    assert "simulated" in (await facts.get_json())["markets"]
    assert "accept" in page.vary
    assert "accept" in facts.vary


async def test_the_page_may_run_its_own_scripts_and_nothing_else(client: Client) -> None:
    response = await client.get("/", headers=BROWSER)
    policy = directives(response.headers["Content-Security-Policy"])
    assert (policy["default-src"], policy["script-src"], policy["connect-src"]) == (
        "'none'",
        "'self'",
        "'self'",
    )
    assert policy["trusted-types"] == "'none'"
    assert "unsafe" not in response.headers["Content-Security-Policy"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_every_file_of_the_page_is_served_with_its_type(client: Client) -> None:
    for name in FILES:
        response = await client.get(f"/web/{name}")
        assert response.status_code == 200, name
        assert await response.get_data() == (FOLDER / name).read_bytes(), name
        assert response.content_type.partition(";")[0] in (
            "text/html",
            "text/javascript",
            "text/css",
            "image/svg+xml",
        )


async def test_a_browser_that_has_a_file_is_told_to_keep_it(client: Client) -> None:
    for path, headers in (("/", BROWSER), ("/web/index.html", {})):
        first = await client.get(path, headers=headers)
        again = await client.get(path, headers=headers | {"If-None-Match": first.headers["ETag"]})
        other = await client.get(path, headers=headers | {"If-None-Match": '"another"'})
        assert (again.status_code, await again.get_data(), other.status_code) == (304, b"", 200)
        assert first.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    "name",
    [
        "../config.py",
        "..%2fconfig.py",
        "%2e%2e/config.py",
        "locales/../../app.py",
        "/etc/passwd",
        "",
        "nothing.js",
    ],
)
async def test_nothing_outside_of_the_page_can_be_had(client: Client, name: str) -> None:
    response = await client.get(f"/web/{name}")
    assert response.status_code == 404
    assert response.content_type == "application/problem+json"


async def test_asking_for_the_files_of_a_page_uses_up_no_calls(client: Client) -> None:
    response = await client.get("/web/index.html")
    assert "RateLimit" not in response.headers


def make_page(folder: Path, *names: str) -> Path:
    for name in ("index.html", *names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


async def test_highcharts_is_served_where_the_user_has_installed_it(app: Quart, tmp_path: Path) -> None:
    names = [f"node_modules/highcharts/{name}" for name in HIGHCHARTS_FILES]
    init_pages(app, "", make_page(tmp_path, *names, "node_modules/other/other.js"))
    client = app.test_client()
    facts = await (await client.get("/")).get_json()
    assert facts["highcharts_url"] == "/web/highcharts"
    for name in HIGHCHARTS_FILES:
        response = await client.get(f"/web/highcharts/{name}")
        assert (response.status_code, response.content_type) == (200, "text/javascript; charset=utf-8")
    assert (await client.get("/web/node_modules/other/other.js")).status_code == 404


async def test_a_page_without_highcharts_names_no_address_of_it(app: Quart, tmp_path: Path) -> None:
    init_pages(app, "", make_page(tmp_path, f"node_modules/highcharts/{HIGHCHARTS_FILES[0]}"))
    assert (await (await app.test_client().get("/")).get_json())["highcharts_url"] is None


async def test_the_address_of_highcharts_is_let_in_and_no_other(app: Quart, tmp_path: Path) -> None:
    init_pages(app, "https://code.highcharts.com/stock/", make_page(tmp_path))
    client = app.test_client()
    response = await client.get("/", headers=BROWSER)
    policy = directives(response.headers["Content-Security-Policy"])
    assert policy["script-src"] == "'self' https://code.highcharts.com"
    assert app.extensions[EXTENSION].highcharts_url == "https://code.highcharts.com/stock"
