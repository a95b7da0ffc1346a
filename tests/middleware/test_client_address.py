import pytest
from hypothesis import given
from hypothesis import strategies as st
from quart import Quart, request, websocket

from middleware.client_address import address_group, client_address
from tests.middleware.conftest import MakeApp


async def seen(app: Quart, peer: str | None, *forwarded: str) -> str:
    @app.get("/whoami")
    async def whoami() -> str:
        return client_address()

    headers = [("X-Forwarded-For", value) for value in forwarded] + [("Remote-Addr", "203.0.113.99")]
    scope_base = {"client": None if peer is None else (peer, 1)}
    response = await app.test_client().get("/whoami", headers=headers, scope_base=scope_base)
    return str(await response.get_data(as_text=True))


@pytest.mark.parametrize(
    ("hops", "peer", "forwarded", "address"),
    [
        (0, "192.0.2.1", ["198.51.100.1"], "192.0.2.1"),
        (0, None, ["198.51.100.1"], "local"),
        (0, "", [], "local"),
        (1, "10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        (1, "10.0.0.1", ["203.0.113.7, 198.51.100.1"], "198.51.100.1"),
        (1, "10.0.0.1", ["203.0.113.7", "198.51.100.1"], "198.51.100.1"),
        (2, "10.0.0.1", ["203.0.113.7, 198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        (1, None, ["198.51.100.1"], "198.51.100.1"),
        (2, "10.0.0.1", ["198.51.100.1"], "10.0.0.1"),
        (1, "10.0.0.1", [], "10.0.0.1"),
        (1, "10.0.0.1", ["unknown"], "10.0.0.1"),
        (1, "10.0.0.1", [" " * 80 + "198.51.100.1"], "10.0.0.1"),
        (1, "10.0.0.1", ["198.51.100.1:4711"], "198.51.100.1"),
        (1, "10.0.0.1", ["[2001:db8::1]:4711"], "2001:db8::1"),
        (1, "10.0.0.1", ["2001:DB8::1"], "2001:db8::1"),
        (0, "::ffff:192.0.2.1", [], "192.0.2.1"),
    ],
)
async def test_only_the_configured_proxies_are_believed(
    make_app: MakeApp, hops: int, peer: str | None, forwarded: list[str], address: str
) -> None:
    assert await seen(make_app(trusted_proxy_hops=hops), peer, *forwarded) == address


@pytest.mark.parametrize("hops", [0, 1, 2])
async def test_what_no_proxy_of_ours_writes_says_nothing(make_app: MakeApp, hops: int) -> None:
    app = make_app(trusted_proxy_hops=hops)
    proxies = ["198.51.100.1", "10.0.0.2"][:hops]

    @app.get("/whoami")
    async def whoami() -> dict[str, str]:
        return {"address": client_address(), "scheme": request.scheme, "host": request.host}

    async def told(*headers: tuple[str, str]) -> object:
        passed_on = [("X-Forwarded-For", ", ".join(["203.0.113.66", *proxies]))] if hops else []
        response = await app.test_client().get(
            "/whoami", headers=[*headers, *passed_on], scope_base={"client": ("192.0.2.1", 1)}
        )
        return await response.get_json()

    forged = [
        ("Forwarded", 'for="203.0.113.9";proto=https;host=evil.example'),
        ("X-Real-IP", "203.0.113.9"),
        ("X-Client-IP", "203.0.113.9"),
        ("CF-Connecting-IP", "203.0.113.9"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "evil.example"),
        # Further to the left than any proxy of ours writes.
        ("X-Forwarded-For", "203.0.113.9"),
    ]
    honest = await told()
    assert honest == {
        "address": "198.51.100.1" if hops else "192.0.2.1",
        "scheme": "http",
        "host": "localhost",
    }
    for header in forged:
        assert await told(header) == honest, header
    assert await told(*forged) == honest


async def test_a_websocket_has_an_address_too(make_app: MakeApp) -> None:
    app = make_app(trusted_proxy_hops=1)

    @app.websocket("/ws")
    async def ws() -> None:
        await websocket.send(client_address())

    headers = {"X-Forwarded-For": "198.51.100.1"}
    async with app.test_client().websocket("/ws", headers=headers) as connection:
        assert await connection.receive() == "198.51.100.1"


@pytest.mark.parametrize(
    ("address", "group"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("local", "local"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
    ],
)
def test_one_ipv6_network_counts_as_one_client(address: str, group: str) -> None:
    assert address_group(address) == group


@given(st.ip_addresses().map(str))
def test_every_address_has_a_group(address: str) -> None:
    assert address_group(address)
