"""Which timeframe shows a span in about so many bars; pure.

The answer follows from the question and from what the exchange offers alone, never from the present: the same
question keeps its answer, and so its place in every cache.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from services.derivation import choose_base
from services.history_query import LIMIT_MAX
from utils.domain import Span, Timeframe

POINTS_DEFAULT = 1_000
# What is built where an exchange lacks it: the usual steps of charts, so that zooming makes few new series.
STEPS = tuple(
    Timeframe.parse(text) for text in ("1m", "5m", "15m", "1h", "4h", "1d", "1w", "1M", "3M", "12M")
)


@dataclass(frozen=True, slots=True)
class Choice:
    """Name a timeframe, and how many of its bars the span holds at most."""

    timeframe: Timeframe
    limit: int


def choose_timeframe(span: Span, points: int, native: Iterable[Timeframe]) -> Choice:
    """Return the finest timeframe with at most so many bars in the span; where none is, the coarsest."""
    offered = frozenset(native)
    built = {step for step in STEPS if choose_base(step, offered) is not None}
    ladder = sorted(offered | built, key=lambda each: each.approximate_ms)
    for timeframe in ladder:
        if timeframe.shift(timeframe.ceil(span.start_ms), points) >= timeframe.ceil(span.end_ms):
            return Choice(timeframe, points)
    return Choice(ladder[-1], LIMIT_MAX)
