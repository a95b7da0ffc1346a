"""The token of the link that makes the first admin: made by the launcher, checked by any worker, never kept.

It is signed with the secret and ends after an hour; that there is no admin yet, the database says.
"""

import hashlib
import hmac
import re

TOKEN_LIFE_S = 3_600

_SHAPE = re.compile(r"(?P<expires_s>\d{10})\.(?P<mark>[0-9a-f]{64})", re.ASCII)


def make_first_admin_token(secret_key: str, now_s: int) -> str:
    """Return a token that is good for an hour."""
    expires_s = str(now_s + TOKEN_LIFE_S)
    return f"{expires_s}.{_mark(secret_key, expires_s)}"


def is_first_admin_token(token: str, secret_key: str, now_s: int) -> bool:
    """Tell whether a token was made with this secret and has not ended."""
    match = _SHAPE.fullmatch(token)
    if match is None:
        return False
    genuine = hmac.compare_digest(match["mark"], _mark(secret_key, match["expires_s"]))
    return genuine and now_s < int(match["expires_s"])


def _mark(secret_key: str, expires_s: str) -> str:
    key = hmac.digest(secret_key.encode(), b"accessibletrader first admin key v1", hashlib.sha256)
    return hmac.digest(key, expires_s.encode(), hashlib.sha256).hex()
