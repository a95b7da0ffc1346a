"""CSV that any reader of RFC 4180 takes, and the headers that carry the rest."""

import csv
import io
from dataclasses import replace
from email.message import Message
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blueprints.formats.csv_bars import csv_headers, encode_csv
from services.market_service import History
from tests.blueprints.formats.samples import (
    NEW_YEAR_MS,
    SILENCE,
    SMALL,
    STALE,
    histories,
    history_of,
)
from utils.domain import Gap, GapReason, Instrument, Span, Timeframe

GOLDEN = (
    b"time,open,high,low,close,volume,state,revision,source\r\n"
    b"2025-01-01T00:00:00Z,67123.45,67200,67100.1,67150,0.1,closed,0,exchange\r\n"
    b"2025-01-01T01:00:00Z,67150,67150,66000,66000.5,0.0000001,corrected,2,trades\r\n"
    b"2025-01-01T04:00:00Z,66000.5,66001,66000.5,66001,0,forming,0,derived\r\n"
)


def test_csv_is_exactly_this() -> None:
    assert encode_csv(SMALL) == GOLDEN
    assert csv_headers(SMALL) == {
        "Content-Disposition": 'attachment; filename="bitstamp-BTC-USD-1h.csv"',
        "X-Timeframe": "1h",
        "X-Stale": "false",
        "X-As-Of": "2025-01-01T04:30:00Z",
        "X-Gap-Count": "1",
        "X-Gaps": "2025-01-01T02:00:00Z/2025-01-01T04:00:00Z;reason=no_trades",
    }


def test_an_answer_without_bars_is_its_header_line() -> None:
    assert encode_csv(history_of()) == b"time,open,high,low,close,volume,state,revision,source\r\n"
    assert csv_headers(history_of())["X-Gap-Count"] == "0"
    assert "X-Gaps" not in csv_headers(history_of())


@given(histories())
def test_any_reader_of_csv_finds_nine_columns(history: History) -> None:
    text = encode_csv(history).decode()
    rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert {len(row) for row in rows} == {9}
    assert len(rows) == len(history.bars) + 1
    assert '"' not in text
    assert text.count("\n") == text.count("\r\n") == len(rows)


def test_a_stale_answer_says_so_and_leads_on() -> None:
    headers = csv_headers(STALE)
    assert headers["X-Stale"] == "true"
    assert headers["X-Next"] == str(NEW_YEAR_MS + 18_000_000)
    target, _, relation = headers["Link"].partition(">")
    assert relation == '; rel="next"'
    following = urlsplit(urljoin("https://example.org/api/v1/market/fetch_ohlcv?since=0", target[1:]))
    assert following.path == "/api/v1/market/fetch_ohlcv"
    assert parse_qs(following.query) == {
        "market": ["crypto"],
        "exchange": ["bitstamp"],
        "symbol": ["BTC/USD"],
        "timeframe": ["1h"],
        "since": [headers["X-Next"]],
        "limit": ["500"],
        "format": ["csv"],
    }


def test_the_link_keeps_the_end_and_the_limit_that_were_asked_for() -> None:
    bounded = replace(STALE, query=replace(STALE.query, end_ms=NEW_YEAR_MS + 10**9, limit=7))
    assert f"&limit=7&format=csv&until={NEW_YEAR_MS + 10**9}>" in csv_headers(bounded)["Link"]


def test_the_last_page_leads_nowhere() -> None:
    assert not {"X-Next", "Link"} & csv_headers(SMALL).keys()


def test_parts_of_a_second_are_written() -> None:
    assert csv_headers(replace(SMALL, as_of_ms=NEW_YEAR_MS + 1_007))["X-As-Of"] == "2025-01-01T00:00:01.007Z"


def test_more_gaps_than_a_header_holds_are_counted() -> None:
    gaps = tuple(
        Gap(Span(start_ms, start_ms + 3_600_000), GapReason.OUTAGE)
        for start_ms in range(NEW_YEAR_MS, NEW_YEAR_MS + 400 * 3_600_000, 7_200_000)
    )
    headers = csv_headers(history_of(gaps=gaps))
    assert headers["X-Gap-Count"] == "200"
    assert len(headers["X-Gaps"].split(", ")) == 20
    assert sum(len(name) + len(text) for name, text in headers.items()) < 2_000


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("BTC/USDT:USDT", "bitstamp-BTC-USDT-USDT-1h.csv"),
        ('A"B;C', "bitstamp-A-B-C-1h.csv"),
        ("../../etc", "bitstamp-..-..-etc-1h.csv"),
        ("BTC/USD\r\nSet-Cookie: a=b", "bitstamp-BTC-USD-Set-Cookie-a-b-1h.csv"),
    ],
)
def test_a_file_name_holds_nothing_that_a_file_or_a_header_minds(symbol: str, name: str) -> None:
    history = history_of(instrument=Instrument("crypto", "bitstamp", symbol), next_ms=1)
    assert csv_headers(history)["Content-Disposition"] == f'attachment; filename="{name}"'


def test_a_symbol_in_another_script_keeps_its_name() -> None:
    instrument = Instrument("crypto", "binance", "币安人生/USDT")
    header = csv_headers(history_of(instrument=instrument, timeframe=Timeframe(1, "M")))[
        "Content-Disposition"
    ]
    message = Message()
    message["Content-Disposition"] = header
    assert message.get_filename() == "binance--USDT-1M.csv"
    assert header.endswith("filename*=UTF-8''binance-%E5%B8%81%E5%AE%89%E4%BA%BA%E7%94%9F-USDT-1M.csv")


@given(st.text(min_size=1, max_size=64).filter(lambda text: text.encode("utf-8", "ignore").decode() == text))
def test_no_symbol_breaks_out_of_a_header(symbol: str) -> None:
    instrument = Instrument("crypto", "bitstamp", symbol)
    for text in csv_headers(history_of(instrument=instrument, gaps=(SILENCE,), next_ms=1)).values():
        assert text.isascii()
        assert text.isprintable()
