"""docs/descriptions.md names every operation, landmark and pattern, with the numbers that the code has."""

import re
from dataclasses import replace
from datetime import UTC, datetime

from services.narration import highlights, landmarks, say, segments
from services.narration.describe import BRIEF_S, BRIEF_WORDS_MAX, PATTERNS_MAX
from services.narration.facts import Operation
from services.narration.highlights import LandmarkKind
from services.narration.patterns import PatternKind
from services.narration.voice import YEAR_CLEAR_MS, voice_for
from tests.docs.reading import ROOT, code_words, section, table
from utils.domain import DAY_MS, HOUR_MS, Timeframe

PAGE = (ROOT / "docs/descriptions.md").read_text()
WORDS = {4: "four", 10: "ten", 12: "twelve"}


def first_column(heading: str, name: str) -> list[str]:
    return [code_words(row[0])[0] for row in table(PAGE, heading, name)]


def test_every_operation_and_kind_has_its_row() -> None:
    assert first_column("Facts", "Operation") == list(Operation)
    assert first_column("Landmarks", "Kind") == list(LandmarkKind)
    assert first_column("Patterns", "Kind") == list(PatternKind)


def test_the_page_has_the_numbers_of_the_rules() -> None:
    kinds = {code_words(row[0])[0]: row for row in table(PAGE, "Landmarks", "Kind")}
    assert kinds["gap"][2] == str(highlights.LANDMARK_GAPS_MAX)
    assert kinds["volume_spike"][2] == str(highlights.SPIKES_MAX)
    assert kinds["segment_start"][2] == str(segments.LEGS_MAX - 1)
    assert kinds["new_high"][2] == kinds["new_low"][2] == str(highlights.RECORDS_MAX)
    before = f"the {landmarks.SPIKE_BARS} bars before it, of which {landmarks.SPIKE_BARS_MIN} have"
    assert before in kinds["volume_spike"][1]
    assert f"stood for {landmarks.RECORD_BARS} bars" in kinds["new_high"][1]
    prose = re.sub(r"\s+", " ", PAGE)
    assert (
        f"at most {BRIEF_WORDS_MAX} words and {BRIEF_S:.0f} seconds at {say.WORDS_PER_MINUTE} words" in prose
    )
    assert f"keeps to {say.BRIEF_S:.0f} seconds and `normal` to {say.NORMAL_S:.0f}" in prose
    assert f"times {WORDS[segments.RANGES_IN_A_TURN[0]]}, rounded" in prose
    assert f"more than {WORDS[segments.LEGS_MAX]} legs" in prose
    assert section(PAGE, "Patterns").strip().startswith(f"The {WORDS[PATTERNS_MAX]} newest")


def test_times_are_said_as_the_page_says_them() -> None:
    shorter, with_year, longer, moment = [code_words(row[1]) for row in table(PAGE, "Times", "What")]
    voice, open_ms = voice_for("en", None), ms_of("2026-11-21 13:00")
    assert [voice.bar_time(open_ms, Timeframe.parse(text)) for text in ("1h", "1s")] == shorter
    assert [replace(voice, with_years=True).bar_time(open_ms, Timeframe.parse("1h"))] == with_year
    opens_ms = {"1d": ms_of("2026-11-21"), "1w": ms_of("2026-11-16"), "1M": ms_of("2026-11-01")}
    said = [voice.bar_time(each_ms, Timeframe.parse(text)) for text, each_ms in opens_ms.items()]
    assert said == longer
    assert [voice.moment(open_ms)] == moment
    assert f"more than {YEAR_CLEAR_MS // DAY_MS} days" in section(PAGE, "Times")
    last = section(PAGE, "Times").strip().rpartition("\n\n")[2]
    zone, *both = code_words(re.sub(r"\s+", " ", last))
    there, first_ms = voice_for("en", None, zone), ms_of("2026-10-25")
    assert [there.bar_time(first_ms + hour * HOUR_MS, Timeframe.parse("1h")) for hour in (0, 1)] == both


def ms_of(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000
