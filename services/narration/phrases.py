"""What the voice itself says: signs, percentages, durations, timeframes, times and names."""

from services.narration.catalog import N_, NN_

# The contexts in which the names of assets are translated.
ASSET = "asset"
QUOTE = "quote"

MINUS = N_("minus {number}")
PERCENT = N_("{number} percent")
UP = N_("up {percent}")
DOWN = N_("down {percent}")
UNCHANGED = N_("unchanged")

SECONDS = NN_("{count} second", "{count} seconds")
MINUTES = NN_("{count} minute", "{count} minutes")
HOURS = NN_("{count} hour", "{count} hours")
DAYS = NN_("{count} day", "{count} days")
WEEKS = NN_("{count} week", "{count} weeks")
MONTHS = NN_("{count} month", "{count} months")
UNITS = {"s": SECONDS, "m": MINUTES, "h": HOURS, "d": DAYS, "w": WEEKS, "M": MONTHS}
DURATION = N_("{larger} {smaller}")

DATE_AND_TIME = N_("{date}, {time}")
WEEK = N_("week of {date}")
# Of the two hours of one name when clocks are put back.
CLOCK_BEFORE = N_("{clock}, before the clock change")
CLOCK_AFTER = N_("{clock}, after the clock change")

PAIR = N_("{base} in {quote}")
SPELLED_PAIR = N_("{base}, {quote}")
PERPETUAL = N_("{name}, perpetual swap")
UNDATED_FUTURE = N_("{name}, future")
FUTURE = N_("{name}, future until {date}")
CALL_OPTION = N_("{name}, call option at {strike} until {date}")
PUT_OPTION = N_("{name}, put option at {strike} until {date}")
