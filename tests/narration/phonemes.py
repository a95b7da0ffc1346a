"""Tokens as espeak-ng 1.51 pronounced them when somebody last listened: ``phonemes.json``.

    python -m tests.narration.phonemes

makes the file again, after a name or a phrase has changed. Read the difference before it is committed: a word
that is not heard as it is meant is a mistake in our text, not in the synthesizer.
"""

import json
from decimal import Decimal
from pathlib import Path

from services.narration.assets import ASSETS
from services.narration.names import asset_name, spell
from services.narration.voice import voice_for
from tests.narration.espeak import phonemes
from tests.narration.samples import MOMENT_MS
from utils.domain import Instrument, Timeframe

FILE = Path(__file__).with_name("phonemes.json")
# espeak-ng 1.51 cannot read the script of Japanese, and says Arabic numbers a little differently each time.
HEARD = ("en", "de", "fr", "pl")
PRICES = ("60120.00", "0.00001234", "0.00001235", "1234567.89", "-37.63", "5", "1000")
PERCENTS = ("2.5", "-2.5", "0", "0.04", "-12.3")
TIMEFRAMES = ("1s", "1m", "5m", "1h", "4h", "1d", "1w", "1M", "3M")
SYMBOLS = ("BTC/USD", "ETH/USDT", "XRP/EUR", "FOO/BTC", "BTC/USDT:USDT")
SPELLED = ("USDT", "USDC", "ETH", "MACD", "1000SATS", "BTC")


def tokens(code: str) -> list[str]:
    """Return what a language says of numbers, changes, times and names."""
    voice = voice_for(code, None)
    texts = [voice.price(Decimal(price)) for price in PRICES]
    texts += [voice.change(Decimal(percent)) for percent in PERCENTS]
    for timeframe in map(Timeframe.parse, TIMEFRAMES):
        texts += [voice.timeframe(timeframe), voice.bar_time(MOMENT_MS, timeframe)]
    texts += [voice.name(Instrument("crypto", "bitstamp", symbol)).spoken for symbol in SYMBOLS]
    texts += [spell(ticker) for ticker in SPELLED]
    texts += [voice.moment(MOMENT_MS), voice.duration(7_500_000)]
    if code == "en":
        texts += [asset_name(voice.locale, asset) for asset in ASSETS]
    return list(dict.fromkeys(texts))


def read_goldens() -> dict[str, dict[str, str]]:
    """Return by language and token how it was pronounced."""
    goldens: dict[str, dict[str, str]] = json.loads(FILE.read_text())
    return goldens


def write_goldens() -> None:
    """Ask the synthesizer that is installed, and write the file."""
    made = {code: dict(zip(tokens(code), phonemes(tokens(code), code), strict=True)) for code in HEARD}
    FILE.write_text(json.dumps(made, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    write_goldens()
