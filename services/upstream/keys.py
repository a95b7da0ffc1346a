"""The names under which Redis keeps what all workers know of an exchange; pure."""


def upstream_key(market: str, exchange: str) -> str:
    """Return what the keys of an exchange begin with; the braces keep them together in a cluster."""
    return f"upstream:{{{market}:{exchange}}}"


def rate_key(key: str) -> str:
    """Return the key of the budget."""
    return f"{key}:rate"


def until_key(key: str) -> str:
    """Return the key of the time until which nobody asks."""
    return f"{key}:until"
