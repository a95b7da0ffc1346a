"""One bar in words, three ways: for whoever walks through a chart bar by bar."""

from dataclasses import dataclass

from services.narration import phrases_describe as phrases
from services.narration.chart import Chart
from services.narration.facts import spoken_volume
from services.narration.numbers import percent_change
from services.narration.pace import speech_s
from services.narration.voice import Voice
from utils.domain import BarState

WORDS_PER_MINUTE = 175
# By so much a synthesizer takes longer than was estimated, for one short text in fifty.
CAUTION = 1.2
BRIEF_S = 6.0
NORMAL_S = 12.0


@dataclass(frozen=True, slots=True)
class SpokenBar:
    """Say a bar: briefly within six seconds, normally within twelve, fully however long it takes.

    To keep within its time a text leaves out the day, then the high and the low, then the time. The price is
    what stays in the end.
    """

    brief: str
    normal: str
    full: str


def say_bar(chart: Chart, bar: int, voice: Voice) -> SpokenBar:
    """Return a bar in words; its change counts as ``Chart.base`` says."""
    base_bar, base_field = chart.base(bar)
    close = chart.price("close", bar)
    change = percent_change(chart.price(base_field, base_bar), close)
    volume = chart.volume(bar)
    words = {
        "time": voice.bar_time(chart.bars[bar].open_time_ms, chart.timeframe),
        "open": voice.price(chart.price("open", bar)),
        "high": voice.price(chart.price("high", bar)),
        "low": voice.price(chart.price("low", bar)),
        "close": voice.price(close),
        "change": voice.change(change),
        "volume": voice.amount(spoken_volume(volume)),
    }
    state = chart.bars[bar].state
    clock = _clock(chart, bar, voice) or words["time"]
    timely = words | {"time": clock}
    said = [voice.say(phrase, **timely) for phrase in (phrases.SAY_BRIEF, phrases.SAY_BRIEFEST)]
    briefs = [_with_state(voice, state, text, brief=True) for text in (*said, words["close"])]
    said = [voice.say(phrases.SAY_NORMAL, **words), voice.say(phrases.SAY_NORMAL, **timely)]
    said += [voice.say(phrase, **timely) for phrase in (phrases.SAY_SHORTER, phrases.SAY_SHORTEST)]
    normals = [_with_state(voice, state, text) for text in said]
    return SpokenBar(
        brief=_first_in_time(briefs, voice, BRIEF_S),
        normal=_first_in_time(normals, voice, NORMAL_S),
        full=_with_state(voice, state, voice.say(phrases.SAY_FULL, **words)),
    )


def _clock(chart: Chart, bar: int, voice: Voice) -> str | None:
    # A day has no clock, and a second needs more of it than minutes.
    if chart.timeframe.unit not in ("m", "h"):
        return None
    return voice.clock(chart.bars[bar].open_time_ms)


def _with_state(voice: Voice, state: BarState, said: str, *, brief: bool = False) -> str:
    if state is BarState.FORMING:
        return voice.say(phrases.SAY_BRIEF_FORMING if brief else phrases.SAY_FORMING, bar=said)
    if state is BarState.CORRECTED:
        return voice.say(phrases.SAY_BRIEF_CORRECTED if brief else phrases.SAY_CORRECTED, bar=said)
    return said


def _first_in_time(texts: list[str], voice: Voice, limit_s: float) -> str:
    """Return the first text that can be said in time, else the last, which is the shortest."""
    return next((text for text in texts if fits(text, voice, limit_s)), texts[-1])


def fits(text: str, voice: Voice, limit_s: float) -> bool:
    """Tell whether a text can be said in time, by a cautious estimate."""
    return speech_s(text, WORDS_PER_MINUTE, voice.locale.code) * CAUTION <= limit_s
