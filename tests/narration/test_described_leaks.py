"""No word of a description goes around the catalogs, whatever kind of chart it is of."""

from services.narration.describe import describe
from services.narration.sentences import Verbosity
from tests.narration.charts import SHAPES, made_history
from tests.narration.pseudo import PSEUDO, leaks_of

SEEDS = range(3 * len(SHAPES))


def said(seed: int) -> list[str]:
    description = describe(made_history(seed), PSEUDO, Verbosity.FULL, say_bars=True)
    spoken = (
        *description.sentences,
        *description.landmarks,
        *description.legs,
        *description.patterns,
        *description.gaps,
    )
    bars = [text for bar in description.bars[-3:] for text in (bar.brief, bar.normal, bar.full)]
    return [description.brief.text, *(each.text for each in spoken), *bars]


def test_no_word_of_a_description_goes_around_the_catalogs() -> None:
    texts = [text for seed in SEEDS for text in said(seed)]
    assert len(texts) > 20 * len(SEEDS)
    leaks = [(text, leaks) for text in texts if (leaks := leaks_of(text.replace("Bitstamp", "")))]
    assert not leaks
