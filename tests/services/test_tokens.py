"""Access tokens that were not made here, or not like this, are worth nothing."""

import base64
import dataclasses
import hashlib
import hmac
import json
import string
from typing import Any
from uuid import UUID

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.tokens import (
    AccessTokenCodec,
    InvalidToken,
    SigningKeys,
    new_refresh_token,
    refresh_token_hash,
)
from utils.accounts import Principal, Role

NOW_MS = 1_795_000_000_000
NOW_S = NOW_MS // 1000
LIFE_S = 900
SECRET = "a secret of a test, long enough to be one"
SESSION_ID = UUID("11111111-2222-4333-8444-555555555555")
ADA = Principal(7, "ada", Role.ADMIN, SESSION_ID)

KEYS = SigningKeys.derive((SECRET,))
CODEC = AccessTokenCodec(KEYS, LIFE_S)
KEY = KEYS.by_kid[KEYS.current_kid]
TOKEN = CODEC.encode(ADA, NOW_MS)
CLAIMS = jwt.decode(TOKEN, options={"verify_signature": False})
HEADER = jwt.get_unverified_header(TOKEN)


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forge(
    *,
    header: dict[str, Any] | None = None,
    without: str | None = None,
    key: bytes = KEY,
    digest: str = "sha256",
    **claims: Any,
) -> str:
    """Sign by hand, so that no library refuses to write what an attacker would."""
    written = {name: value for name, value in {**CLAIMS, **claims}.items() if name != without}
    head = {**HEADER, **(header or {})}
    head = {name: value for name, value in head.items() if value is not None}
    signed = f"{base64url(json.dumps(head).encode())}.{base64url(json.dumps(written).encode())}"
    return f"{signed}.{base64url(hmac.digest(key, signed.encode(), digest))}"


def test_a_token_says_who_and_until_when() -> None:
    claims = CODEC.decode(TOKEN, NOW_MS)

    assert (claims.user_id, claims.session_id, claims.role) == (7, SESSION_ID, Role.ADMIN)
    assert claims.expires_s == NOW_S + LIFE_S
    assert HEADER.keys() == {"alg", "typ", "kid"}
    assert CLAIMS.keys() == {"iss", "aud", "sub", "sid", "jti", "iat", "nbf", "exp", "role"}


def test_two_tokens_are_never_the_same() -> None:
    assert CODEC.encode(ADA, NOW_MS) != TOKEN


def test_a_token_forged_by_hand_with_the_right_key_is_good() -> None:
    # Without this, every refusal below could be the forger's mistake.
    assert CODEC.decode(forge(), NOW_MS) == CODEC.decode(TOKEN, NOW_MS)


@pytest.mark.parametrize("later_ms", [-10_000, 0, 1, (LIFE_S + 9) * 1000 + 999])
def test_a_token_holds_for_its_life_and_ten_seconds_around_it(later_ms: int) -> None:
    assert CODEC.decode(TOKEN, NOW_MS + later_ms).user_id == 7


@pytest.mark.parametrize("later_ms", [-10_001, -86_400_000, (LIFE_S + 10) * 1000, 86_400_000])
def test_a_token_holds_no_longer_than_that(later_ms: int) -> None:
    with pytest.raises(InvalidToken, match=r"expired|not valid yet"):
        CODEC.decode(TOKEN, NOW_MS + later_ms)


UNSIGNED = f"{base64url(json.dumps({**HEADER, 'alg': 'none'}).encode())}.{TOKEN.split('.')[1]}"
OTHER_KEY = b"another key of 32 bytes or more, made up here"

