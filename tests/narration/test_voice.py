"""A voice says numbers, changes, times and lengths of time in its language."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.narration.catalog import N_, NN_
from services.narration.locales import CODES
from services.narration.voice import voice_for
from tests.narration.lint import parse_number
from tests.narration.samples import MOMENT_MS
from utils.domain import Timeframe

BY_LANGUAGE = {
    "en": {
        "price": "60,120.00",
        "small": "0.00001234",
        "negative": "minus 37.63",
        "count": "1,234,567",
        "percent": "2.5 percent",
        "up": "up 2.5 percent",
        "down": "down 2.5 percent",
        "same": "unchanged",
        "minute": "21 November, 13:05",
        "second": "21 November, 13:05:00",
        "day": "21 November 2026",
        "week": "week of 21 November 2026",
        "month": "November 2026",
        "moment": "21 November 2026, 13:05",
    },
    "de": {
        "price": "60120,00",
        "small": "0,00001234",
        "negative": "minus 37,63",
        "count": "1234567",
        "percent": "2,5 Prozent",
        "up": "plus 2,5 Prozent",
        "down": "minus 2,5 Prozent",
        "same": "unverändert",
        "minute": "21. November, 13:05",
        "second": "21. November, 13:05:00",
        "day": "21. November 2026",
        "week": "Woche vom 21. November 2026",
        "month": "November 2026",
        "moment": "21. November 2026, 13:05",
    },
    "fr": {
        "price": "60120,00",
        "small": "0,00001234",
        "negative": "moins 37,63",
        "count": "1234567",
        "percent": "2,5 pour cent",
        "up": "en hausse de 2,5 pour cent",
        "down": "en baisse de 2,5 pour cent",
        "same": "inchangé",
        "minute": "21 novembre, 13:05",
        "second": "21 novembre, 13:05:00",
        "day": "21 novembre 2026",
        "week": "semaine du 21 novembre 2026",
        "month": "novembre 2026",
        "moment": "21 novembre 2026, 13:05",
    },
    "pl": {
        "price": "60120,00",
        "small": "0,00001234",
        "negative": "minus 37,63",
        "count": "1234567",
        "percent": "2,5 procent",
        "up": "w górę o 2,5 procent",
        "down": "w dół o 2,5 procent",
        "same": "bez zmian",
        "minute": "21 listopada, 13:05",
        "second": "21 listopada, 13:05:00",
        "day": "21 listopada 2026",
        "week": "tydzień od 21 listopada 2026",
        "month": "listopad 2026",
        "moment": "21 listopada 2026, 13:05",
    },
    "ja": {
        "price": "60,120.00",
        "small": "0.00001234",
        "negative": "マイナス37.63",
        "count": "1,234,567",
        "percent": "2.5 パーセント",
        "up": "2.5 パーセント上昇",
        "down": "2.5 パーセント下落",
        "same": "変わらず",
        "minute": "11月21日 13:05",
        "second": "11月21日 13:05:00",
        "day": "2026年11月21日",
        "week": "2026年11月21日の週",
        "month": "2026年11月",
        "moment": "2026年11月21日 13:05",
    },
    "ar": {
        "price": "60120.00",
        "small": "0.00001234",
        "negative": "سالب 37.63",
        "count": "1234567",
        "percent": "2.5 بالمئة",
        "up": "ارتفاع بنسبة 2.5 بالمئة",
        "down": "انخفاض بنسبة 2.5 بالمئة",
        "same": "دون تغيير",
        "minute": "21 نوفمبر، 13:05",
        "second": "21 نوفمبر، 13:05:00",
        "day": "21 نوفمبر 2026",
        "week": "أسبوع 21 نوفمبر 2026",
        "month": "نوفمبر 2026",
        "moment": "21 نوفمبر 2026، 13:05",
    },
}
HOURS = {
    "en": ["0 hours", "1 hour", "2 hours", "3 hours", "5 hours", "11 hours", "21 hours", "100 hours"],
    "de": [
        "0 Stunden",
        "eine Stunde",
        "2 Stunden",
        "3 Stunden",
        "5 Stunden",
        "11 Stunden",
        "21 Stunden",
        "100 Stunden",
    ],
    "fr": ["0 heure", "1 heure", "2 heures", "3 heures", "5 heures", "11 heures", "21 heures", "100 heures"],
    "pl": [
        "0 godzin",
        "jedna godzina",
        "2 godziny",
        "3 godziny",
        "5 godzin",
        "11 godzin",
        "21 godzin",
        "100 godzin",
    ],
    "ja": ["0時間", "1時間", "2時間", "3時間", "5時間", "11時間", "21時間", "100時間"],
    "ar": ["0 ساعة", "ساعة واحدة", "ساعتان", "3 ساعات", "5 ساعات", "11 ساعة", "21 ساعة", "100 ساعة"],
}
DAYS_OF_ARABIC = {1: "يوم واحد", 2: "يومان", 3: "3 أيام", 11: "11 يومًا", 100: "100 يوم"}


@pytest.mark.parametrize("code", CODES)
def test_numbers_changes_and_times_are_said_in_the_language(code: str) -> None:
    voice = voice_for(code, None)
    assert {
        "price": voice.price(Decimal("60120.00")),
        "small": voice.price(Decimal("0.00001234")),
        "negative": voice.price(Decimal("-37.63")),
        "count": voice.number(1_234_567),
        "percent": voice.percent(Decimal("-2.5")),
        "up": voice.change(Decimal("2.5")),
        "down": voice.change(Decimal("-2.5")),
        "same": voice.change(Decimal("0.0")),
        "minute": voice.bar_time(MOMENT_MS, Timeframe.parse("1m")),
        "second": voice.bar_time(MOMENT_MS, Timeframe.parse("1s")),
        "day": voice.bar_time(MOMENT_MS, Timeframe.parse("1d")),
        "week": voice.bar_time(MOMENT_MS, Timeframe.parse("1w")),
        "month": voice.bar_time(MOMENT_MS, Timeframe.parse("1M")),
        "moment": voice.moment(MOMENT_MS),
    } == BY_LANGUAGE[code]


@pytest.mark.parametrize("code", CODES)
def test_counts_take_the_words_of_their_number(code: str) -> None:
    voice = voice_for(code, None)
    counts = (0, 1, 2, 3, 5, 11, 21, 100)
    assert [voice.say_count("{count} hour", "{count} hours", count=count) for count in counts] == HOURS[code]


def test_arabic_days_take_all_their_forms() -> None:
    voice = voice_for("ar", None)
    assert {
        count: voice.say_count("{count} day", "{count} days", count=count) for count in DAYS_OF_ARABIC
    } == DAYS_OF_ARABIC


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4), st.sampled_from(CODES))
def test_a_price_never_loses_its_sign_or_a_digit(value: Decimal, code: str) -> None:
    text = voice_for(code, None).price(value)
    digits = text.rpartition(" ")[2].removeprefix("マイナス")
    assert parse_number(digits, code) == value.copy_abs()
    assert (text != digits) == (value < 0)


def test_a_zero_with_a_sign_has_none_when_it_is_said() -> None:
    assert voice_for("en", None).price(Decimal("-0.00")) == "0.00"


@pytest.mark.parametrize("code", CODES)
def test_no_two_timeframes_sound_alike(code: str) -> None:
    voice = voice_for(code, None)
    timeframes = [Timeframe(count, unit) for unit in "smhdwM" for count in (1, 2, 3, 5, 12)]
    assert len({voice.timeframe(timeframe) for timeframe in timeframes}) == len(timeframes)


@pytest.mark.parametrize(
    ("duration_ms", "spoken"),
    [
        (0, "0 seconds"),
        (999, "0 seconds"),
        (1_000, "1 second"),
        (60_000, "1 minute"),
        (61_000, "1 minute 1 second"),
        (7_500_000, "2 hours 5 minutes"),
        (3_601_000, "1 hour"),
        (90_061_000, "1 day 1 hour"),
        (-60_000, "1 minute"),
    ],
)
def test_a_length_of_time_is_said_in_its_two_largest_units(duration_ms: int, spoken: str) -> None:
    assert voice_for("en", None).duration(duration_ms) == spoken


def test_times_are_those_of_the_listeners_zone_and_days_those_of_utc() -> None:
    voice = voice_for("en", None, "America/New_York")
    assert voice.bar_time(MOMENT_MS, Timeframe.parse("1h")) == "21 November, 08:05"
    assert voice.moment(MOMENT_MS) == "21 November 2026, 08:05"
    assert voice.clock(MOMENT_MS) == "08:05"
    midnight_ms = MOMENT_MS // 86_400_000 * 86_400_000
    assert voice.bar_time(midnight_ms, Timeframe.parse("1d")) == "21 November 2026"


def test_an_argument_is_never_taken_for_a_template() -> None:
    voice = voice_for("de", None)
    assert voice.say(N_("{number} percent"), number="{0} {locale}") == "{0} {locale} Prozent"
    assert voice.say_count(*NN_("{count} hour", "{count} hours"), count=1) == "eine Stunde"


def test_a_message_that_nobody_translated_is_said_in_english() -> None:
    voice = voice_for("pl", None)
    assert voice.say("not {there}", there="yet") == "not yet"
    assert [voice.say_count("one {count}", "many {count}", count=count) for count in (1, 2, 5)] == [
        "one 1",
        "many 2",
        "many 5",
    ]


def test_the_two_hours_of_one_name_in_autumn_are_told_apart() -> None:
    voice, hour = voice_for("en", None, "Europe/Berlin"), Timeframe.parse("1h")
    # 25 October 2026, 00:00 UTC.
    first_ms = 1_792_886_400_000
    assert [voice.bar_time(first_ms + number * 3_600_000, hour) for number in range(-1, 3)] == [
        "25 October, 01:00",
        "25 October, 02:00, before the clock change",
        "25 October, 02:00, after the clock change",
        "25 October, 03:00",
    ]
    assert voice.moment(first_ms) == "25 October 2026, 02:00, before the clock change"
    assert voice.clock(first_ms + 3_600_000) == "02:00, after the clock change"
    german = voice_for("de", None, "Europe/Berlin")
    assert german.clock(first_ms) == "02:00, vor der Zeitumstellung"


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("text", ["2w", "3M"])
def test_a_bar_of_several_weeks_or_months_is_named_by_the_day_of_its_open_alone(code: str, text: str) -> None:
    voice, several, day = voice_for(code, None), Timeframe.parse(text), Timeframe.parse("1d")
    open_ms = several.floor(MOMENT_MS)
    assert voice.bar_time(open_ms, several) == voice.bar_time(open_ms, day)
