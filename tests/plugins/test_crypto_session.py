"""Every address of every exchange is led to the endpoint, the real host in front of the path."""

from collections.abc import Iterator
from typing import Any

import ccxt
import ccxt.pro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.crypto_session import route

ENDPOINT = "http://127.0.0.1:9911"


@pytest.mark.parametrize(
    ("endpoint", "address", "routed"),
    [
        (
            ENDPOINT,
            "https://www.bitstamp.net/api/v2/ohlc/btcusd/?step=60",
            "http://127.0.0.1:9911/www.bitstamp.net/api/v2/ohlc/btcusd/?step=60",
        ),
        (ENDPOINT, "wss://ws.bitstamp.net", "ws://127.0.0.1:9911/ws.bitstamp.net"),
        (
            ENDPOINT + "/",
            "wss://stream.binance.com:9443/ws/0",
            "ws://127.0.0.1:9911/stream.binance.com:9443/ws/0",
        ),
        ("https://proxy.example/out", "wss://ws.kraken.com/v2", "wss://proxy.example/out/ws.kraken.com/v2"),
        ("https://proxy.example", "http://plain.example/x", "https://proxy.example/plain.example/x"),
        (
            ENDPOINT,
            "https://a.example/p?next=https://b.example",
            f"{ENDPOINT}/a.example/p?next=https://b.example",
        ),
    ],
)
def test_addresses_are_led_to_the_endpoint(endpoint: str, address: str, routed: str) -> None:
    assert route(endpoint, address) == routed


def addresses(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for inner in node.values():
            yield from addresses(inner)
    elif isinstance(node, str) and "://" in node:
        yield node


@pytest.mark.parametrize("exchange", ccxt.exchanges)
def test_no_address_of_any_exchange_escapes(exchange: str) -> None:
    client = getattr(ccxt.pro if exchange in ccxt.pro.exchanges else ccxt, exchange)()
    for address in addresses(client.urls["api"]):
        scheme, _, rest = address.partition("://")
        expected = "ws" if scheme in ("ws", "wss") else "http"
        assert route(ENDPOINT, address) == f"{expected}://127.0.0.1:9911/{rest}"


@given(st.sampled_from(["http", "https", "ws", "wss"]), st.text("abc/.?=&%:", min_size=1))
def test_nothing_of_an_address_is_lost_but_its_scheme(scheme: str, rest: str) -> None:
    assert route(ENDPOINT, f"{scheme}://{rest}").endswith(f"/{rest}")
