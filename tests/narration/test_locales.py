"""The language is the one asked for, or the one the browser likes best."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.narration.locales import CODES, LOCALES, choose_locale
from services.narration.voice import voice_for
from utils.errors import InvalidRequest


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "en"),
        ("", "en"),
        ("de", "de"),
        ("de-AT", "de"),
        ("DE-at;q=0.8, fr;q=0.9", "fr"),
        ("fr;q=0.5, pl;q=0.5", "fr"),
        ("nl, sv;q=0.9, pl;q=0.1", "pl"),
        ("nl, sv", "en"),
        ("ja;q=0", "en"),
        ("ja;q=0, ar;q=0.001", "ar"),
        ("*", "en"),
        ("en;q=0, *;q=0.5", "de"),
        ("*;q=0.1, ar", "ar"),
        ("ar;q=0.1, *", "en"),
        ("de;q=2, fr;q=0.1", "fr"),
        ("de;level=1, fr;q=0.1", "fr"),
        ("pl ; q=0.3 , ja ; Q=0.4", "ja"),
        (",;;q=,de;q=1.000", "de"),
        (", " * 40 + "de", "en"),
        ("x" * 2_000 + ", de", "en"),
    ],
)
def test_the_browser_is_given_what_it_likes_best(header: str | None, code: str) -> None:
    assert choose_locale(None, header).code == code


@given(st.text(max_size=200) | st.text(alphabet="deafrplj-*;q=01., ", max_size=80))
def test_no_header_makes_it_fail(header: str) -> None:
    assert choose_locale(None, header).code in CODES


@pytest.mark.parametrize(
    ("locale", "code"), [("de", "de"), ("de-AT", "de"), ("pt_BR", ""), ("AR", "ar"), ("", "")]
)
def test_a_language_that_is_named_is_taken_or_refused(locale: str, code: str) -> None:
    if code:
        assert choose_locale(locale, "fr").code == code
        return
    with pytest.raises(InvalidRequest, match=r"Ask for one of en, de, fr, pl, ja, ar\.") as refused:
        choose_locale(locale, "fr")
    assert [error.field for error in refused.value.errors] == ["locale"]


@pytest.mark.parametrize("name", ["Mars/Olympus", "../etc/passwd", "America", "\0", "x" * 300])
def test_a_time_zone_that_is_not_known_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match="There is no time zone") as refused:
        voice_for("en", None, name)
    assert [error.field for error in refused.value.errors] == ["time_zone"]


def test_a_time_zone_is_utc_unless_one_is_named() -> None:
    assert voice_for(None, None).time_zone.key == "UTC"
    assert voice_for(None, None, "").time_zone.key == "UTC"
    assert voice_for(None, None, "Asia/Tokyo").time_zone.key == "Asia/Tokyo"


def test_only_arabic_runs_from_right_to_left() -> None:
    assert {code for code in CODES if LOCALES[code].direction == "rtl"} == {"ar"}
