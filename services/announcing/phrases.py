"""What announcements say: every English template; the numbers and names in them are spoken already."""

from services.narration.catalog import N_, NN_

NAMED = N_("{name}: {news}")
ALERT = N_("Alert. {name}: {news}")
CATCH_UP = N_("You were away for {duration}. {name}: {news}")
CATCH_UP_SINCE = N_("Since the last price you heard, {duration} ago. {name}: {news}")

MOVED = N_("{change}, now {price}.")
MOVED_TO = N_("{change} to {reached}, now {price}.")
MOVED_WITHIN = N_("{change} within {duration}, to {price}.")
ABOVE = N_("rose to {level}, now {price}.")
BELOW = N_("fell to {level}, now {price}.")
# Told long after they fired.
MOVED_WITHIN_THEN = N_("{change} within {duration} on {moment}, to {price}.")
ABOVE_THEN = N_("rose to {level} on {moment}, then at {price}.")
BELOW_THEN = N_("fell to {level} on {moment}, then at {price}.")
RANGE = N_("Since the last message between {low} and {high}.")

DAY_HIGH = N_("New high of the day, {price}.")
DAY_LOW = N_("New low of the day, {price}.")
BARS_HIGH = NN_("Highest in {count} bar, {price}.", "Highest in {count} bars, {price}.")
BARS_LOW = NN_("Lowest in {count} bar, {price}.", "Lowest in {count} bars, {price}.")
SPIKE = N_("Volume {times} times the usual.")

CLOSED_BRIEF = N_("closed at {price}, {change}.")
CLOSED = N_("Bar of {time} closed at {price}, {change}.")
CLOSED_DETAILS = N_("High {high}, low {low}, volume {volume}.")
CLOSED_MORE = NN_("{count} bar closed since the last message.", "{count} bars closed since the last message.")

FEED_LOST = N_("live prices were lost.")
FEED_BACK = N_("live prices are back after {duration}.")
FEEDS_LOST = NN_(
    "Live prices of {count} symbol from {exchange} were lost.",
    "Live prices of {count} symbols from {exchange} were lost.",
)
FEEDS_BACK = NN_(
    "Live prices of {count} symbol from {exchange} are back.",
    "Live prices of {count} symbols from {exchange} are back.",
)

AWAY = N_("{change}, now {price}. High {high}, low {low}.")
AWAY_CLOSED = NN_("{count} bar closed.", "{count} bars closed.")
AWAY_LOST = N_("Live prices were lost for {duration} of that time.")
AWAY_BY_BARS = N_("This is what the bars of history say.")
AWAY_SINCE_BAR = N_("These are the prices since the bar of {time} began.")
AWAY_LAST = N_("now {price}. What it did meanwhile is not known.")
AWAY_UNKNOWN = N_("what happened meanwhile is not known.")

# What a listener's own program says of its connection.
CONNECTION_LOST = N_("The connection was lost. Trying again.")
CONNECTION_BACK = N_("Connected again.")
