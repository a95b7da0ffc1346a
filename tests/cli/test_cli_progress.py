"""Progress as a moving line and as sentences: what they say, and how often."""

import io
from dataclasses import replace

import pytest

from app_extensions.cli_progress import BarTeller, LineTeller, Teller, choose_teller, spoken_length
from services.backfill import Progress
from utils.domain import HOUR_MS, Span, Timeframe

START_MS = 1_514_764_800_000  # 2018-01-01
HOURS = 1_000
NOTHING = Progress(
    span=Span(START_MS, START_MS + HOURS * HOUR_MS),
    timeframe=Timeframe.parse("1h"),
    missing_ms=HOURS * HOUR_MS,
    reached_ms=START_MS,
    silent_ms=0,
    bars=0,
)


def at(hours: int) -> Progress:
    return replace(
        NOTHING, missing_ms=(HOURS - hours) * HOUR_MS, reached_ms=START_MS + hours * HOUR_MS, bars=hours
    )


class Stage:
    """A teller, what it has written, and a clock that stands still."""

    def __init__(self, kind: type[Teller]) -> None:
        self.stream = io.StringIO()
        self.now_s = 0.0
        self.teller = kind(self.stream, lambda: self.now_s)

    def tell(self, now_s: float, hours: int) -> None:
        self.now_s = now_s
        self.teller.tell(at(hours))

    @property
    def said(self) -> str:
        return self.stream.getvalue()


def test_the_moving_line_is_written_over_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    stage = Stage(BarTeller)
    stage.tell(0, 0)
    stage.tell(10, 250)
    stage.tell(40, 1_000)
    stage.teller.say("Done.")
    lines = stage.said.split("\r")
    assert lines[1] == "[------------------------]   0 %  0 bars  2018-01-01 00:00 UTC"
    assert (
        lines[2] == "[######------------------]  25 %  250 bars  2018-01-11 10:00 UTC  about 30 seconds left"
    )
    assert lines[3].rstrip() == "[########################] 100 %  1,000 bars  2018-02-11 16:00 UTC"
    # What was longer is covered with spaces.
    assert len(lines[3]) == len(lines[2])
    assert lines[4] == "Done.".ljust(len(lines[3].rstrip())) + "\n"
    assert stage.said.count("\n") == 1


def test_the_moving_line_never_wraps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    stage = Stage(BarTeller)
    stage.tell(0, 0)
    stage.tell(10, 250)
    assert {len(line) for line in stage.said.split("\r")[1:]} == {39}


def test_ending_leaves_the_line_as_it_stands_once() -> None:
    stage = Stage(BarTeller)
    stage.teller.end()
    assert stage.said == ""
    stage.tell(0, 0)
    stage.teller.end()
    stage.teller.end()
    assert stage.said.endswith("UTC\n")
    assert stage.said.count("\n") == 1


def test_sentences_come_at_once_and_then_every_few_seconds_with_news() -> None:
    stage = Stage(LineTeller)
    for second in range(61):
        stage.tell(second, second * 10)
    lines = stage.said.splitlines()
    assert lines[0] == "0 percent, 0 bars fetched, at 2018-01-01 00:00 UTC."
    assert lines[1] == "5 percent, 50 bars fetched, at 2018-01-03 02:00 UTC, about 95 seconds left."
    assert len(lines) == 13


@pytest.mark.parametrize("kind", [BarTeller, LineTeller])
def test_one_bar_is_no_bars(kind: type[Teller]) -> None:
    stage = Stage(kind)
    stage.tell(0, 1)
    assert "1 bar" in stage.said
    assert "1 bars" not in stage.said


def test_sentences_without_news_come_seldom() -> None:
    stage = Stage(LineTeller)
    for second in range(61):
        stage.tell(second, 0)
    assert len(stage.said.splitlines()) == 3


def test_the_end_is_said_once_by_whoever_knows_it() -> None:
    stage = Stage(LineTeller)
    stage.tell(0, 1_000)
    stage.teller.say("Done: everything was stored already.")
    stage.teller.end()
    assert stage.said == "Done: everything was stored already.\n"
    assert stage.teller.last == at(1_000)


def test_a_hundred_percent_is_said_at_the_very_end_only() -> None:
    stage = Stage(LineTeller)
    stage.tell(0, HOURS - 1)
    assert stage.said.startswith("99 percent")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "term", "plain", "kind"),
    [
        (Terminal(), "xterm-256color", False, BarTeller),
        (Terminal(), "xterm-256color", True, LineTeller),
        (Terminal(), "dumb", False, LineTeller),
        (Terminal(), None, False, LineTeller),
        (io.StringIO(), "xterm-256color", False, LineTeller),
    ],
)
def test_only_a_terminal_that_can_gets_a_moving_line(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, term: str | None, *, plain: bool, kind: type[Teller]
) -> None:
    monkeypatch.delenv("TERM", raising=False)
    if term is not None:
        monkeypatch.setenv("TERM", term)
    assert type(choose_teller(stream, plain=plain)) is kind


@pytest.mark.parametrize(
    ("length_s", "spoken"),
    [
        (0.2, "1 second"),
        (95, "95 seconds"),
        (100, "2 minutes"),
        (7_100, "119 minutes"),
        (7_200, "2 hours"),
        (36_100, "10 hours"),
    ],
)
def test_lengths_of_time_are_said_in_whole_words(length_s: float, spoken: str) -> None:
    assert spoken_length(length_s) == spoken
