"""What a synthesizer makes of our tokens is what a listener should hear."""

import re
import subprocess

import pytest

from services.narration.names import spell
from tests.narration.espeak import PROGRAM, needs_espeak, phonemes
from tests.narration.phonemes import HEARD, read_goldens, tokens

GOLDEN_VERSION = "1.51"
ALIKE = [
    ("en", "60,120.05", "60120.05"),
    ("en", "1,234,567.8", "1234567.8"),
    ("en", "U S D T", "U, S, D, T"),
    ("de", "60120,05", "60.120,05"),
    ("fr", "60120,05", "60 120,05"),
    ("pl", "60120,05", "60 120,05"),
    ("ja", "60,120.05", "60120.05"),
]
# Why our texts are as they are: what they avoid is heard as something else.
MISHEARD = [
    ("de", "60120,05", "60\u202f120,05"),
    ("fr", "60120,05", "60\u202f120,05"),
    ("pl", "60120,05", "60\u00a0120,05"),
    ("ar", "60120.05", "٦٠٬١٢٠٫٠٥"),
    ("ar", "60120.05", "60٬120٫05"),
    ("en", "U S D C", "USDC"),
    ("en", "B T C, U S D", "BTC/USD"),
    ("en", "0.00001234", "1.234e-05"),
    ("en", "up 2.5 percent", "▲ 2.5 percent"),
    ("en", "0.00001234", "0.00001235"),
    ("en", "1 minute", "1 month"),
]


def unstressed(said: str) -> str:
    return re.sub(r"[ˈˌ_ ]", "", said)


def version() -> str:
    text = subprocess.run(
        [PROGRAM, "--version"], capture_output=True, text=True, check=True, timeout=30
    ).stdout
    return text.partition("text-to-speech: ")[2].split()[0]


@needs_espeak
@pytest.mark.parametrize("code", HEARD)
def test_tokens_are_pronounced_as_when_somebody_listened(code: str) -> None:
    if version() != GOLDEN_VERSION:
        pytest.skip(f"NOT TESTED: pronunciations are of espeak-ng {GOLDEN_VERSION}, and this is {version()}")
    wanted = tokens(code)
    assert dict(zip(wanted, phonemes(wanted, code), strict=True)) == read_goldens()[code]


def test_at_least_a_hundred_tokens_were_listened_to() -> None:
    goldens = read_goldens()
    assert sum(map(len, goldens.values())) >= 100
    # A token that was never heard would pass by not being there.
    assert {code: list(said) for code, said in goldens.items()} == {code: tokens(code) for code in HEARD}


@needs_espeak
@pytest.mark.parametrize(("code", "ours", "other"), ALIKE)
def test_our_way_of_writing_sounds_like_the_other_good_one(code: str, ours: str, other: str) -> None:
    assert len({unstressed(said) for said in phonemes([ours, other], code)}) == 1


@needs_espeak
@pytest.mark.parametrize(("code", "ours", "other"), MISHEARD)
def test_what_we_avoid_sounds_like_something_else(code: str, ours: str, other: str) -> None:
    assert len({unstressed(said) for said in phonemes([ours, other], code)}) == 2


@needs_espeak
@pytest.mark.parametrize("code", ["en", "de", "fr"])
@pytest.mark.parametrize("ticker", ["USDT", "USDC", "BTC", "ETH", "XLM", "GBPQ", "JFKN", "DOVI"])
def test_spelled_letters_are_said_by_their_names(code: str, ticker: str) -> None:
    alone = phonemes(ticker, code)
    together = phonemes([spell(ticker)], code)[0]
    assert unstressed(together) == unstressed("".join(alone))
