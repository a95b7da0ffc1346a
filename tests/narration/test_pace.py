"""How long a text takes is estimated well enough to keep a budget of speech."""

import pytest

from services.narration.locales import CODES
from services.narration.pace import parts_of, speech_s
from tests.narration.corpus import sentences
from tests.narration.espeak import needs_espeak, seconds

MEASURED = [code for code in CODES if code != "ja"]
# Not the seeds to which the figures were fitted.
SENTENCES, SEED = 40, 7
# By words a minute: how far off the estimate may be on average, for nine of ten, and in sum.
OFF_MAX = {175: (0.09, 0.18, 0.06), 300: (0.13, 0.25, 0.08)}


@needs_espeak
@pytest.mark.parametrize("code", MEASURED)
@pytest.mark.parametrize("words_per_minute", [175, pytest.param(300, marks=pytest.mark.long)])
def test_the_estimate_is_near_to_what_a_synthesizer_takes(code: str, words_per_minute: int) -> None:
    texts = sentences(code, SENTENCES, SEED)
    sounds_s = seconds(texts, code, words_per_minute)
    estimates_s = [speech_s(text, words_per_minute, code) for text in texts]
    off = sorted(abs(guess / sound - 1) for guess, sound in zip(estimates_s, sounds_s, strict=True))
    average_max, nine_of_ten_max, sum_max = OFF_MAX[words_per_minute]
    assert sum(off) / len(off) < average_max
    assert off[len(off) * 9 // 10 - 1] < nine_of_ten_max
    assert abs(sum(estimates_s) / sum(sounds_s) - 1) < sum_max


def test_a_text_is_counted_part_by_part() -> None:
    parts = parts_of("B T C: 60,120.05, up.", ".")
    assert (parts.letters, parts.spelled, parts.spaces, parts.pauses) == (2, 3, 4, 1)
    assert (parts.numbers, parts.digits, parts.zeros, parts.fraction_digits) == (1, 3, 2, 2)
    assert parts_of("60120,05", ",").fraction_digits == 2


@pytest.mark.parametrize("code", CODES)
def test_more_text_takes_longer_and_faster_speech_shorter(code: str) -> None:
    texts = sentences(code, 50, SEED)
    for text in texts:
        assert 0 < speech_s(text, 175, code) < speech_s(f"{text} {texts[0]}", 175, code)
        assert speech_s(text, 350, code) == pytest.approx(speech_s(text, 175, code) / 2)
    assert speech_s("", 175, code) > 0
