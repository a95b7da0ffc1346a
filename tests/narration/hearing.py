"""Listen to an English description and say what in it is not true; every sentence has to be understood.

The sentences are taken apart here by patterns of their own, so that no word of them goes unheard.
"""

import re
from collections.abc import Callable
from decimal import Decimal, localcontext
from fractions import Fraction

from tests.narration.listening import Checks, Listener, Said, number, pattern, significant_volume
from tests.narration.truth import missing_in, percent
from utils.domain import BarState, GapReason

WORDS = {"second": "s", "minute": "m", "hour": "h", "day": "d", "week": "w", "month": "M"}
REASONS = {
    "nothing was traded": GapReason.NO_TRADES,
    "the exchange could not be asked": GapReason.OUTAGE,
    "not read from the exchange yet": GapReason.UNFETCHED,
    "the exchange no longer tells": GapReason.RETENTION,
}
RULES = {
    "doji": "the body is at most a twentieth of the range",
    "hammer": "below the body at least twice the body, above it at most half",
    "shooting star": "above the body at least twice the body, below it at most half",
    "rise that engulfs": "a falling bar, then a rising one whose larger body covers the other",
    "fall that engulfs": "a rising bar, then a falling one whose larger body covers the other",
    "inside bar": "within the range of the bar before, and smaller",
    "outside bar": "both higher and lower than the bar before",
}
Check = Callable[[Listener, Said], Checks]


def overview(hear: Listener, said: Said) -> Checks:
    timeframe = hear.truth.history.query.timeframe
    count, word = said["timeframe"].split()
    yield "timeframe", (int(count), WORDS[word.removesuffix("s")]) == (timeframe.count, timeframe.unit)
    yield "count", int(said.get("count", "0").replace(",", "")) == len(hear.bars)
    if "at_1" in said:
        yield "first", hear.says_time(said["at_1"], 0)
    if "at_2" in said:
        yield "last", hear.says_time(said["at_2"], hear.last)


def forming(hear: Listener, said: Said) -> Checks:
    yield "forming", hear.bars[-1].state is BarState.FORMING
    yield "time", hear.says_time(said["at_1"], hear.last)
    yield "price", hear.says_price(said["price"], "close", hear.last)


def corrected(hear: Listener, said: Said) -> Checks:
    yield "count", int(said["count"]) == sum(bar.state is BarState.CORRECTED for bar in hear.bars)


def stale(hear: Listener, said: Said) -> Checks:
    yield "stale", hear.truth.history.stale
    yield "moment", bool(said["moment"])


def more(hear: Listener, said: Said) -> Checks:
    yield "next", hear.truth.history.next_ms is not None
    yield "count", number(said["count"]) == len(hear.bars)


def gaps(hear: Listener, said: Said) -> Checks:
    yield "count", int(said.get("count", "0")) == len(hear.truth.history.gaps)


def gap(hear: Listener, said: Said) -> Checks:
    missing = [
        missing_in(hear.truth.history, gap.span.start_ms, gap.span.end_ms)
        for gap in hear.truth.history.gaps
        if gap.reason is REASONS[said["what"]]
    ]
    heard = (int(said["count"]), said["at_1"], said.get("at_2", said["at_1"]))
    time = hear.truth.time
    yield "gap", heard in [(len(opens), time(opens[0]), time(opens[-1])) for opens in missing]


def last_price(hear: Listener, said: Said) -> Checks:
    first, last = hear.truth.prices["open"][0], hear.truth.closes[-1]
    yield "price", hear.says_price(said["price"], "close", hear.last)
    if "change" in said:
        yield "change", hear.says_change(said["change"], first, last)
    if "first" in said:
        yield "first", hear.says_price(said["first"], "open", 0)


