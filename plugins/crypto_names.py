"""How currencies are spoken: ``BTC`` is Bitcoin, and a code nobody named is spelled letter by letter.

A small table of the common ones; the rest takes the exchange's own name where it has one.
"""

from collections.abc import Mapping
from types import MappingProxyType

# Singular first, then as the thing a price is counted in.
SPOKEN_MONEY: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "AUD": ("Australian dollar", "Australian dollars"),
        "BRL": ("Brazilian real", "Brazilian reais"),
        "CAD": ("Canadian dollar", "Canadian dollars"),
        "CHF": ("Swiss franc", "Swiss francs"),
        "EUR": ("euro", "euros"),
        "GBP": ("British pound", "British pounds"),
        "INR": ("Indian rupee", "Indian rupees"),
        "JPY": ("Japanese yen", "Japanese yen"),
        "KRW": ("South Korean won", "South Korean won"),
        "MXN": ("Mexican peso", "Mexican pesos"),
        "TRY": ("Turkish lira", "Turkish lira"),
        "USD": ("US dollar", "US dollars"),
    }
)

SPOKEN_COINS: Mapping[str, str] = MappingProxyType(
    {
        "AAVE": "Aave",
        "ADA": "Cardano",
        "ALGO": "Algorand",
        "APT": "Aptos",
        "ARB": "Arbitrum",
        "ATOM": "Cosmos",
        "AVAX": "Avalanche",
        "BCH": "Bitcoin Cash",
        "BNB": "BNB",
        "BTC": "Bitcoin",
        "DAI": "Dai",
        "DOGE": "Dogecoin",
        "DOT": "Polkadot",
        "ETC": "Ethereum Classic",
        "ETH": "Ether",
        "FIL": "Filecoin",
        "HBAR": "Hedera",
        "LINK": "Chainlink",
        "LTC": "Litecoin",
        "NEAR": "Near",
        "OP": "Optimism",
        "PEPE": "Pepe",
        "POL": "Polygon",
        "SHIB": "Shiba Inu",
        "SOL": "Solana",
        "SUI": "Sui",
        "TON": "Toncoin",
        "TRX": "Tron",
        "UNI": "Uniswap",
        "USDC": "USD Coin",
        "USDT": "Tether",
        "XLM": "Stellar",
        "XMR": "Monero",
        "XRP": "XRP",
    }
)


def spoken_currency(code: str, exchange_name: str | None = None) -> str:
    """Return the name of a currency: ours, else the exchange's, else its letters: ``B O N K``."""
    if code in SPOKEN_MONEY:
        return SPOKEN_MONEY[code][0]
    if code in SPOKEN_COINS:
        return SPOKEN_COINS[code]
    # Many exchanges repeat the code where a name belongs.
    if exchange_name and exchange_name.upper() != code.upper() and exchange_name.isprintable():
        return exchange_name
    return " ".join(code)


def spoken_pair(base: str, quote: str) -> str:
    """Return two spoken currencies as a price is said: ``Bitcoin in US dollars``."""
    return f"{base[:1].upper()}{base[1:]} in {quote}"


def spoken_quote(code: str, exchange_name: str | None = None) -> str:
    """Return the name of the currency a price is counted in: ``US dollars``."""
    if code in SPOKEN_MONEY:
        return SPOKEN_MONEY[code][1]
    return spoken_currency(code, exchange_name)