FORGED = {
    "alg none, no signature": f"{UNSIGNED}.",
    "alg none, the old signature": f"{UNSIGNED}.{TOKEN.split('.')[2]}",
    "alg None in capitals": forge(header={"alg": "NONE"}),
    "alg HS512 with the right key": forge(header={"alg": "HS512"}, digest="sha512"),
    "alg HS512 signed as HS256": forge(header={"alg": "HS512"}),
    "alg RS256 signed with the shared key": forge(header={"alg": "RS256"}),
    "alg missing": forge(header={"alg": None}),
    "alg in look-alike letters": forge(header={"alg": "ΗS256"}),
    "wrong key": forge(key=OTHER_KEY),
    "empty key": forge(key=b""),
    "the secret itself as key": forge(key=SECRET.encode()),
    "kid unknown": forge(header={"kid": "0000000000000000"}),
    "kid missing": forge(header={"kid": None}),
    "kid a number": forge(header={"kid": 1}),
    "kid a list": forge(header={"kid": ["a"]}),
    "kid a path": forge(header={"kid": "../../../../dev/null"}, key=b""),
    "kid some SQL": forge(header={"kid": "x' UNION SELECT 'key' --"}),
    "typ JWT": forge(header={"typ": "JWT"}),
    "typ missing": forge(header={"typ": None}),
    "typ of another kind": forge(header={"typ": "refresh+jwt"}),
    "typ in capitals": forge(header={"typ": "AT+JWT"}),
    "jku added": forge(header={"jku": "https://attacker.example/keys"}),
    "jwk added": forge(header={"jwk": {"kty": "oct", "k": base64url(OTHER_KEY)}}, key=OTHER_KEY),
    "crit added": forge(header={"crit": ["exp"]}),
    "b64 false": forge(header={"b64": False, "crit": ["b64"]}),
    "iss wrong": forge(iss="somebody-else"),
    "iss a list": forge(iss=["accessibletrader"]),
    "aud wrong": forge(aud="another-api"),
    "aud a list that holds ours": forge(aud=["accessibletrader-api", "another"]),
    "sub a number": forge(sub=7),
    "sub empty": forge(sub=""),
    "sub zero": forge(sub="0"),
    "sub negative": forge(sub="-7"),
    "sub padded": forge(sub="07"),
    "sub in other digits": forge(sub="٧"),
    "sub too large for the database": forge(sub=str(2**63)),
    "sub with SQL": forge(sub="7 OR 1=1"),
    "sid no uuid": forge(sid="7"),
    "sid a number": forge(sid=7),
    "sid null": forge(sid=None),
    "sid a list": forge(sid=[]),
    "jti a number": forge(jti=1),
    "role unknown": forge(role="root"),
    "role a list": forge(role=["admin"]),
    "role null": forge(role=None),
    "exp passed": forge(exp=NOW_S - 10),
    "exp text": forge(exp=str(NOW_S + 900)),
    "exp a float": forge(exp=NOW_S + 900.5),
    "exp true": forge(exp=True),
    "exp null": forge(exp=None),
    "nbf in the future": forge(nbf=NOW_S + 11),
    "nbf text": forge(nbf="now"),
    "iat in the future": forge(iat=NOW_S + 11),
    "iat true": forge(iat=True),
    "iat null": forge(iat=None),
    **{f"{name} missing": forge(without=name) for name in CLAIMS},
    "a refresh token": new_refresh_token(),
    "nothing": "",
    "dots": "..",
    "not ASCII": "é.é.é",
    "a header that is no object": f"{base64url(b'[]')}.{'.'.join(TOKEN.split('.')[1:])}",
    "a header that is no JSON": f"{base64url(b'alg')}.{'.'.join(TOKEN.split('.')[1:])}",
    "a header that is no UTF-8": f"{base64url(bytes([255]))}.{'.'.join(TOKEN.split('.')[1:])}",
    "padding": TOKEN + "=",
    "a space in front": " " + TOKEN,
    "a line end": TOKEN + "\n",
    "the signature cut": TOKEN[:-1],
    "the signature gone": TOKEN.rpartition(".")[0],
    "the signature twice": TOKEN + "." + TOKEN.rpartition(".")[2],
    "huge": TOKEN + "A" * 1_000_000,
}


