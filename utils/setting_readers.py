"""How a setting is declared, and how its text is read: each reader says what it wants when it cannot read."""

import dataclasses
import re
from collections.abc import Callable
from datetime import date
from typing import Any
from urllib.parse import urlsplit

PORT_MAX = 65_535


def setting(name: str, default: Any, read: Callable[[str], Any], sentence: str) -> Any:
    """Declare a setting: its environment name, default, reader and the sentence that explains it."""
    return dataclasses.field(default=default, metadata={"name": name, "read": read, "sentence": sentence})


def whole(low: int, high: int) -> Callable[[str], int]:
    """Return a reader of whole numbers, both bounds included."""

    def read(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(text)

    return read


def choice(*choices: str) -> Callable[[str], str]:
    """Return a reader of one of some words, in whatever case they are written."""

    def read(text: str) -> str:
        folded = {known.casefold(): known for known in choices}
        if text.casefold() not in folded:
            raise ValueError(f"one of {', '.join(choices)}")
        return folded[text.casefold()]

    return read


def flag(text: str) -> bool:
    """Read true or false, 1 or 0, yes or no."""
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if text.casefold() not in words:
        raise ValueError("true or false")
    return words[text.casefold()]


def items(text: str) -> tuple[str, ...]:
    """Read what stands between commas; empty items are left out."""
    return tuple(item.strip() for item in text.split(",") if item.strip())


# crypto:bitstamp:BTC/USD:1h:2018-01-01, and the symbol may hold colons itself.
BACKFILL_PATTERN = re.compile(
    r"[a-z][a-z0-9_]*:[^:\s]+:[^\s]+:[1-9]\d{0,4}[smhdwM]:(?P<day>\d{4}-\d\d-\d\d)", re.ASCII
)


def backfill_items(text: str) -> tuple[str, ...]:
    """Read series with the day they begin: ``crypto:bitstamp:BTC/USD:1h:2018-01-01``, more after commas."""
    listed = items(text.replace(";", ","))
    for item in listed:
        match = BACKFILL_PATTERN.fullmatch(item)
        try:
            date.fromisoformat(match["day"] if match else "")
        except ValueError:
            example = "crypto:bitstamp:BTC/USD:1h:2018-01-01"
            raise ValueError(f"items like {example}, separated by commas; {item} is not one") from None
    return listed


def timeframe_items(text: str) -> tuple[str, ...]:
    """Read timeframes between commas, or ``*`` for all."""
    listed = items(text)
    for item in listed:
        if not re.fullmatch(r"\*|[1-9]\d{0,2}[smhdwDW]|[1-9]\d{0,3}|1M", item, re.ASCII):
            raise ValueError(f"timeframes like 1m or 1h, separated by commas, or *; {item} is not one")
    return listed


def url(*schemes: str) -> Callable[[str], str]:
    """Return a reader of addresses of these schemes; an empty one stays empty."""

    def read(text: str) -> str:
        if text.partition("://")[0] not in schemes and text:
            raise ValueError(f"an address that begins with {' or '.join(f'{s}://' for s in schemes)}")
        if not _are_ports(text):
            # Without the text, which may hold a password; a part of one is what stands there most often.
            raise ValueError(
                "an address whose port is a number; "
                "within a password write # as %23, / as %2F, ? as %3F and @ as %40"
            )
        return text

    return read


def _are_ports(address: str) -> bool:
    try:
        place = urlsplit(address).netloc.rpartition("@")[2]
    except ValueError:
        return False
    # Addresses of PostgreSQL may name several hosts; those of IPv6 stand in brackets.
    ports = [host.rpartition("]")[2].partition(":")[2] for host in place.split(",")]
    return all(not port or (port.isascii() and port.isdigit() and int(port) <= PORT_MAX) for port in ports)
