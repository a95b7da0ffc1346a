"""What a figure of a coin is called when it is heard: a price, a change, an amount, an age, a provider."""

from decimal import Decimal

from plugins.listings.base import CoinFigures
from services.coins.answers import ListedCoin
from services.narration import phrases_coins as phrases
from services.narration.coin_names import coin_name
from services.narration.facts import exact_decimal, spoken_volume
from services.narration.numbers import EXACT, rounded_percent
from services.narration.voice import Voice
from utils.domain import DAY_MS, HOUR_MS, MINUTE_MS

CENTS = Decimal("0.01")
ONE, BILLION = Decimal(1), Decimal(10**9)
# An age is said in one unit, and never as more than it is while an answer is kept.
AGE_UNITS_MS = (DAY_MS, HOUR_MS, 5 * MINUTE_MS)
# How providers whose names are no words are called; others keep their name.
PROVIDER_NAMES = {"coingecko": "Coin Gecko", "coinmarketcap": "Coin Market Cap"}
SIMULATED = "simulated"


def provider_name(provider: str, voice: Voice) -> str:
    """Return what a provider is called when it is heard."""
    if provider == SIMULATED:
        return voice.say(phrases.SIMULATION)
    return PROVIDER_NAMES.get(provider) or coin_name(voice.locale, provider.capitalize(), "")


def figures_time_ms(listed: ListedCoin) -> int:
    """Return when the figures of a coin are from."""
    return min(listed.coin.figures.updated_ms or listed.fetched_ms, listed.fetched_ms)


def said_age(age_ms: int, voice: Voice) -> str:
    """Return an age in one unit, never more than it is."""
    unit_ms = next((unit_ms for unit_ms in AGE_UNITS_MS if age_ms >= unit_ms), MINUTE_MS)
    return voice.duration(age_ms // unit_ms * unit_ms)


def said_change(figures: CoinFigures, name: str, voice: Voice) -> str:
    """Return how a coin moved in the time that the figure's name says."""
    value: float | None = getattr(figures, name)
    if value is None:
        return voice.say(phrases.CHANGES_UNKNOWN[name])
    return voice.say(phrases.CHANGES[name], change=voice.change(rounded_percent(written_value(value))))


def said_price(value: float, voice: Voice) -> str:
    """Return a price with cents from 1 on, and with four digits that matter below it."""
    exact = written_value(value)
    if ONE <= exact < BILLION:
        return voice.price(EXACT.quantize(exact, CENTS))
    return voice.price(exact_decimal(spoken_volume(exact)))


def said_amount(value: float | None, voice: Voice) -> str:
    """Return an amount with four digits that matter, or that it is unknown."""
    if value is None:
        return voice.say(phrases.UNKNOWN)
    return voice.amount(exact_decimal(spoken_volume(written_value(value))))


def written_value(value: float) -> Decimal:
    """Return the number that the shortest text of a float says."""
    return Decimal(repr(value))
