"""The description of a chart: what it says, by which facts, where to jump, and what it sounds like.

The same bars, voice and wishes always give the same description; nothing in it is advice.
"""

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from services.history_query import History
from services.narration import phrases_describe as phrases
from services.narration.chart import Chart, make_chart
from services.narration.facts import Fact, FactBook
from services.narration.highlights import (
    Landmark,
    SpokenGap,
    SpokenLeg,
    SpokenPattern,
    find_landmarks,
    speak_gaps,
    speak_legs,
    speak_patterns,
)
from services.narration.landmarks import find_records, find_volume_spikes
from services.narration.numbers import exact_step
from services.narration.pace import speech_s
from services.narration.patterns import find_patterns
from services.narration.say import WORDS_PER_MINUTE, SpokenBar, fits, say_bar
from services.narration.segments import find_legs
from services.narration.sentences import Findings, Sentence, Teller, Verbosity, ids
from services.narration.statistics import find_statistics
from services.narration.telling_chart import tell_chart
from services.narration.telling_statistics import tell_statistics
from services.narration.telling_trend import tell_trend
from services.narration.voice import Voice

BRIEF_S = 8.0
BRIEF_WORDS_MAX = 25
PATTERNS_MAX = 10


@dataclass(frozen=True, slots=True)
class Brief:
    """Say the whole in one breath: at most 25 words and, where any form of it can be, 8 seconds."""

    text: str
    speech_s: float
    facts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Description:
    """Hold a chart and all that is said of it; ``bars`` are empty unless they were asked for."""

    history: History
    chart: Chart
    voice: Voice
    verbosity: Verbosity
    price_step: Decimal | None
    data_hash: str
    brief: Brief
    sentences: tuple[Sentence, ...]
    facts: tuple[Fact, ...]
    landmarks: tuple[Landmark, ...]
    legs: tuple[SpokenLeg, ...]
    patterns: tuple[SpokenPattern, ...]
    gaps: tuple[SpokenGap, ...]
    bars: tuple[SpokenBar, ...]


def describe(
    history: History, voice: Voice, verbosity: Verbosity = Verbosity.NORMAL, *, say_bars: bool = False
) -> Description:
    """Return the description of a history, its newest bar included though it may still be forming."""
    chart = make_chart(history.bars, history.query.timeframe, exact_step(history.spec.price_step))
    voice = _dated(voice, history)
    teller = Teller(chart, FactBook(chart), voice)
    findings = _find(chart) if chart.bars else None
    brief = _brief(teller, history)
    told = _tell(teller, history, findings, verbosity)
    sentences = tuple(each for each in told if verbosity.includes(each.verbosity))
    landmarks = find_landmarks(teller, findings, history.gaps) if findings else ()
    legs = speak_legs(teller, findings.legs.legs if findings and findings.legs else ())
    patterns = speak_patterns(teller, findings.patterns if findings else ())
    gaps = speak_gaps(teller, history.gaps)
    cited = _cited(brief, *sentences, *landmarks, *legs, *patterns, *gaps)
    return Description(
        history=history,
        chart=chart,
        voice=voice,
        verbosity=verbosity,
        price_step=chart.price_step,
        data_hash=_hash(history),
        brief=brief,
        sentences=sentences,
        facts=tuple(fact for fact in teller.book.facts if fact.id in cited),
        landmarks=landmarks,
        legs=legs,
        patterns=patterns,
        gaps=gaps,
        bars=tuple(say_bar(chart, bar, voice) for bar in range(len(chart.bars))) if say_bars else (),
    )


def _dated(voice: Voice, history: History) -> Voice:
    times_ms = [bar.open_time_ms for bar in history.bars[:1] + history.bars[-1:]]
    times_ms += [time_ms for gap in history.gaps for time_ms in (gap.span.start_ms, gap.span.end_ms - 1)]
    if not times_ms:
        return voice
    clear = voice.is_year_clear(min(times_ms), max(times_ms), history.as_of_ms)
    return replace(voice, with_years=not clear)


def _tell(
    teller: Teller, history: History, findings: Findings | None, verbosity: Verbosity
) -> Iterator[Sentence]:
    yield from tell_chart(teller, history, verbosity)
    if findings is not None:
        yield from tell_statistics(teller, findings.statistics)
        yield from tell_trend(teller, findings)


def _cited(*said: Brief | Sentence | Landmark | SpokenLeg | SpokenPattern | SpokenGap) -> set[str]:
    return {name for each in said for name in each.facts}


def _find(chart: Chart) -> Findings:
    return Findings(
        statistics=find_statistics(chart),
        legs=find_legs(chart),
        spikes=find_volume_spikes(chart),
        new_highs=find_records(chart.highs, highest=True),
        new_lows=find_records(chart.lows, highest=False),
        patterns=find_patterns(chart, PATTERNS_MAX),
    )


def _brief(teller: Teller, history: History) -> Brief:
    voice, chart = teller.voice, teller.chart
    name = voice.name(history.query.instrument)
    if not chart.bars:
        count = teller.book.count("bars", 0)
        texts = [voice.say(phrases.BRIEF_EMPTY, name=name.spoken), voice.say(phrases.BRIEFLY_NOTHING)]
        return _fitting(texts, voice, ids(count))
    last = teller.book.price("close", chart.last)
    change = teller.book.change((0, "open"), chart.last)
    words = {
        "name": name.spoken,
        "short": name.short,
        "timeframe": voice.timeframe(chart.timeframe),
        "price": teller.price(last),
        "change": teller.change(change),
    }
    texts = [voice.say(phrase, **words) for phrase in phrases.BRIEFS]
    if history.stale:
        texts = [voice.say(phrases.BRIEF_STALE, brief=text) for text in texts]
    return _fitting(texts, voice, ids(last, change))


def _fitting(texts: list[str], voice: Voice, facts: tuple[str, ...]) -> Brief:
    """Return the first text that is short enough, else the last one."""
    for text in texts:
        if fits(text, voice, BRIEF_S) and len(text.split()) <= BRIEF_WORDS_MAX:
            break
    return Brief(text, round(speech_s(text, WORDS_PER_MINUTE, voice.locale.code), 1), facts)


def _hash(history: History) -> str:
    """Return a name for the bars: the same for the same bars, whoever asks and in whatever language."""
    bars = history.bars
    values = itertools.chain.from_iterable(bar.values for bar in bars)
    digest = hashlib.blake2b(digest_size=12)
    digest.update(f"{history.query.instrument.text} {history.query.timeframe.text}".encode())
    digest.update(np.array([bar.open_time_ms for bar in bars], dtype="<i8").tobytes())
    digest.update(np.fromiter(values, dtype="<f8").tobytes())
    digest.update(" ".join(f"{bar.state}{bar.revision}" for bar in bars).encode())
    return digest.hexdigest()
