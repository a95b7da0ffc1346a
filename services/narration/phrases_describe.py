"""What a description says, in English templates; the translations are in ``locale/*.po``.

No template says what a price will do or what anybody should do.
"""

from services.narration.catalog import N_, NN_, Message
from services.narration.patterns import PatternKind
from utils.domain import GapReason

# The whole in one breath, longest first; the first that can be said in time is said.
BRIEFS = (
    N_("{name}, bars of {timeframe}: {price}, {change}."),
    N_("{name}: {price}, {change}."),
    N_("{short}: {price}, {change}."),
    N_("{short}: {price}."),
)
BRIEF_STALE = N_("{brief} This may be old.")
BRIEF_EMPTY = N_("{name}: no bars.")
BRIEFLY_NOTHING = N_("No bars.")

# What the chart is.
OVERVIEW = NN_(
    "{name} on {exchange}: {count} bar of {timeframe}, {first}.",
    "{name} on {exchange}: {count} bars of {timeframe}, from {first} to {last}.",
)
EMPTY = N_("{name} on {exchange}, bars of {timeframe}: there are none in this range.")
FORMING = N_("The last bar, {time}, is still forming, at {price}.")
CORRECTED = NN_(
    "{count} bar was corrected after it had closed.", "{count} bars were corrected after they had closed."
)
STALE = N_(
    "The exchange could not be asked just now. These bars were read at {moment}, and newer ones may exist."
)
MORE = NN_("More bars follow this {count}.", "More bars follow these {count}.")
NO_GAPS = N_("No bar is missing.")
GAPS = NN_("Bars are missing at {count} place.", "Bars are missing at {count} places.")
GAP = NN_(
    "{count} bar is missing, {start}: {reason}.",
    "{count} bars are missing, from {start} to {end}: {reason}.",
)
GAP_INSIDE = N_("What happened from {start} on is known only in part: {reason}.")
REASONS: dict[GapReason, Message] = {
    GapReason.NO_TRADES: N_("nothing was traded"),
    GapReason.OUTAGE: N_("the exchange could not be asked"),
    GapReason.UNFETCHED: N_("not read from the exchange yet"),
    GapReason.BEFORE_LISTING: N_("before the first trading day"),
    GapReason.AFTER_DELISTING: N_("after the last trading day"),
    GapReason.RETENTION: N_("the exchange no longer tells"),
}

# Statistics.
LAST_PRICE = N_("The last price is {price}, {change} from the first open at {first}.")
HIGH_AND_LOW = N_("The highest price is {high}, {high_time}; the lowest is {low}, {low_time}.")
NEVER_MOVED = N_("The price was {price} all the time.")
RANGE = N_("The highest lies {percent} above the lowest.")
VOLUME = N_("The volume is {total} in all; the most in one bar is {largest}, {time}.")
NO_VOLUME = N_("No volume was traded or told.")
ROSE = NN_("{count} bar rose", "{count} bars rose")
FELL = NN_("{count} bar fell", "{count} bars fell")
STAYED = NN_("{count} bar did not change", "{count} bars did not change")
COUNTS = N_("{rose}, {fell}, {stayed}.")

# Trend, legs and patterns.
LEGS = NN_(
    "The closes make {count} leg; a new one begins where they turn by at least {percent}.",
    "The closes make {count} legs; a new one begins where they turn by at least {percent}.",
)
NO_LEGS = N_("The closes stayed at {price}.")
LAST_LEG = N_("The last leg is {change}: from {first}, {start}, to {last}.")
LARGEST_LEG = N_("The largest leg is {change}: from {first}, {start}, to {last}, {end}.")
LEG = N_("Leg from {start} to {end}: {change}, from {first} to {last}.")
BIGGEST_RISE = N_("The biggest rise in one bar is {percent}, to {price}, {time}.")
BIGGEST_FALL = N_("The biggest fall in one bar is {percent}, to {price}, {time}.")
NO_RISE = N_("No bar rose.")
NO_FALL = N_("No bar fell.")
SPIKES = NN_(
    "The volume spiked {count} time, {time}: {volume}, where {median} was usual.",
    "The volume spiked {count} times, most of all {time}: {volume}, where {median} was usual.",
)
NEW_HIGH = N_("New high, {time}: {price}, above {old} of {old_time}.")
NEW_LOW = N_("New low, {time}: {price}, below {old} of {old_time}.")
LAST_PATTERN = N_("The last pattern, {time}: {pattern}, {rule}.")
NO_PATTERN = N_("No bar shows one of the patterns that are looked for.")

# Landmarks.
LANDMARK_HIGH = N_("Highest price: {price}, {time}.")
LANDMARK_LOW = N_("Lowest price: {price}, {time}.")
LANDMARK_SPIKE = N_("Volume spike, {time}: {volume}, where {median} was usual.")
LANDMARK_LEG = N_("A leg begins, {start}: {change} to {last}, {end}.")
PATTERN = N_("Pattern, {time}: {pattern}, {rule}.")

PATTERN_NAMES: dict[PatternKind, Message] = {
    PatternKind.DOJI: N_("doji"),
    PatternKind.HAMMER: N_("hammer"),
    PatternKind.SHOOTING_STAR: N_("shooting star"),
    PatternKind.ENGULFING_RISE: N_("rise that engulfs"),
    PatternKind.ENGULFING_FALL: N_("fall that engulfs"),
    PatternKind.INSIDE_BAR: N_("inside bar"),
    PatternKind.OUTSIDE_BAR: N_("outside bar"),
}
PATTERN_RULES: dict[PatternKind, Message] = {
    PatternKind.DOJI: N_("the body is at most a twentieth of the range"),
    PatternKind.HAMMER: N_("below the body at least twice the body, above it at most half"),
    PatternKind.SHOOTING_STAR: N_("above the body at least twice the body, below it at most half"),
    PatternKind.ENGULFING_RISE: N_("a falling bar, then a rising one whose larger body covers the other"),
    PatternKind.ENGULFING_FALL: N_("a rising bar, then a falling one whose larger body covers the other"),
    PatternKind.INSIDE_BAR: N_("within the range of the bar before, and smaller"),
    PatternKind.OUTSIDE_BAR: N_("both higher and lower than the bar before"),
}

# One bar.
SAY_BRIEF = N_("{time}, {close}, {change}")
SAY_BRIEFEST = N_("{close}, {change}")
SAY_NORMAL = N_("{time}: {close}, {change}. High {high}, low {low}.")
SAY_SHORTER = N_("{time}: {close}, {change}.")
SAY_SHORTEST = N_("{close}, {change}.")
SAY_FULL = N_("{time}: open {open}, high {high}, low {low}, close {close}, {change}. Volume {volume}.")
SAY_FORMING = N_("{bar} Still forming.")
SAY_CORRECTED = N_("{bar} Corrected.")
SAY_BRIEF_FORMING = N_("{bar}, still forming")
SAY_BRIEF_CORRECTED = N_("{bar}, corrected")
