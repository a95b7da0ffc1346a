"""How long a text takes to be said, estimated from its letters and digits.

The figures are fitted to the sound that espeak-ng makes at 175 words a minute; ``benchmarks/speech.py`` makes
them again. On texts it was not fitted to, the estimate is off by less than 9 percent on average and by less
than 18 percent for 9 of 10; at 300 words a minute by less than 13 and 25 percent. espeak-ng cannot read the
script of Japanese: its figures follow the pace of news readers, about 350 characters a minute, and nobody has
measured them.
"""

import re
from dataclasses import dataclass

from services.narration.locales import LOCALES

FITTED_WORDS_PER_MINUTE = 175
# Less than a syllable nobody needs.
SHORTEST_S = 0.2
NUMBER = re.compile(r"\d(?:[\d.,:]*\d)?")
SPELLED_LETTER = re.compile(r"(?<!\w)[A-Z](?!\w)")
PAUSES = ",;،、؛"
STOP = re.compile(r"[.:] |[。؟]")


@dataclass(frozen=True, slots=True)
class Pace:
    """Hold how many seconds each part of a text takes; a number begins faster than its digits alone would."""

    letter_s: float
    space_s: float
    number_s: float
    digit_s: float
    zero_s: float
    fraction_digit_s: float
    pause_s: float
    stop_s: float
    spelled_s: float
    whole_s: float


@dataclass(frozen=True, slots=True)
class Parts:
    """Count what a text is made of, in the order of ``Pace``."""

    letters: int
    spaces: int
    numbers: int
    digits: int
    zeros: int
    fraction_digits: int
    pauses: int
    stops: int
    spelled: int


PACES = {
    "en": Pace(0.045, 0.072, -0.288, 0.463, 0.222, 0.395, 0.242, 0.330, 0.061, 0.465),
    "de": Pace(0.037, 0.118, -0.365, 0.585, 0.195, 0.340, 0.318, 0.276, 0.089, 0.448),
    "fr": Pace(0.038, 0.052, -0.241, 0.340, 0.119, 0.353, 0.289, 0.348, 0.079, 0.443),
    "pl": Pace(0.056, 0.110, -0.361, 0.649, 0.089, 0.556, 0.255, 0.257, 0.028, 0.400),
    "ja": Pace(0.165, 0.100, -0.100, 0.320, 0.100, 0.300, 0.250, 0.400, 0.200, 0.400),
    "ar": Pace(0.089, 0.103, -0.428, 0.747, 0.101, 0.539, 0.281, 0.386, 0.064, 0.379),
}


def speech_s(text: str, words_per_minute: int, locale: str) -> float:
    """Return about how many seconds a synthesizer takes; twice as many words a minute take half as long."""
    pace, parts = PACES[locale], parts_of(text, LOCALES[locale].decimal_mark)
    fitted_s = (
        parts.letters * pace.letter_s
        + parts.spaces * pace.space_s
        + parts.numbers * pace.number_s
        + parts.digits * pace.digit_s
        + parts.zeros * pace.zero_s
        + parts.fraction_digits * pace.fraction_digit_s
        + parts.pauses * pace.pause_s
        + parts.stops * pace.stop_s
        + parts.spelled * pace.spelled_s
        + pace.whole_s
    )
    return max(fitted_s, SHORTEST_S) * FITTED_WORDS_PER_MINUTE / words_per_minute


def parts_of(text: str, decimal_mark: str) -> Parts:
    """Count the parts of a text; zeros of thousands and hundreds are apart, because they are hardly said."""
    numbers = NUMBER.findall(text)
    digits = zeros = fraction_digits = 0
    for number in numbers:
        whole, _, fraction = number.partition(decimal_mark)
        said = sum(map(str.isdigit, whole))
        silent = whole.count("0") if said > 1 else 0
        zeros += silent
        digits += said - silent
        fraction_digits += len(fraction)
    rest = NUMBER.sub("", text)
    spelled = len(SPELLED_LETTER.findall(rest))
    return Parts(
        letters=sum(map(str.isalpha, rest)) - spelled,
        spaces=rest.count(" "),
        numbers=len(numbers),
        digits=digits,
        zeros=zeros,
        fraction_digits=fraction_digits,
        pauses=sum(map(rest.count, PAUSES)),
        stops=len(STOP.findall(rest)),
        spelled=spelled,
    )
