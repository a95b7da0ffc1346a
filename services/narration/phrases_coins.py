"""What is said of coins as providers list them: one coin, a list, and what a coin was worth."""

from services.narration.catalog import N_, NN_, Message

UNKNOWN = N_("unknown")

# The windows of changes, by the figure that holds them.
CHANGES: dict[str, Message] = {
    "change_1h_percent": N_("{change} in one hour"),
    "change_24h_percent": N_("{change} in 24 hours"),
    "change_7d_percent": N_("{change} in 7 days"),
    "change_30d_percent": N_("{change} in 30 days"),
}
CHANGES_UNKNOWN: dict[str, Message] = {
    "change_1h_percent": N_("change in one hour unknown"),
    "change_24h_percent": N_("change in 24 hours unknown"),
    "change_7d_percent": N_("change in 7 days unknown"),
    "change_30d_percent": N_("change in 30 days unknown"),
}

# One coin.
COIN_BRIEF = N_("{name}, {price}, {change}")
COIN_ALONE = N_("{name}, {price}, {change}.")
COIN_PRICE_UNKNOWN = N_("price unknown")
COIN_RANKED = N_("{name}, rank {rank}.")
COIN_NOT_RANKED = N_("{name}, rank unknown.")
COIN_PRICE = N_("Price in US dollars: {price}, {change}.")
COIN_CHANGES = N_("Changes: {hour}, {week}, {month}.")
COIN_MARKET = N_("Market capitalisation: {market_cap}. Volume in 24 hours: {volume}.")
COIN_FULLY_DILUTED = N_("Market capitalisation if all coins were there: {value}.")
COIN_SUPPLY = N_("Coins in circulation: {circulating}. There are: {total}. There will be at most: {maximum}.")
COIN_HIGHEST = N_("Highest price ever: {price}, on {date}.")
COIN_HIGHEST_UNDATED = N_("Highest price ever: {price}.")
COIN_LOWEST = N_("Lowest price ever: {price}, on {date}.")
COIN_LOWEST_UNDATED = N_("Lowest price ever: {price}.")
COIN_OTHERS = NN_(
    "{count} other coin has the symbol {symbol}.", "{count} other coins have the symbol {symbol}."
)
COIN_AS_OF = N_("As {provider} said on {time}.")
COIN_OLD = N_("These figures are old: {provider} gave them on {time}. Age: {age} or more.")

# A list.
LIST_SHOWN = NN_("{shown} of {count} coin, in US dollars", "{shown} of {count} coins, in US dollars")
LIST_ALONE = N_("{shown}.")
LIST_BRIEF = N_("{shown}. First: {coin}.")
LIST_BRIEF_OLD = N_("Old, {age} or more. {brief}")
LIST_TITLED = N_("{title}. {brief}")
LIST_EMPTY = N_("No coin fits.")
LIST_NOTHING_YET = N_("No coins have been listed yet.")
LIST_MORE = N_("More coins follow.")

# Lists that have a name, by what they are called in addresses.
CATEGORIES: dict[str, Message] = {
    "gainers": N_("Largest gains"),
    "losers": N_("Largest losses"),
    "volume": N_("Largest volumes"),
    "market_cap": N_("Largest market capitalisations"),
    "trending": N_("Most traded for their size"),
}

# What a coin was worth.
HISTORY_BRIEF = N_("{name} in US dollars: from {first} to {last}, {change}.")
HISTORY_BRIEF_UNMEASURED = N_("{name} in US dollars: from {first} to {last}.")
HISTORY_SPAN = N_("From {start} until {end}.")
HISTORY_EXTREMES = N_("Highest {high}, {high_time}. Lowest {low}, {low_time}.")
HISTORY_EMPTY = N_("No price of {name} is known for this time.")
HISTORY_MORE = N_("Earlier prices are left out.")

SIMULATION = N_("the simulation")
