"""Compute every fact of a description again from the raw bars, by what its operation is said to mean."""

from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from fractions import Fraction
from statistics import median
from typing import Any

from tests.narration.truth import Truth, missing_in, percent
from utils.domain import BarState

FOUR_DIGITS = Context(prec=4, rounding=ROUND_HALF_EVEN)


def wrong_facts(facts: list[dict[str, Any]], truth: Truth) -> list[str]:
    """Return a line for each fact that is not so."""
    wrong = []
    for fact in facts:
        expected = expected_value(fact, truth)
        if Decimal(fact["value"]) != expected:
            wrong.append(f"{fact} should be {expected}")
        if "e" in fact["value"].lower():
            wrong.append(f"{fact} has an exponent")
        if "bar" in fact and fact["open_time_ms"] != truth.bars[fact["bar"]].open_time_ms:
            wrong.append(f"{fact} is of another time")
        if "spoken" in fact and Decimal(fact["spoken"]) != FOUR_DIGITS.plus(Decimal(fact["value"])):
            wrong.append(f"{fact} is rounded otherwise")
    return wrong


def expected_value(fact: dict[str, Any], truth: Truth) -> Decimal | None:
    field, operation = fact["field"], fact["operation"]
    if operation == "count":
        return Decimal(counted(fact, truth))
    if operation == "turn_percent":
        return truth.turn[0]
    if field == "as_of_ms":
        return Decimal(truth.history.as_of_ms)
    return of_column(fact, truth)


def of_column(fact: dict[str, Any], truth: Truth) -> Decimal | None:
    field, operation = fact["field"], fact["operation"]
    column = truth.volumes if field == "volume" else truth.prices[field]
    if operation == "value":
        return column[fact["bar"]]
    if operation == "change_percent":
        return percent(truth.prices[fact["base_field"]][fact["base_bar"]], column[fact["bar"]])
    part = column[fact["first_bar"] : fact["last_bar"] + 1]
    if operation == "median":
        exact = Fraction(median(map(Fraction, part)))
        with localcontext() as context:
            context.prec = 80
            return Decimal(exact.numerator) / Decimal(exact.denominator)
    if operation == "sum":
        with localcontext() as context:
            context.prec = 80
            return sum(part, Decimal(0))
    value = max(part) if operation == "maximum" else min(part)
    return value if fact["bar"] == fact["first_bar"] + part.index(value) else None


def counted(fact: dict[str, Any], truth: Truth) -> int:
    history = truth.history
    if fact["field"] == "missing_bars":
        return len(missing_in(history, fact["start_ms"], fact["end_ms"]))
    rose, fell, stayed = truth.moved
    counts = {
        "bars": len(truth.bars),
        "gaps": len(history.gaps),
        "corrected_bars": sum(bar.state is BarState.CORRECTED for bar in truth.bars),
        "rising_bars": rose,
        "falling_bars": fell,
        "unchanged_bars": stayed,
        "volume_spikes": len(truth.spikes),
        "legs": len(truth.turn[1]) - 1 if len(truth.bars) > 1 else 0,
        "patterns": sum(len(truth.patterns_at(bar)) for bar in range(len(truth.bars))),
    }
    return counts[fact["field"]]
