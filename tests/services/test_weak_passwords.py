"""What others try first is refused; what a person makes up is not."""

import itertools
import sys
from types import FrameType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.weak_passwords import COMMON, CONTEXT, is_well_known

COMMON_WORDS = [word for word in COMMON.split() if len(word) > 3]
ENDINGS = ["1", "123", "1234567", "2024", "!", "!!", "2026!", "007"]


def long_enough(words: list[str]) -> list[str]:
    return [word for word in words if len(word) >= 15]


def test_thousands_of_well_known_passwords_are_refused() -> None:
    pairs = ["".join(pair) for pair in itertools.product(COMMON_WORDS[:120], COMMON_WORDS[:120])]
    ended = [f"{word}{word}{ending}" for word in COMMON_WORDS for ending in ENDINGS]
    tripled = [word * 3 for word in COMMON_WORDS]
    tried = long_enough(pairs) + long_enough(ended) + long_enough(tripled)
    assert len(tried) > 3_000
    assert [password for password in tried if not is_well_known(password)] == []


@pytest.mark.parametrize(
    "password",
    [
        "password1234567", "P@ssw0rd12345678", "iloveyou-iloveyou", "qwertyuiopasdfgh", "1qaz2wsx3edc4rfv",
        "123456789012345", "987654321098765", "aaaaaaaaaaaaaaa", "abcabcabcabcabc", "Summer2026Summer",
        "correct horse battery staple", "AccessibleTrader1", "bitcoin-bitcoin-bitcoin", "adalovelace 2026!",
        "ADALOVELACE12345",
    ],
)  # fmt: skip
def test_famous_ones_are_refused(password: str) -> None:
    assert is_well_known(password, "adalovelace")


@pytest.mark.parametrize(
    "password",
    [
        "a horse in a field of corn", "a sentence that only I know", "x7Gq9vLmP2sT4wZ1", "fjord quiz wagon",
        "пароль из слов и точек", "my aunt keeps bees", "grün ist die Heide", "12 geese over Ghent",
    ],
)  # fmt: skip
def test_sentences_and_random_ones_are_taken(password: str) -> None:
    assert not is_well_known(password, "adalovelace")


@settings(max_examples=60)
@given(st.lists(st.sampled_from(sorted({*COMMON.split(), *CONTEXT.split()})), min_size=1, max_size=8))
def test_any_row_of_well_known_words_is_refused_in_any_writing(words: list[str]) -> None:
    joined = "-".join(words)
    assert is_well_known(joined)
    assert is_well_known(joined.upper())
    assert is_well_known(joined.replace("o", "0").replace("a", "@") + "99")


@settings(max_examples=60)
@given(st.text(max_size=128), st.text(max_size=64))
def test_it_answers_for_any_text(password: str, username: str) -> None:
    assert is_well_known(password, username) in (True, False)


def test_what_one_character_stands_for_is_not_judged_without_an_end() -> None:
    # The greeting U+FDFA is one character, and eighteen in its compatibility form.
    judged = 0

    def count(frame: FrameType, event: str, _: object) -> None:
        nonlocal judged
        judged += event == "call" and frame.f_code.co_name == "_pieces"

    sys.setprofile(count)
    try:
        is_well_known("\ufdfa" * 60 + "\u00e9")
    finally:
        sys.setprofile(None)
    assert judged <= 128
