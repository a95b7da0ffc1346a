"""Sentences as listeners hear them: every template with chance examples, the same for each seed."""

import random
from decimal import Decimal

from services.narration.voice import Voice, voice_for
from tests.narration.samples import NESTED
from tests.narration.templates import Template, fields_of, marked_templates
from utils.domain import Instrument, Timeframe

SYMBOLS = (
    "BTC/USDT", "ETH/USD", "SOL/EUR", "FOO/BAR", "XRP/BTC", "1000PEPE/USDC", "ADA/USDT", "DOGE/JPY",
    "BTC/USDT:USDT",
)  # fmt: skip
TIMEFRAMES = tuple(map(Timeframe.parse, ("1m", "5m", "15m", "1h", "4h", "1d", "1w", "1M")))
COUNTS = (0, 1, 2, 5, 12, 99, 500)
FROM_MS, LENGTH_MS = 1_700_000_000_000, 100_000_000_000


def sentences(code: str, count: int, seed: int) -> list[str]:
    """Return texts of one to three sentences."""
    chance = random.Random(seed)
    templates = marked_templates()
    voice = voice_for(code, None)
    return [
        " ".join(_spoken(voice, chance.choice(templates), chance) for _ in range(chance.choice((1, 1, 2, 3))))
        for _ in range(count)
    ]


def _spoken(voice: Voice, template: Template, chance: random.Random) -> str:
    places = sorted(set().union(*map(fields_of, template.texts)) - {"count"})
    arguments = {place: _example(voice, place, chance) for place in places}
    if template.counted:
        return voice.say_count(template.one, template.many, count=chance.choice(COUNTS), **arguments)
    return voice.say(template.one, **arguments)


def _example(voice: Voice, place: str, chance: random.Random) -> str:
    name = voice.name(Instrument("crypto", "bitstamp", chance.choice(SYMBOLS)))
    price = Decimal(chance.randint(1, 10 ** chance.randint(1, 8))).scaleb(
        -chance.choice((8, 5, 4, 2, 2, 2, 1, 0))
    )
    timeframe = chance.choice(TIMEFRAMES)
    change = voice.change(Decimal(chance.randint(-99, 99)) / 10)
    time = voice.bar_time(FROM_MS + chance.randrange(LENGTH_MS), timeframe)
    examples = {
        "name": name.spoken,
        "base": name.spoken,
        "short": name.short,
        "quote": name.short,
        "exchange": "Bitstamp",
        "percent": voice.percent(Decimal(chance.randint(1, 999)) / chance.choice((10, 100))),
        "timeframe": voice.timeframe(timeframe),
        "larger": voice.timeframe(timeframe),
        "smaller": voice.timeframe(timeframe),
        "duration": voice.duration(chance.randint(1, 10 ** chance.randint(4, 9))),
        "change": change,
        **dict.fromkeys(NESTED, change),
        **dict.fromkeys(("start", "end", "date", "moment"), time),
    }
    return examples.get(place, time if place.endswith("time") else voice.price(price))
