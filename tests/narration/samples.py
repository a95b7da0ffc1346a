"""What a voice puts into the places of templates, one example for each place."""

from decimal import Decimal

from services.narration.voice import Voice
from tests.narration.templates import Template, fields_of
from utils.domain import Instrument, Timeframe

# 21 November 2026, 13:05 UTC.
MOMENT_MS = 1_795_266_300_000
BITCOIN = Instrument("crypto", "bitstamp", "BTC/USDT")
HOUR = Timeframe(1, "h")
PRICES = {"price": "60120.00", "high": "60180.50", "low": "0.00001234", "close": "1.5", "open": "1234567.89"}
NESTED = ("reason", "rule", "pattern", "rose", "fell", "stayed", "bar", "brief", "news")


def sample(voice: Voice, place: str) -> str:
    """Return what may stand in a place of a template, spoken."""
    name = voice.name(BITCOIN)
    spoken = {
        "name": name.spoken,
        "short": name.short,
        "base": name.short,
        "quote": name.short,
        "exchange": "Bitstamp",
        "change": voice.change(Decimal("-2.5")),
        "percent": voice.percent(Decimal("0.04")),
        "timeframe": voice.timeframe(HOUR),
        "moment": voice.moment(MOMENT_MS),
        "duration": voice.duration(7_500_000),
        "larger": voice.timeframe(HOUR),
        "smaller": voice.timeframe(HOUR),
        "number": voice.number(1_234),
        "date": voice.bar_time(MOMENT_MS, Timeframe(1, "d")),
        "clock": voice.clock(MOMENT_MS),
    }
    if place in spoken:
        return spoken[place]
    if place in NESTED:
        return voice.change(Decimal("2.5"))
    if place.endswith("time") or place in ("start", "end", "since", "until", "from", "to"):
        return voice.bar_time(MOMENT_MS, HOUR)
    return voice.price(Decimal(PRICES.get(place, "99.50")))


def spoken(voice: Voice, template: Template, count: int = 0) -> str:
    """Return a template with examples in all of its places."""
    places = set().union(*map(fields_of, template.texts)) - {"count"}
    arguments = {place: sample(voice, place) for place in places}
    if template.counted:
        return voice.say_count(template.one, template.many, count=count, **arguments)
    return voice.say(template.one, **arguments)
