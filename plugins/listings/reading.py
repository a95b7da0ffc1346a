"""Read fields of an answer that may hold anything; what does not fit is refused, and null is None, never 0.

For the shapes of one provider see its own module.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from plugins.listings.base import Coin, CoinLink, ListingsPage, RefusedCoin
from utils.domain import DAY_MS

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Some ids of CoinGecko are names in other scripts.
COIN_ID_PATTERN = re.compile(r"(?!\.+$)[\w.+~%()\[\]!$&',;=@-]{1,200}")
TEXT_LENGTH_MAX = 200
URL_LENGTH_MAX = 500
DESCRIPTION_LENGTH_MAX = 20_000
# More than every coin there is; PostgreSQL's whole numbers end not far above.
RANK_MAX = 1_000_000_000
# A clock that is a little ahead of ours is no reason to refuse a figure.
AHEAD_MAX_MS = DAY_MS


class UnreadableField(ValueError):
    """Say which field does not fit: ``price is below 0``."""


class Fields:
    """Read the fields of one JSON object by name; ``now_ms`` bounds the times that can be."""

    def __init__(self, entry: object, now_ms: int) -> None:
        if not isinstance(entry, dict):
            raise UnreadableField("it is no object")
        self._entry: Mapping[str, object] = entry
        self._now_ms = now_ms

    def part(self, name: str) -> "Fields":
        """Return an object that lies inside. Raises: UnreadableField."""
        inner = self._entry.get(name)
        if not isinstance(inner, dict):
            raise UnreadableField(f"{name} is no object")
        return Fields(inner, self._now_ms)

    def optional_part(self, name: str) -> "Fields":
        """Return an object that lies inside, an empty one for null. Raises: UnreadableField."""
        return Fields({}, self._now_ms) if self._entry.get(name) is None else self.part(name)

    def ornament(self, name: str) -> "Fields":
        """Return an object that lies inside, an empty one for anything else: no coin is refused for it."""
        inner = self._entry.get(name)
        return Fields(inner if isinstance(inner, dict) else {}, self._now_ms)

    def items(self) -> Iterable[tuple[str, object]]:
        """Return the fields as they came."""
        return self._entry.items()

    def coin_id(self, name: str) -> str:
        """Return a text, or a whole number as text, that can stand in an address. Raises: UnreadableField."""
        given = self._entry.get(name)
        coin_id = str(given) if isinstance(given, int) and not isinstance(given, bool) else given
        if not isinstance(coin_id, str) or not is_coin_id(coin_id):
            raise UnreadableField(f"{name} names no coin")
        return coin_id

    def text(self, name: str) -> str:
        """Return a short text that must be there, without characters nobody sees. Raises: UnreadableField."""
        given = self._entry.get(name)
        text = _printable(given).strip() if isinstance(given, str) and len(given) <= TEXT_LENGTH_MAX else ""
        if not text:
            raise UnreadableField(f"{name} is no text of use")
        return text

    def amount(self, name: str) -> float | None:
        """Return a number of 0 or more. Raises: UnreadableField."""
        return self._at_least(name, 0.0)

    def percent(self, name: str) -> float | None:
        """Return a change in percent; nothing loses more than all. Raises: UnreadableField."""
        return self._at_least(name, -100.0)

    def rank(self, name: str) -> int | None:
        """Return a whole number of 1 or more. Raises: UnreadableField."""
        rank = self._entry.get(name)
        if rank is None:
            return None
        if isinstance(rank, bool) or not isinstance(rank, int) or not 1 <= rank <= RANK_MAX:
            raise UnreadableField(f"{name} is no rank")
        return rank

    def time_ms(self, name: str) -> int | None:
        """Return an ISO 8601 time as UTC milliseconds; it lies not in the future. Raises: UnreadableField."""
        text = self._entry.get(name)
        if text is None:
            return None
        time_ms = _read_time_ms(text) if isinstance(text, str) else None
        if time_ms is None or not 0 < time_ms <= self._now_ms + AHEAD_MAX_MS:
            raise UnreadableField(f"{name} is no time that can be")
        return time_ms

    def url(self, name: str) -> str | None:
        """Return a web address, None for anything else: an ornament breaks no coin."""
        return read_url(self._entry.get(name))

    def description(self, name: str) -> str | None:
        """Return a long text without control characters, None for anything else."""
        text = self._entry.get(name)
        if not isinstance(text, str):
            return None
        lines = (_printable(line) for line in text[:DESCRIPTION_LENGTH_MAX].splitlines())
        return "\n".join(lines).strip() or None

    def _at_least(self, name: str, low: float) -> float | None:
        number = read_number(self._entry.get(name), name)
        if number is not None and number < low:
            raise UnreadableField(f"{name} is below {low:.0f}")
        return number


def is_coin_id(text: str) -> bool:
    """Tell whether a text can name a coin: letters, digits, dots, dashes and the like, not dots alone."""
    return COIN_ID_PATTERN.fullmatch(text) is not None


def read_number(value: object, name: str) -> float | None:
    """Return a finite number, None for null. Raises: UnreadableField."""
    if value is None:
        return None
    # A JSON true is no number, though Python takes it for 1.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnreadableField(f"{name} is no number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise UnreadableField(f"{name} is not finite")
    return number


def read_url(value: object) -> str | None:
    """Return a web address, None for anything else."""
    if not isinstance(value, str) or len(value) > URL_LENGTH_MAX or not value.isprintable() or " " in value:
        return None
    try:
        parts = urlsplit(value)
    except ValueError:
        return None
    return value if parts.scheme in ("http", "https") and parts.netloc else None


def read_links(kind: str, value: object) -> tuple[CoinLink, ...]:
    """Return the web addresses among a text or a list of texts."""
    given = value if isinstance(value, list) else [value]
    urls = (read_url(url) for url in given)
    return tuple(CoinLink(kind, url) for url in urls if url is not None)


def read_page(
    provider: str, entries: Iterable[object], read: Callable[[object], Coin], fetched_ms: int
) -> ListingsPage:
    """Return the coins among the entries by rank, those without one last, and which entries are none.

    The second of two coins of one id is refused: lists move while they are read page by page.
    """
    coins: dict[str, Coin] = {}
    refused: list[RefusedCoin] = []
    for position, entry in enumerate(entries):
        try:
            coin = read(entry)
        except UnreadableField as error:
            refused.append(RefusedCoin(position, str(error)))
            continue
        if coin.coin_id in coins:
            refused.append(RefusedCoin(position, f"{coin.coin_id} came before"))
            continue
        coins[coin.coin_id] = coin
    ranked = sorted(coins.values(), key=lambda coin: (coin.rank is None, coin.rank or 0))
    return ListingsPage(provider, tuple(ranked), fetched_ms, tuple(refused))


def _read_time_ms(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        # By whole numbers: a float of seconds would lose the last millisecond.
        return (moment - EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        return None


def _printable(line: str) -> str:
    return "".join(character for character in line if character.isprintable())
