"""Descriptions in every language: heard as meant, each number a fact, what promises to be short is."""

import functools
import re
from collections.abc import Iterator

import pytest

from services.history_query import History
from services.narration.chart import make_chart
from services.narration.describe import BRIEF_S, BRIEF_WORDS_MAX, Description, describe
from services.narration.locales import CODES
from services.narration.pace import speech_s
from services.narration.phrases_describe import SAY_BRIEF_CORRECTED, SAY_BRIEF_FORMING
from services.narration.say import BRIEF_S as BAR_BRIEF_S
from services.narration.say import NORMAL_S, WORDS_PER_MINUTE
from services.narration.sentences import Verbosity
from services.narration.voice import Voice, voice_for
from tests.narration.charts import made_history
from tests.narration.lint import faults_of, numbers_in
from utils.domain import Timeframe

SEEDS = range(40)
HOUR = Timeframe.parse("1h")
SHORT_PRICE = 10
STATES = (SAY_BRIEF_FORMING, SAY_BRIEF_CORRECTED)

each_language = pytest.mark.parametrize("code", CODES)


def voice_of(code: str) -> Voice:
    return voice_for(code, None, "Europe/Warsaw")


@functools.cache
def described(seed: int, code: str) -> Description:
    """Return everything that is said of a seed's history; several tests listen to the same."""
    return describe(made_history(seed), voice_of(code), Verbosity.FULL, say_bars=True)


def spoken_with_facts(description: Description) -> Iterator[tuple[str, tuple[str, ...]]]:
    said = (description.sentences, description.landmarks, description.legs, description.patterns)
    for each in (*(each for group in said for each in group), *description.gaps, description.brief):
        yield each.text, each.facts


@each_language
def test_every_sentence_is_heard_as_it_is_meant(code: str) -> None:
    faults: set[str] = set()
    for seed in SEEDS:
        description = described(seed, code)
        texts = [text for text, _ in spoken_with_facts(description)]
        # A hundred bars sound like the first two and the last.
        for bar in (*description.bars[:2], *description.bars[-1:]):
            texts += [bar.brief, bar.normal, bar.full]
        faults.update(fault for text in texts for fault in faults_of(text, code))
    assert not faults, "\n".join(sorted(faults)[:20])


@each_language
def test_every_number_that_is_said_is_one_of_the_facts_cited(code: str) -> None:
    for seed in SEEDS:
        description = described(seed, code)
        said = {fact.id: abs(fact.said) for fact in description.facts}
        silence = silencer(description.history, description.voice)
        for text, facts in spoken_with_facts(description):
            numbers = numbers_in(silence.sub(" ", text), code)
            assert set(numbers) <= {said[name] for name in facts}, text


def silencer(history: History, voice: Voice) -> re.Pattern[str]:
    """Return what finds the times and timeframes of a history in its sentences, longest first."""
    timeframe = history.query.timeframe
    opens = [bar.open_time_ms for bar in history.bars]
    for gap in history.gaps:
        opens += [timeframe.ceil(gap.span.start_ms), timeframe.shift(timeframe.ceil(gap.span.end_ms), -1)]
    times = {voice.bar_time(open_ms, timeframe) for open_ms in opens}
    times |= {voice.moment(history.as_of_ms), voice.timeframe(timeframe)}
    return re.compile("|".join(re.escape(time) for time in sorted(times, key=len, reverse=True)))


@each_language
def test_a_brief_is_one_breath(code: str) -> None:
    for seed in SEEDS:
        brief = described(seed, code).brief
        assert len(brief.text.split()) <= BRIEF_WORDS_MAX
        assert brief.speech_s <= BRIEF_S, brief


@each_language
def test_a_bar_is_said_in_the_time_it_promises(code: str) -> None:
    voice = voice_of(code)
    in_time = 0
    for seed in SEEDS[:20]:
        description = described(seed, code)
        chart = make_chart(description.history.bars, HOUR, description.price_step)
        for bar, said in enumerate(description.bars):
            price = voice.price(chart.price("close", bar))
            # The price alone is all that can be left: some take longer by themselves.
            alone = (
                price,
                *(voice.say(phrase, bar=price) for phrase in (SAY_BRIEF_FORMING, SAY_BRIEF_CORRECTED)),
            )
            assert seconds(said.brief, code) <= BAR_BRIEF_S or said.brief in alone
            if len(price) <= SHORT_PRICE:
                assert seconds(said.normal, code) <= NORMAL_S, said.normal
            in_time += seconds(said.brief, code) <= BAR_BRIEF_S
    assert in_time > 200


def seconds(text: str, code: str) -> float:
    return speech_s(text, WORDS_PER_MINUTE, code)


def test_nothing_that_is_said_is_advice() -> None:
    advice = re.compile(
        r"\b(buy|sell|should|will|expect|likely|bullish|bearish|signal|opportunity)\b", re.IGNORECASE
    )
    texts = [text for seed in SEEDS for text, _ in spoken_with_facts(described(seed, "en"))]
    assert len(texts) > 400
    assert not [text for text in texts if advice.search(text)]


def test_the_same_bars_are_always_described_the_same() -> None:
    for seed in SEEDS[:20]:
        assert described(seed, "pl") == described.__wrapped__(seed, "pl")


def test_the_hash_of_the_data_is_that_of_the_bars_alone() -> None:
    hashes = [describe(made_history(seed), voice_for("en", None)).data_hash for seed in SEEDS]
    others = [describe(made_history(seed), voice_for("ar", None)).data_hash for seed in SEEDS]
    assert hashes == others
    assert len({each for seed, each in enumerate(hashes) if made_history(seed).bars}) > len(SEEDS) // 2
