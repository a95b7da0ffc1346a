"""The lint finds what it is there for, and leaves alone what is said well."""

from decimal import Decimal

import pytest

from tests.narration.lint import faults_of, numbers_in, parse_number

GOOD = [
    ("en", "Bitcoin in Tether: 60,120.00, up 2.5 percent. High 60,180.10, low 0.00001234."),
    ("en", "21 November 2026, 13:05:30"),
    ("en", "B T C, U S D T"),
    ("de", "Bitcoin in US-Dollar, Woche vom 21. November 2026: 60120,00, plus 2,5 Prozent."),
    ("fr", "option d'achat à 100000 jusqu'au 25 décembre 2026"),
    ("pl", "w górę o 2,5 procent, 60120 w dół"),
    ("ja", "ビットコイン、米ドル建て、60,120.00、2.5 パーセント上昇。11月21日 13:05"),
    ("ar", "بيتكوين مقابل الدولار الأمريكي، 60120.00، ارتفاع بنسبة 2.5 بالمئة"),
]
BAD = [
    ("en", "▲ 2.5 percent", "character '▲'"),
    ("en", "2.5%", "character '%'"),
    ("en", "BTC closed", "not spelled"),
    ("en", "1000PEPE closed", "not spelled"),
    ("en", "Bitcoin/Tether", "character '/'"),
    ("en", "at 1.234e-05", "exponent"),
    ("en", "bars of 1m", "timeframe"),
    ("en", "bars of 1M", "timeframe"),
    ("en", "changed by -2.5 percent", "sign"),
    ("en", "on 2026-11-21", "sign"),
    ("en", "at 59,400.00939164311", "raw float"),
    ("en", "at 59400,5", "another language"),
    ("en", "at 5,94.5", "another language"),
    ("de", "bei 60.120,00", "another language"),
    ("fr", "à 60\u202f120,00", "character"),
    ("pl", "po 60\u00a0120", "character"),
    ("ar", "عند ٦٠", "character"),
    ("ja", "60.120,00", "another language"),
    ("en", "Highest  price", "two spaces"),
    ("en", "Highest price .", "before a mark"),
    ("en", "No bars..", "two marks"),
    ("en", "up,down", "without a space"),
    ("en", "{name} closed", "character"),
    ("en", "price — low", "character"),
    ("en", "price (forming)", "character"),
    ("en", "", "nothing"),
    ("en", " price", "space around"),
]


@pytest.mark.parametrize(("locale", "text"), GOOD)
def test_what_is_said_well_has_no_fault(locale: str, text: str) -> None:
    assert faults_of(text, locale) == []


@pytest.mark.parametrize(("locale", "text", "fault"), BAD)
def test_each_fault_is_found_by_its_name(locale: str, text: str, fault: str) -> None:
    assert any(fault in found for found in faults_of(text, locale)), faults_of(text, locale)


def test_numbers_are_read_as_the_language_writes_them() -> None:
    assert numbers_in("60,120.50 at 13:05, up 2.5 percent.", "en") == [Decimal("60120.50"), Decimal("2.5")]
    assert numbers_in("60120,50 um 13:05, plus 2,5 Prozent.", "de") == [Decimal("60120.50"), Decimal("2.5")]


def test_a_number_of_another_language_is_not_read_as_something_else() -> None:
    with pytest.raises(ValueError, match="no number in de"):
        parse_number("60,120.00", "de")