def extreme(hear: Listener, said: Said) -> Checks:
    highs, lows = hear.truth.prices["high"], hear.truth.prices["low"]
    if "high" in said:
        bar = highs.index(max(highs))
        yield "high", hear.says_price(said["high"], "high", bar)
        yield "time of the high", hear.says_time(said["at_1"], bar)
    if "low" in said:
        bar = lows.index(min(lows))
        yield "low", hear.says_price(said["low"], "low", bar)
        yield "time of the low", hear.says_time(said["at_2"], bar)


def never_moved(hear: Listener, said: Said) -> Checks:
    prices = {price for name in ("open", "high", "low", "close") for price in hear.truth.prices[name]}
    yield "price", len(prices) == 1 and hear.says_price(said["price"], "close", 0)


def whole_range(hear: Listener, said: Said) -> Checks:
    low, high = min(hear.truth.prices["low"]), max(hear.truth.prices["high"])
    yield "percent", number(said["percent"]) == percent(low, high)


def volumes(hear: Listener, said: Said) -> Checks:
    most = max(hear.truth.volumes)
    yield "total", hear.says_volume(said["total"], total_of(hear))
    yield "largest", hear.says_volume(said["largest"], most)
    yield "time", hear.says_time(said["at_1"], hear.truth.volumes.index(most))


def no_volume(hear: Listener, _: Said) -> Checks:
    yield "volume", total_of(hear) == 0


def total_of(hear: Listener) -> Decimal:
    with localcontext() as context:
        context.prec = 80
        return sum(hear.truth.volumes, Decimal(0))


def moved(hear: Listener, said: Said) -> Checks:
    heard = tuple(int(said[name]) for name in ("rose", "fell", "stayed"))
    yield "count", heard == hear.truth.moved


def legs(hear: Listener, said: Said) -> Checks:
    yield "count", int(said["count"]) == len(hear.legs)
    yield "percent", number(said["percent"]) == hear.turn


def no_legs(hear: Listener, said: Said) -> Checks:
    yield "price", len(set(hear.truth.closes)) == 1 and hear.says_price(said["price"], "close", 0)


def last_leg(hear: Listener, said: Said) -> Checks:
    yield from hear.says_leg(said, hear.legs[-1])


def largest_leg(hear: Listener, said: Said) -> Checks:
    closes = [Fraction(close) for close in hear.truth.closes]
    shares = [abs(closes[last] / closes[first] - 1) for first, last in hear.legs]
    yield from hear.says_leg(said, hear.legs[shares.index(max(shares))])


def some_leg(hear: Listener, said: Said) -> Checks:
    checks = [dict(hear.says_leg(said, leg)) for leg in hear.legs]
    yield "leg", any(all(each.values()) for each in checks)


def biggest(*, rise: bool) -> Check:
    def check(hear: Listener, said: Said) -> Checks:
        bar = hear.truth.biggest(rise=rise)
        yield "there", (bar is not None) == ("percent" in said)
        if bar is not None:
            base, field = hear.truth.base(bar)
            change = percent(hear.truth.prices[field][base], hear.truth.closes[bar])
            yield "percent", number(said["percent"]) == abs(change)
            yield "price", hear.says_price(said["price"], "close", bar)
            yield "time", hear.says_time(said["at_1"], bar)

    return check


def spikes(hear: Listener, said: Said) -> Checks:
    found = hear.truth.spikes
    if "count" in said:
        yield "count", number(said["count"]) == len(found)
        found = found[:1]
    found = found[:5]
    heard = (number(said["volume"]), said["at_1"], number(said["median"]))
    times = [hear.truth.time(hear.bars[bar].open_time_ms) for bar, _ in found]
    true = [
        (significant_volume(hear.truth.volumes[bar]), time, significant_volume(middle))
        for (bar, middle), time in zip(found, times, strict=True)
    ]
    yield "spike", heard in true


