"""Columns are found by the names that people's files have, or the names found are told."""

import pytest

from services.csv_columns import CsvColumns, find_header
from utils.errors import InvalidRequest


def columns(header: str, base: str = "BTC") -> CsvColumns:
    index, found = find_header([header], base)
    assert index == 0
    return found


def picked(header: str, base: str = "BTC") -> list[str]:
    """Return the names of the columns taken for time, open, high, low, close and volume."""
    found = columns(header, base)
    names = header.strip().split(found.delimiter)
    places = (*found.time, found.open, found.high, found.low, found.close, found.volume)
    return [names[place] for place in places]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        # Our own, CryptoDataDownload, Kaggle, Yahoo, TradingView, Binance, MetaTrader, and a recorded one.
        ("open_time_ms,open,high,low,close,volume", None),
        ("time,open,high,low,close,volume", "time,open,high,low,close,volume"),
        (
            "unix,date,symbol,open,high,low,close,Volume BTC,Volume USD",
            "unix,open,high,low,close,Volume BTC",
        ),
        (
            "Timestamp,Open,High,Low,Close,Volume_(BTC),Volume_(Currency),Weighted_Price",
            "Timestamp,Open,High,Low,Close,Volume_(BTC)",
        ),
        ("Date,Open,High,Low,Close,Adj Close,Volume", "Date,Open,High,Low,Close,Volume"),
        ("Date,Open,High,Low,Adj Close,Volume", "Date,Open,High,Low,Adj Close,Volume"),
        ("time,open,high,low,close,Volume,Volume MA", "time,open,high,low,close,Volume"),
        (
            "openTime,o,h,l,c,v,closeTime,quoteVolume,count",
            "openTime,o,h,l,c,v",
        ),
        (
            "<DATE>;<TIME>;<OPEN>;<HIGH>;<LOW>;<CLOSE>;<VOL>",
            "<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>",
        ),
        ("date,unix,low,high,open,close,volume,vol_fiat", "unix,open,high,low,close,volume"),
        ("DATE\tOPEN\tHIGH\tLOW\tCLOSE\tVOLUME", "DATE,OPEN,HIGH,LOW,CLOSE,VOLUME"),
        ("Date|Open|High|Low|Last|Vol", "Date,Open,High,Low,Last,Vol"),
    ],
)
def test_files_of_many_makers_are_understood(header: str, expected: str | None) -> None:
    assert picked(header) == (expected or header).split(",")


def test_names_in_quotes_and_with_spaces_are_the_same_names() -> None:
    found = columns('"Date", "Open" ,"High","Low","Close","Volume"\r\n')
    assert (found.time, found.open, found.volume, found.width) == ((0,), 1, 5, 6)


def test_the_volume_is_that_of_what_is_traded() -> None:
    header = "date,open,high,low,close,Volume ETH,Volume BTC"
    assert picked(header, "ETH")[-1] == "Volume ETH"
    assert picked(header, "BTC")[-1] == "Volume BTC"
    with pytest.raises(InvalidRequest, match="no column for volume"):
        columns(header, "SOL")


def test_lines_above_the_names_are_passed_over() -> None:
    lines = [
        "https://www.example.org/data\n",
        "\n",
        "Date,Open,High,Low,Close,Volume\n",
        "2024-01-01,1,1,1,1,1\n",
    ]
    index, found = find_header(lines, "BTC")
    assert (index, found.width) == (2, 6)


NAME_THEM = "Name them time, open, high, low, close and volume in the first line."


@pytest.mark.parametrize(
    ("header", "wrong", "found"),
    [
        (
            "date,open,high,low,close",
            "The file has no column for volume.",
            "Its columns are: date, open, high, low, close.",
        ),
        (
            "day of week,price,close_time",
            "The file has no column for time, open, high, low, close and volume.",
            "Its columns are: day of week, price, close_time.",
        ),
        (
            "1704063600000,42252.3,{0},42066.35,42288.06,626.7",
            "The file has no column for time, open, high, low, close and volume.",
            "Its columns are: 1704063600000, 42252.3, {0}, 42066.35, 42288.06, 626.7.",
        ),
        (
            ",,",
            "The file has no column for time, open, high, low, close and volume.",
            "It names no columns.",
        ),
    ],
)
def test_a_missing_column_is_a_sentence_that_names_those_found(header: str, wrong: str, found: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        columns(header)
    assert caught.value.detail == f"{wrong} {found} {NAME_THEM}"


def test_two_columns_of_one_name_are_a_sentence_too() -> None:
    with pytest.raises(InvalidRequest) as caught:
        columns("date,open,high,low,close,Close,volume")
    assert caught.value.detail == (
        "The file has several columns named close, and any of them could be the close. "
        "Its columns are: date, open, high, low, close, Close, volume. Keep one of them."
    )


def test_the_close_time_is_not_taken_for_the_open() -> None:
    with pytest.raises(InvalidRequest, match="no column for time"):
        columns("close_time,open,high,low,close,volume")


def test_the_line_most_like_names_is_the_one_told_of() -> None:
    with pytest.raises(InvalidRequest, match="Its columns are: date, open, high"):
        find_header(["some remark\n", "date,open,high\n", "2024-01-01,1,1\n"], "BTC")


def test_an_empty_file_is_told_to_be_empty() -> None:
    with pytest.raises(InvalidRequest, match="The file is empty"):
        find_header([], "BTC")


def test_a_wide_or_hostile_header_does_not_fill_the_screen() -> None:
    names = ",".join(["x" * 500, *(f"column{number}" for number in range(300))])
    with pytest.raises(InvalidRequest) as caught:
        columns(names)
    assert len(caught.value.detail) < 700
    assert "and 281 more" in caught.value.detail
