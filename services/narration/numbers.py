"""Numbers that are spoken: exact decimals from floats, and their digits in a language.

Exchanges print at most fifteen digits, and the shortest text of such a float is what was printed
(docs/decisions/0003-floats-and-decimals.md). From here on a price is a Decimal with exactly the
decimals of its step. Every float here is finite; bars with others are refused at the border.
"""

from decimal import ROUND_HALF_EVEN, Context, Decimal

# Wide enough for any float at any step, so that nothing is rounded but where it is said.
EXACT = Context(prec=700, rounding=ROUND_HALF_EVEN)
# A quotient of two prices of seventeen digits is never nearer to a tie than this, unless it is one.
QUOTIENT = Context(prec=80, rounding=ROUND_HALF_EVEN)
# What one or two operations on floats leave behind, as a part of the value. Two numbers of fifteen digits lie
# further apart, so nothing that somebody printed is ever taken for noise.
NOISE = Decimal("5e-16")
# At a step so fine that floats cannot keep it apart, a quarter of it is the most that may be noise.
NOISE_IN_STEPS = Decimal("0.25")
ONE = Decimal(1)
TENTH = Decimal("0.1")
HUNDRED = Decimal(100)


def exact_step(step: float | None) -> Decimal | None:
    """Return the step of an instrument as the decimal it was printed as; None stays None."""
    return None if step is None else _plain(Decimal(repr(step)))


def exact_price(value: float, step: Decimal | None) -> Decimal:
    """Return the decimal that a float stands for, with exactly the decimals of the step.

    59399.99999999999 at a step of 0.01 is noise and becomes 59400.00. A value that truly lies between two
    steps (the exchange prints finer than it says) keeps every digit, so two prices become the same decimal
    only if they are the same multiple of the step.
    """
    exact = Decimal(repr(value))
    if step is None:
        return _plain(exact)
    beyond = EXACT.remainder_near(exact, step)
    if not beyond:
        return EXACT.quantize(exact, step)
    if abs(beyond) <= min(abs(exact) * NOISE, step * NOISE_IN_STEPS):
        return EXACT.quantize(EXACT.subtract(exact, beyond), step)
    return _plain(exact)


def exact_amount(value: float, step: Decimal | None) -> Decimal:
    """Return an amount or a volume to its step, or to fifteen digits where there is none.

    A volume is a sum, and its noise grows with what was summed: it is always rounded, where a price is not.
    It ends with its last digit that is not 0: eight decimals of nothing take four seconds to be heard.
    """
    if step is None:
        return _plain(Decimal(f"{value:.15g}"))
    return _plain(EXACT.quantize(Decimal(repr(value)), step))


def percent_change(first: Decimal, last: Decimal) -> Decimal:
    """Return by how many percent ``last`` lies above ``first``, rounded half to even; ``first`` is not 0.

    One decimal is kept: 2.5. A change too small for it keeps its first digit that is not 0 (0.04, 0.0007), so
    that only no change at all is 0. What is left of a price that lost almost everything keeps its first digit
    as well (-99.96), so that only a fall to 0 is one by 100 percent.
    """
    change = QUOTIENT.divide(EXACT.multiply(EXACT.subtract(last, first), HUNDRED), abs(first))
    rounded = rounded_percent(change)
    if rounded != -HUNDRED or last <= 0 or first <= 0:
        return rounded
    left = QUOTIENT.divide(EXACT.multiply(last, HUNDRED), first)
    return EXACT.subtract(rounded_percent(left), HUNDRED)


def rounded_percent(change: Decimal) -> Decimal:
    """Return a percentage as ``percent_change`` rounds it."""
    rounded = EXACT.quantize(change, TENTH)
    if rounded or not change:
        return rounded
    first_digit = EXACT.quantize(change, ONE.scaleb(change.adjusted()))
    # 0.096 is 0.1, and not 0.10.
    return EXACT.quantize(first_digit, ONE.scaleb(first_digit.adjusted()))


def number_text(value: Decimal, decimal_mark: str, *, grouped: bool) -> str:
    """Return every digit of the magnitude as a language writes it: ``60,120.00``; no sign, no exponent."""
    # abs() of a Decimal would round it to the precision of the thread.
    text = f"{value:,f}" if grouped else f"{value:f}"
    return text.lstrip("-").replace(".", decimal_mark)


# Without an exponent, and without zeros at the end.
def _plain(value: Decimal) -> Decimal:
    shortest = value.normalize(EXACT)
    return shortest if shortest != shortest.to_integral_value() else EXACT.quantize(shortest, ONE)