def record(field: str) -> Check:
    def check(hear: Listener, said: Said) -> Checks:
        text, time = hear.truth.price_text, hear.truth.time
        prices = hear.truth.prices[field]
        heard = (said["at_1"], said["price"], said["old"], said["at_2"])
        yield (
            "record",
            heard
            in [
                (
                    time(hear.bars[new].open_time_ms),
                    text(prices[new]),
                    text(prices[old]),
                    time(hear.bars[old].open_time_ms),
                )
                for new, old in hear.truth.records(field)[-5:]
            ],
        )

    return check


def shape(hear: Listener, said: Said) -> Checks:
    yield "rule", said["rule"] == RULES[said["what"]]
    bars = [each for each in hear.truth.bar_at(said["at_1"]) if said["what"] in hear.truth.patterns_at(each)]
    yield "pattern", bool(bars)
    if bars and said.get("newest"):
        yield "newest", not any(hear.truth.patterns_at(each) for each in range(bars[-1] + 1, hear.last + 1))


def no_shape(hear: Listener, _: Said) -> Checks:
    yield "pattern", not any(hear.truth.patterns_at(each) for each in range(len(hear.bars)))


def one_bar(hear: Listener, said: Said) -> Checks:
    """Check one bar in words; the caller has put its number into ``bar``."""
    bar = int(said["bar"])
    base, field = hear.truth.base(bar)
    if said.get("change"):
        first, last = hear.truth.prices[field][base], hear.truth.closes[bar]
        yield "change", hear.says_change(said["change"], first, last)
    for name in ("open", "high", "low", "close"):
        if said.get(name):
            yield name, hear.says_price(said[name], name, bar)
    if said.get("volume"):
        yield "volume", hear.says_volume(said["volume"], hear.truth.volumes[bar])
    if said.get("clock"):
        whole = hear.truth.time(hear.bars[bar].open_time_ms)
        yield "time", said["clock"] in (whole, whole.rpartition(", ")[2])


