"""Whatever the bars are: every number and direction of a description is true, every fact can be redone."""

from typing import Any

import orjson
import pytest

from blueprints.formats.description import encode_description
from services.history_query import History
from services.narration.describe import describe
from services.narration.sentences import Verbosity
from services.narration.voice import voice_for
from tests.narration.charts import made_history
from tests.narration.hearing import faults_of_bar, faults_of_brief, faults_of_sentence
from tests.narration.listening import Listener
from tests.narration.recomputing import wrong_facts
from tests.narration.truth import Truth

SERIES, SERIES_LONG, BATCH = 500, 10_000, 250
SPOKEN = ("sentences", "landmarks", "segments", "patterns", "gaps")


def document(history: History, *, say_bars: bool) -> dict[str, Any]:
    described = describe(history, voice_for("en", None), Verbosity.FULL, say_bars=say_bars)
    found: dict[str, Any] = orjson.loads(encode_description(described))
    return found


def faults(seed: int) -> list[str]:
    """Return everything in the description of a seed's history that is not so."""
    history = made_history(seed)
    # Every bar in three ways is most of the work; seven does not divide the number of shapes.
    said, truth = document(history, say_bars=seed % 7 == 0), Truth(history)
    hear = Listener(truth)
    texts = [each["text"] for name in SPOKEN for each in said[name]]
    found = [fault for text in texts for fault in faults_of_sentence(hear, text)]
    found += faults_of_brief(hear, said["summary"]["brief"])
    for bar in said.get("bars", ()):
        found += [fault for text in bar["say"].values() for fault in faults_of_bar(hear, bar["bar"], text)]
    return [*found, *wrong_facts(said["facts"], truth), *broken_promises(said, history)]


def broken_promises(said: dict[str, Any], history: History) -> list[str]:
    """Return what has no facts or level, what is too long, and what is out of order."""
    there = {fact["id"] for fact in said["facts"]}
    broken = [
        f"{each} cites no facts, or unknown ones"
        for each in [*(each for name in SPOKEN for each in said[name]), said["summary"]]
        if not each["facts"] or not set(each["facts"]) <= there
    ]
    levels = {sentence["level"] for sentence in said["sentences"]}
    if levels != ({1, 2, 3} if history.bars else {1}):
        broken.append(f"the levels are {levels}")
    if len(said["summary"]["brief"].split()) > 25:
        broken.append("the brief has more than 25 words")
    places = [landmark["bar"] for landmark in said["landmarks"]]
    if places != sorted(places):
        broken.append("the landmarks are not in order of time")
    texts = [sentence["text"] for sentence in said["sentences"]]
    if len(texts) != len(set(texts)):
        broken.append(f"something is said twice: {texts}")
    broken += [
        f"{landmark} is of another bar"
        for landmark in said["landmarks"]
        if landmark["open_time_ms"] != history.bars[landmark["bar"]].open_time_ms
    ]
    return broken


@pytest.mark.parametrize("first", range(0, SERIES, BATCH))
def test_every_number_and_direction_is_true(first: int) -> None:
    wrong = {seed: found for seed in range(first, first + BATCH) if (found := faults(seed))}
    assert not wrong, f"{len(wrong)} of {BATCH}: {dict(list(wrong.items())[:3])}"


@pytest.mark.long
@pytest.mark.parametrize("first", range(0, SERIES_LONG, BATCH))
def test_every_number_and_direction_is_true_of_ten_thousand_series(first: int) -> None:
    wrong = {seed: found for seed in range(first, first + BATCH) if (found := faults(seed))}
    assert not wrong, f"{len(wrong)} of {BATCH}: {dict(list(wrong.items())[:3])}"
