"""Access and refresh tokens: made and read, nothing stored. Pure but for randomness.

An access token is a JWT: HS256, ``typ: at+jwt``, a ``kid`` from the fixed map of keys, every claim present.
A refresh token is 256 bits as text, the first of a session random and each later one derived from the one
before; only its SHA-256 is ever stored.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import jwt

from utils.accounts import Principal, Role

ALGORITHM = "HS256"
MEDIA_TYPE = "at+jwt"
ISSUER = "accessibletrader"
AUDIENCE = "accessibletrader-api"
LEEWAY_S = 10
# No setting lets a token live longer, so that one which says so was not made here.
LIFE_MAX_S = 3_600
REQUIRED_CLAIMS = ("iss", "aud", "sub", "sid", "jti", "iat", "nbf", "exp", "role")
BIGINT_MAX = 2**63 - 1

# Bounded before anything is decoded; a signature of 32 bytes is 43 characters.
_ACCESS_SHAPE = re.compile(r"[\w-]{1,512}\.[\w-]{1,1024}\.[\w-]{43}", re.ASCII)
_REFRESH_SHAPE = re.compile(r"[\w-]{43}", re.ASCII)
_USER_ID_SHAPE = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)


class InvalidToken(Exception):
    """Say why a token is refused; for logs and tests, never for whoever sent it."""


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What a good access token says; whether user and session still hold, the database knows."""

    user_id: int
    session_id: UUID
    token_id: str
    role: Role
    expires_s: int


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """Sign with one key and verify with several, each found by its ``kid``."""

    current_kid: str
    by_kid: Mapping[str, bytes]

    @classmethod
    def derive(cls, secret_keys: tuple[str, ...]) -> "SigningKeys":
        """Return the keys of these secrets: the first signs, the others only verify.

        A key is derived, not the secret itself, so that nothing else made from the secret is a key here.
        """
        by_kid = {
            derive_key(secret, "access token kid").hex()[:16]: derive_key(secret, "access token key")
            for secret in secret_keys
        }
        return cls(next(iter(by_kid)), by_kid)


@dataclass(frozen=True, slots=True)
class AccessTokenCodec:
    """Turn a principal into an access token and back."""

    keys: SigningKeys
    life_s: int

    def encode(self, principal: Principal, now_ms: int) -> str:
        """Return a token that holds from now on for ``life_s`` seconds."""
        now_s = now_ms // 1000
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(principal.user_id),
            "sid": str(principal.session_id),
            "jti": str(uuid4()),
            "iat": now_s,
            "nbf": now_s,
            "exp": now_s + self.life_s,
            "role": principal.role.value,
        }
        kid = self.keys.current_kid
        return jwt.encode(claims, self.keys.by_kid[kid], ALGORITHM, headers={"typ": MEDIA_TYPE, "kid": kid})

    def decode(self, token: str, now_ms: int) -> AccessClaims:
        """Return what the token says.

        Raises: InvalidToken, whatever the text is.
        """
        if _ACCESS_SHAPE.fullmatch(token) is None:
            raise InvalidToken("not shaped like a token")
        try:
            claims = jwt.decode(
                token,
                self._key_for(token),
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                audience=AUDIENCE,
                options={
                    "require": list(REQUIRED_CLAIMS),
                    "strict_aud": True,
                    "enforce_minimum_key_length": True,
                    # Times are checked below, by the clock that was passed in.
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.PyJWTError as error:
            raise InvalidToken(str(error)) from error
        _check_times(claims, now_ms // 1000)
        return _read_claims(claims)

    def _key_for(self, token: str) -> bytes:
        header = jwt.get_unverified_header(token)
        if (
            header.keys() != {"alg", "typ", "kid"}
            or header["alg"] != ALGORITHM
            or header["typ"] != MEDIA_TYPE
        ):
            raise InvalidToken("another kind of token")
        key = self.keys.by_kid.get(header["kid"])
        if key is None:
            raise InvalidToken("an unknown kid")
        return key


@dataclass(frozen=True, slots=True)
class RefreshTokenChain:
    """Derive each refresh token from the one before, so that a retry can be given the same one again.

    Without the key a token says nothing about the next; what is stored says nothing about either.
    """

    keys: tuple[bytes, ...]

    @classmethod
    def derive(cls, secret_keys: tuple[str, ...]) -> "RefreshTokenChain":
        """Return the chain of these secrets: the first makes tokens, the others only find them again."""
        return cls(tuple(derive_key(secret, "refresh token key") for secret in secret_keys))

    def successor(self, token: str) -> str:
        """Return the token that follows this one."""
        return _successor(self.keys[0], token)

    def known_successor(self, token: str, successor_hash: bytes) -> str | None:
        """Return the token that followed this one, if its hash is this; None when the key is gone."""
        followers = (_successor(key, token) for key in self.keys)
        return next((found for found in followers if refresh_token_hash(found) == successor_hash), None)


def _successor(key: bytes, token: str) -> str:
    digest = hmac.digest(key, token.encode("ascii"), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def new_refresh_token() -> str:
    """Return 256 random bits as 43 URL-safe characters."""
    return secrets.token_urlsafe(32)


def refresh_token_hash(token: str) -> bytes | None:
    """Return the SHA-256 under which a refresh token or ticket is stored; None when the text is neither."""
    if _REFRESH_SHAPE.fullmatch(token) is None:
        return None
    return hashlib.sha256(token.encode("ascii")).digest()


def derive_key(secret: str, label: str) -> bytes:
    """Return the key that a secret gives for one purpose; nothing of one key can be learned from another."""
    return hmac.digest(secret.encode(), f"accessibletrader {label} v1".encode(), hashlib.sha256)


def _check_times(claims: dict[str, Any], now_s: int) -> None:
    # bool is an int in Python and a float compares with one; neither is a time here.
    if any(type(claims[name]) is not int for name in ("iat", "nbf", "exp")):
        raise InvalidToken("a time that is no whole number")
    if claims["exp"] - claims["iat"] > LIFE_MAX_S:
        raise InvalidToken("a longer life than any token has")
    if now_s >= claims["exp"] + LEEWAY_S:
        raise InvalidToken("expired")
    if now_s < max(claims["nbf"], claims["iat"]) - LEEWAY_S:
        raise InvalidToken("not valid yet")


def _read_claims(claims: dict[str, Any]) -> AccessClaims:
    subject = claims["sub"]
    if _USER_ID_SHAPE.fullmatch(subject) is None or int(subject) > BIGINT_MAX:
        raise InvalidToken("a subject that is no user id")
    try:
        session_id = UUID(claims["sid"])
        role = Role(claims["role"])
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidToken("a session or role that is none") from error
    return AccessClaims(int(subject), session_id, claims["jti"], role, claims["exp"])