LEG = "{change}: from {price_1}, {at_1}, to {price_2}"
TEMPLATES: tuple[tuple[str, Check], ...] = (
    ("{name} on {what}: {count} bar of {timeframe}, {at_1}.", overview),
    ("{name} on {what}: {count} bars of {timeframe}, from {at_1} to {at_2}.", overview),
    ("{name} on {what}, bars of {timeframe}: there are none in this range.", overview),
    ("The last bar, {at_1}, is still forming, at {price}.", forming),
    ("{count} bar was corrected after it had closed.", corrected),
    ("{count} bars were corrected after they had closed.", corrected),
    ("More bars follow this {count}.", more),
    ("More bars follow these {count}.", more),
    ("No bar is missing.", gaps),
    ("Bars are missing at {count} place.", gaps),
    ("Bars are missing at {count} places.", gaps),
    ("{count} bar is missing, {at_1}: {what}.", gap),
    ("{count} bars are missing, from {at_1} to {at_2}: {what}.", gap),
    ("The last price is {price}, {change} from the first open at {first}.", last_price),
    ("The highest price is {high}, {at_1}; the lowest is {low}, {at_2}.", extreme),
    ("Highest price: {high}, {at_1}.", extreme),
    ("Lowest price: {low}, {at_2}.", extreme),
    ("The price was {price} all the time.", never_moved),
    ("The highest lies {percent} percent above the lowest.", whole_range),
    ("The volume is {total} in all; the most in one bar is {largest}, {at_1}.", volumes),
    ("No volume was traded or told.", no_volume),
    ("The closes make {count} leg; a new one begins where they turn by at least {percent} percent.", legs),
    ("The closes make {count} legs; a new one begins where they turn by at least {percent} percent.", legs),
    ("The closes stayed at {price}.", no_legs),
    (f"The last leg is {LEG}.", last_leg),
    (f"The largest leg is {LEG}, {{at_2}}.", largest_leg),
    ("Leg from {at_1} to {at_2}: {change}, from {price_1} to {price_2}.", some_leg),
    ("A leg begins, {at_1}: {change} to {price_2}, {at_2}.", some_leg),
    ("The biggest rise in one bar is {percent} percent, to {price}, {at_1}.", biggest(rise=True)),
    ("The biggest fall in one bar is {percent} percent, to {price}, {at_1}.", biggest(rise=False)),
    ("No bar rose.", biggest(rise=True)),
    ("No bar fell.", biggest(rise=False)),
    ("The volume spiked {count} time, {at_1}: {volume}, where {median} was usual.", spikes),
    ("The volume spiked {count} times, most of all {at_1}: {volume}, where {median} was usual.", spikes),
    ("Volume spike, {at_1}: {volume}, where {median} was usual.", spikes),
    ("New high, {at_1}: {price}, above {old} of {at_2}.", record("high")),
    ("New low, {at_1}: {price}, below {old} of {at_2}.", record("low")),
    ("{newest}, {at_1}: {what}, {rule}.", shape),
    ("Pattern, {at_1}: {what}, {rule}.", shape),
    ("No bar shows one of the patterns that are looked for.", no_shape),
)
BRIEFS = ("{name}, bars of {timeframe}: {price}, {change}.", "{name}: {price}, {change}.", "{name}: {price}.")
BARS = (
    "{clock}, {close}, {change}",
    "{close}, {change}",
    "{close}, {change}.",
    "{close}",
    "{clock}: {close}, {change}.",
    "{clock}: {close}, {change}. High {high}, low {low}.",
    "{clock}: open {open}, high {high}, low {low}, close {close}, {change}. Volume {volume}.",
)
COUNTED = r"(?P<{}>\d+) bars? {}"
SENTENCES = [
    *((pattern(template), check) for template, check in TEMPLATES),
    (
        re.compile(
            ", ".join(
                COUNTED.format(name, words)
                for name, words in (("rose", "rose"), ("fell", "fell"), ("stayed", "did not change"))
            )
            + r"\."
        ),
        moved,
    ),
    (
        re.compile(
            "The exchange could not be asked just now. "
            "These bars were read at (?P<moment>.+), and newer ones may exist."
        ),
        stale,
    ),
]


def faults_of_sentence(hear: Listener, text: str) -> list[str]:
    """Return what is wrong with a sentence."""
    for heard, check in SENTENCES:
        found = heard.fullmatch(text)
        if found:
            wrong = [name for name, right in check(hear, found.groupdict()) if not right]
            return [f"{name} is wrong in {text!r}" for name in wrong]
    return [f"nobody understands {text!r}"]


def faults_of_brief(hear: Listener, text: str) -> list[str]:
    """Return what is wrong with a brief."""
    if not hear.bars:
        return [] if text.removesuffix(" This may be old.") == "Bitcoin in US dollars: no bars." else [text]
    old = text.endswith(" This may be old.")
    wrong = [] if old == hear.truth.history.stale else ["whether it is old"]
    for template in BRIEFS:
        found = pattern(template).fullmatch(text.removesuffix(" This may be old."))
        if found:
            checks = last_price(hear, found.groupdict())
            return wrong + [name for name, right in checks if not right]
    return [f"nobody understands {text!r}"]


def faults_of_bar(hear: Listener, bar: int, text: str) -> list[str]:
    """Return what is wrong with one bar in words."""
    endings = {
        BarState.FORMING: (" Still forming.", ", still forming"),
        BarState.CORRECTED: (" Corrected.", ", corrected"),
        BarState.CLOSED: ("",),
    }
    for ending in endings[hear.bars[bar].state]:
        if text.endswith(ending):
            for template in BARS:
                found = pattern(template).fullmatch(text.removesuffix(ending))
                if found:
                    checks = one_bar(hear, {**found.groupdict(), "bar": str(bar)})
                    return [f"{name} is wrong in {text!r}" for name, right in checks if not right]
    return [f"nobody understands {text!r}"]
