"""Which column of a CSV file is what, from the names that people's files have; pure."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

from utils.errors import InvalidRequest, shorten

DELIMITERS = (",", ";", "\t", "|")
# Some sites put their address, or a remark, above the names.
LINES_ABOVE_MAX = 5
NAMED_MAX = 20

# Better names first: a file with both `unix` and `date` means the same, and says it more exactly in `unix`.
TIMES = (
    *("open time ms", "unix", "unix timestamp", "timestamp ms", "timestamp"),
    *("open time", "opentime", "time open", "ts"),
    *("datetime", "date time", "date utc", "time utc", "date", "day", "time", "t"),
)
PRICES = {
    "open": ("open", "open price", "o"),
    "high": ("high", "high price", "h", "max"),
    "low": ("low", "low price", "l", "min"),
    "close": ("close", "close price", "c", "last", "adj close", "adjusted close"),
}
VOLUMES = ("base volume", "volume", "vol", "v")


@dataclass(frozen=True, slots=True)
class CsvColumns:
    """Say where in a row things stand; the day and the clock may be two columns."""

    time: tuple[int, ...]
    open: int
    high: int
    low: int
    close: int
    volume: int
    width: int
    delimiter: str


class _Unclear(Exception):
    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


def find_header(first_lines: Sequence[str], base: str) -> tuple[int, CsvColumns]:
    """Return the index of the line that names the columns, and what they are.

    ``base`` is what is traded, ``BTC``: its amount is the volume, not that of the money paid for it.
    Raises: InvalidRequest naming the columns found, when one is missing or two could be meant.
    """
    best: InvalidRequest | None = None
    most = -1
    for index, line in enumerate(first_lines[: LINES_ABOVE_MAX + 1]):
        given, delimiter = _split(line)
        names = [_plain(name) for name in given]
        known = sum(bool(_kinds(name, base)) for name in names)
        try:
            return index, _map(names, delimiter, base)
        except _Unclear as unclear:
            error = InvalidRequest(unclear.sentence.format(columns=_spoken_names(given)))
            if known > most:
                best, most = error, known
    raise best or InvalidRequest("The file is empty. It needs a first line that names its columns.")


def _split(line: str) -> tuple[list[str], str]:
    split = [(_fields(line, mark), mark) for mark in DELIMITERS]
    return max(split, key=lambda each: len(each[0]))


def _fields(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line.strip()], delimiter=delimiter, skipinitialspace=True), [])


def _plain(name: str) -> str:
    # `Volume_(BTC)`, `<CLOSE>` and `openTime` become `volume btc`, `close` and `open time`.
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return re.sub(r"[\s_\-().<>\[\]/]+", " ", spaced).strip().casefold()


def _ranks(base: str) -> dict[str, tuple[str, ...]]:
    coin = base.casefold()
    volumes = (f"volume {coin}", f"vol {coin}", f"{coin} volume", *VOLUMES)
    return {"time": TIMES, **PRICES, "volume": volumes}


def _kinds(name: str, base: str) -> list[str]:
    return [kind for kind, names in _ranks(base).items() if name in names]


def _map(names: list[str], delimiter: str, base: str) -> CsvColumns:
    found = {kind: _find(kind, ranked, names) for kind, ranked in _ranks(base).items()}
    missing = [kind for kind, index in found.items() if index is None]
    if missing:
        raise _Unclear(
            f"The file has no column for {_spoken(missing)}. {{columns}} "
            "Name them time, open, high, low, close and volume in the first line."
        )
    index = {kind: place for kind, place in found.items() if place is not None}
    return CsvColumns(
        time=_time(names, index["time"]),
        open=index["open"],
        high=index["high"],
        low=index["low"],
        close=index["close"],
        volume=index["volume"],
        width=len(names),
        delimiter=delimiter,
    )


def _find(kind: str, ranked: Sequence[str], names: list[str]) -> int | None:
    for name in ranked:
        if names.count(name) > 1:
            raise _Unclear(
                f"The file has several columns named {name}, and any of them could be the {kind}. "
                "{columns} Keep one of them."
            )
        if name in names:
            return names.index(name)
    return None


def _time(names: list[str], index: int) -> tuple[int, ...]:
    # A day and a clock in two columns, as trading terminals write them.
    if names[index] in ("date", "day") and names.count("time") == 1:
        return index, names.index("time")
    return (index,)


def _spoken(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _spoken_names(names: list[str]) -> str:
    if not any(name.strip() for name in names):
        return "It names no columns."
    shown = [shorten(name.strip()) or "one without a name" for name in names[:NAMED_MAX]]
    more = f" and {len(names) - NAMED_MAX} more" if len(names) > NAMED_MAX else ""
    return f"Its columns are: {', '.join(shown)}{more}."