@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED.keys())
def test_a_forged_token_is_refused(token: str) -> None:
    with pytest.raises(InvalidToken):
        CODEC.decode(token, NOW_MS)


def test_the_signature_has_one_spelling_only() -> None:
    # The last of 43 characters carries two bits that base64 would ignore.
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    spellings = {TOKEN[:-1] + character for character in alphabet} - {TOKEN}

    for spelling in spellings:
        with pytest.raises(InvalidToken):
            CODEC.decode(spelling, NOW_MS)


@settings(max_examples=2000)
@given(st.data())
def test_no_mutation_of_a_good_token_is_accepted(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(TOKEN)))
    end = data.draw(st.integers(start, min(len(TOKEN), start + 4)))
    inserted = data.draw(st.text(st.sampled_from(string.printable + "é=\0"), max_size=4))
    mutated = TOKEN[:start] + inserted + TOKEN[end:]

    if mutated == TOKEN:
        return
    with pytest.raises(InvalidToken):
        CODEC.decode(mutated, NOW_MS)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=500)
@given(
    st.dictionaries(st.sampled_from(["alg", "typ", "kid", "crit", "b64", "jku"]), JSON_VALUES, max_size=3),
    st.dictionaries(st.sampled_from(sorted(CLAIMS)), JSON_VALUES, min_size=1, max_size=3),
)
def test_whatever_stands_in_a_signed_token_the_answer_is_a_claim_or_a_refusal(
    header: dict[str, Any], claims: dict[str, Any]
) -> None:
    # Even whoever holds the key gets no other exception out of it.
    try:
        read = CODEC.decode(forge(header=header, **claims), NOW_MS)
    except InvalidToken:
        return
    assert dataclasses.astuple(read)[:2] == (read.user_id, read.session_id)
    assert read.expires_s + 10 > NOW_S


@settings(max_examples=300)
@given(st.text(max_size=300) | st.from_regex(r"[\w-]{1,40}\.[\w-]{1,40}\.[\w-]{42}A", fullmatch=True))
def test_any_text_is_refused_and_nothing_else_happens(text: str) -> None:
    with pytest.raises(InvalidToken):
        CODEC.decode(text, NOW_MS)


def test_a_key_that_is_too_short_verifies_nothing() -> None:
    short = AccessTokenCodec(
        SigningKeys("0123456789abcdef", {"0123456789abcdef": b"31 bytes, which is one too few."}), LIFE_S
    )

    with pytest.raises(InvalidToken, match="below the minimum"):
        short.decode(
            forge(header={"kid": "0123456789abcdef"}, key=b"31 bytes, which is one too few."), NOW_MS
        )


def test_a_changed_secret_logs_nobody_out_while_the_old_one_is_kept() -> None:
    rotated = AccessTokenCodec(SigningKeys.derive(("a new secret of a test, long enough", SECRET)), LIFE_S)

    assert rotated.decode(TOKEN, NOW_MS).user_id == 7
    with pytest.raises(InvalidToken):
        CODEC.decode(rotated.encode(ADA, NOW_MS), NOW_MS)


def test_a_changed_secret_alone_ends_every_token() -> None:
    other = AccessTokenCodec(SigningKeys.derive(("a new secret of a test, long enough",)), LIFE_S)

    with pytest.raises(InvalidToken, match="unknown kid"):
        other.decode(TOKEN, NOW_MS)


def test_a_refresh_token_is_256_bits_and_stored_as_its_sha256() -> None:
    token = new_refresh_token()

    assert len(base64.urlsafe_b64decode(token + "=")) == 32
    assert refresh_token_hash(token) == hashlib.sha256(token.encode()).digest()
    assert new_refresh_token() != token


@pytest.mark.parametrize(
    "text", ["", "short", "a" * 42, "a" * 44, "é" * 43, "a" * 42 + " ", "a" * 43 + "\n", TOKEN]
)
def test_what_cannot_be_a_refresh_token_has_no_hash(text: str) -> None:
    assert refresh_token_hash(text) is None
