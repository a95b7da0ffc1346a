"""Announcements of every kind are heard as they are meant in every language, and leak no English."""

import itertools
from collections.abc import Iterator

import pytest

from services.announcing.announcement import (
    Absence,
    AlertNews,
    Announcement,
    Closed,
    Cover,
    FeedNews,
    Kind,
    Moved,
    Part,
    Priority,
)
from services.announcing.news import Extreme, Side, Spike
from services.announcing.preferences import Verbosity
from services.announcing.wording import Steps, words
from services.narration.locales import CODES
from services.narration.voice import Voice, voice_for
from tests.narration.lint import faults_of, numbers_in
from tests.narration.pseudo import PSEUDO, leaks_of
from tests.narration.samples import BITCOIN, MOMENT_MS
from utils.domain import Bar, BarState, Timeframe, Topic

LATER_MS = MOMENT_MS + 7_500_000
STEPS = Steps.of(0.01, 0.00000001)
TIMEFRAMES = tuple(map(Timeframe.parse, ("1s", "1m", "1h", "1d", "1w", "1M")))
BAR = Bar(MOMENT_MS, 60_000.0, 60_500.5, 59_000.01, 60_120.0, 1_234.5, BarState.CLOSED)
COVER = Cover(60_000.0, 60_500.5, 59_000.01, 60_120.0, MOMENT_MS, LATER_MS)
PRICES = (60_000.0, 60_500.5, 59_000.01, 60_120.0)
PARTS: tuple[Part, ...] = (
    *(Closed(BAR, bars_count) for bars_count in (1, 2, 5, 12)),
    Moved(60_000.0, 60_120.0, 60_120.0, MOMENT_MS),
    Moved(60_000.0, 59_000.01, 60_120.0, MOMENT_MS),
    *(Extreme(side, 60_500.5, bars_count) for side in Side for bars_count in (0, 1, 2, 20, 100)),
    Spike(MOMENT_MS, 1_234.5, 100.0),
    *(
        FeedNews(lost, MOMENT_MS, 90_000, symbols_count)
        for lost in (True, False)
        for symbols_count in (1, 2, 5, 12)
    ),
    AlertNews(1, 7, "cross_above", 60_120.0, MOMENT_MS, level="60000"),
    AlertNews(1, 7, "cross_below", 60_120.0, MOMENT_MS, level="60500.50"),
    AlertNews(1, 7, "percent_in_window", 60_120.0, MOMENT_MS, None, 59_000.01, "1.5", 300_000),
    AlertNews(1, 7, "cross_above", 60_120.0, MOMENT_MS, level="60000", late=True),
    AlertNews(1, 7, "cross_below", 60_120.0, MOMENT_MS, level="60500.50", late=True),
    AlertNews(1, 7, "percent_in_window", 60_120.0, MOMENT_MS, None, 59_000.01, "1.5", 300_000, late=True),
    Absence(MOMENT_MS, LATER_MS, *PRICES, bars_closed=3, lost_ms=61_000),
    Absence(MOMENT_MS, LATER_MS, *PRICES, bars_closed=1, whole=False),
    Absence(MOMENT_MS, LATER_MS, whole=False),
    Absence(MOMENT_MS, LATER_MS, last=60_120.0, whole=False),
    Absence(MOMENT_MS, LATER_MS, *PRICES, whole=False, quiet=True, bar_ms=MOMENT_MS - 900_000),
)
ANNOUNCEMENTS = tuple(
    Announcement(Kind.MOVE, Priority.ROUTINE, Topic(BITCOIN, timeframe), LATER_MS, (part, *more), COVER, 97)
    for timeframe, part in itertools.product(TIMEFRAMES, PARTS)
    for more in ((), (Extreme(Side.LOW, 59_000.01), Spike(MOMENT_MS, 1_234.5, 100.0)))
)


def said(voice: Voice) -> Iterator[str]:
    for announcement, verbosity in itertools.product(ANNOUNCEMENTS, Verbosity):
        made = words(announcement, STEPS, voice, verbosity)
        yield from (made.text, made.short)


@pytest.mark.parametrize("code", CODES)
def test_every_announcement_is_heard_as_it_is_meant(code: str) -> None:
    texts = set(said(voice_for(code, None)))
    faults = [fault for text in texts for fault in faults_of(text, code)]
    assert len(texts) > 150
    assert not faults, "\n".join(sorted(set(faults)))


@pytest.mark.parametrize("code", CODES)
def test_every_language_says_the_same_numbers(code: str) -> None:
    here, english = voice_for(code, None), voice_for("en", None)
    for announcement in ANNOUNCEMENTS:
        if any(isinstance(part, Moved) for part in announcement.parts):
            texts = [words(announcement, STEPS, voice, Verbosity.NORMAL).text for voice in (here, english)]
            assert sorted(numbers_in(texts[0], code)) == sorted(numbers_in(texts[1], "en"))


@pytest.mark.parametrize("away_ms", [0, 300, 999, 1_000])
def test_nobody_was_away_for_no_time_at_all(away_ms: int) -> None:
    absence = Absence(MOMENT_MS, MOMENT_MS + away_ms, *PRICES)
    announcement = Announcement(
        Kind.CATCH_UP, Priority.IMPORTANT, Topic(BITCOIN, TIMEFRAMES[1]), LATER_MS, (absence,), COVER, 97
    )
    text = words(announcement, STEPS, voice_for("en", None), Verbosity.NORMAL).text
    assert text.startswith("You were away for 1 second. ")


def test_no_word_of_an_announcement_goes_around_the_catalogs() -> None:
    leaks = [(text, leaks) for text in said(PSEUDO) if (leaks := leaks_of(text.replace("Bitstamp", "")))]
    assert not leaks
