"""Thousands of tokens that nobody gave out: none is taken, and none is too much for the service."""

import base64
import hmac
import json
import random
from typing import Any

import jwt
import pytest

from services.tokens import ALGORITHM, SigningKeys
from tests.attack.conftest import Household

PUBLIC = "/market/get_exchanges?market=simulated"
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
SHORT, LONG = 700, 10_000

HEADS: list[dict[str, Any]] = [
    {"alg": "none"}, {"alg": "None"}, {"alg": "nOnE"}, {"alg": "RS256"}, {"alg": "HS512"}, {"alg": "HS384"},
    {"alg": "ES256"}, {"alg": "EdDSA"}, {"alg": ""}, {"alg": None}, {"alg": ["HS256"]}, {"alg": "HS256\0"},
    {"typ": "JWT"}, {"typ": "AT+JWT"}, {"typ": None}, {"typ": "application/at+jwt"},
    {"kid": "0" * 16}, {"kid": ""}, {"kid": "../../../../dev/null"}, {"kid": "' OR 1=1 --"}, {"kid": None},
    {"kid": {"a": 1}}, {"kid": "\ud800"}, {"kid": ["x"]}, {"kid": 7},
    {"jku": "http://127.0.0.1/keys"}, {"jwk": {"kty": "oct", "k": "AAAA"}}, {"x5u": "http://127.0.0.1"},
    {"crit": ["exp"]}, {"crit": []}, {"b64": False}, {"cty": "JWT"}, {"zip": "DEF"},
]  # fmt: skip
CLAIMS: list[dict[str, Any]] = [
    {"exp": 2**63}, {"exp": -1}, {"exp": "9999999999"}, {"exp": 9e9}, {"exp": True}, {"exp": None},
    {"exp": []}, {"nbf": 2**40}, {"iat": 2**40}, {"iat": "now"}, {"sub": ""}, {"sub": "0"}, {"sub": "-1"},
    {"sub": 1},
    {"sub": "1 OR 1=1"}, {"sub": "9" * 19}, {"sub": "٣"}, {"sub": None}, {"sub": ["1"]}, {"sid": ""},
    {"sid": "x"}, {"sid": None}, {"sid": 7}, {"sid": "00000000-0000-0000-0000-000000000000"},
    {"role": "root"},
    {"role": ""}, {"role": None}, {"role": ["admin"]}, {"aud": []}, {"aud": ["accessibletrader-api"]},
    {"aud": "Accessibletrader-api"}, {"aud": None}, {"iss": "accessibletrader "}, {"iss": None}, {"iss": []},
    {"jti": None}, {"jti": 5}, {"jti": []},
]  # fmt: skip


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


class Forger:
    """Make tokens out of a good one: by hand, with the right key and with wrong ones, and by mutilation."""

    def __init__(self, token: str, secret_key: str, rng: random.Random) -> None:
        keys = SigningKeys.derive((secret_key,))
        self.token = token
        self._rng = rng
        self._head = jwt.get_unverified_header(token)
        self._claims = jwt.decode(token, options={"verify_signature": False})
        self._key = keys.by_kid[keys.current_kid]
        self._wrong_keys = [b"", b"secret", secret_key.encode(), bytes(32), self._key[::-1], self._key[:31]]

    def forged(self) -> str:
        return self._rng.choice(
            [
                self._mutated,
                self._mutated,
                self._cut,
                self._wrong_head,
                self._wrong_claim,
                self._wrong_key,
                self._wild,
            ]
        )()

    def signed(self, head: dict[str, Any], claims: dict[str, Any], key: bytes, digest: str = "sha256") -> str:
        text = f"{encoded(head)}.{encoded(claims)}"
        mark = hmac.digest(key, text.encode(), digest)
        return f"{text}.{base64.urlsafe_b64encode(mark).rstrip(b'=').decode()}"

    def corpus(self) -> list[str]:
        """Return each wrong header and each wrong claim once, well signed but for that, and other lies."""
        tokens = [self.signed({**self._head, **head}, self._claims, self._key) for head in HEADS]
        tokens += [self.signed(self._head, {**self._claims, **claim}, self._key) for claim in CLAIMS]
        for name in self._claims:
            left = {each: value for each, value in self._claims.items() if each != name}
            tokens.append(self.signed(self._head, left, self._key))
        for name in self._head:
            left = {each: value for each, value in self._head.items() if each != name}
            tokens.append(self.signed(left, self._claims, self._key))
        head, claims, mark = self.token.split(".")
        tokens += [f"{head}.{claims}.", f"{head}.{claims}", f"{head}..{mark}", f".{claims}.{mark}", "..", "."]
        tokens += [
            f"{self.token}.{mark}",
            f"{self.token}=",
            f" {self.token}x",
            self.token.upper(),
            self.token[:-1],
        ]
        # Two subjects: what one reader takes the other may not.
        double = json.dumps(self._claims)[:-1] + ', "sub": "1"}'
        text = f"{head}.{base64.urlsafe_b64encode(double.encode()).rstrip(b'=').decode()}"
        forged = (
            base64.urlsafe_b64encode(hmac.digest(b"guess", text.encode(), "sha256")).rstrip(b"=").decode()
        )
        return [*tokens, f"{text}.{forged}", "A" * 100_000, "A." * 20_000, f"{head}.{'A' * 60_000}.{mark}"]

    def _mutated(self) -> str:
        letters = list(self.token)
        for _ in range(self._rng.choice([1, 1, 1, 2, 5])):
            letters[self._rng.randrange(len(letters))] = self._rng.choice(ALPHABET + ".")
        return "".join(letters)

    def _cut(self) -> str:
        start, end = sorted(self._rng.sample(range(len(self.token)), 2))
        return self.token[:start] + self.token[end:]

    def _wrong_head(self) -> str:
        return self.signed({**self._head, **self._rng.choice(HEADS)}, self._claims, self._key)

    def _wrong_claim(self) -> str:
        return self.signed(self._head, {**self._claims, **self._rng.choice(CLAIMS)}, self._key)

    def _wrong_key(self) -> str:
        digest = self._rng.choice(["sha256", "sha384", "sha512"])
        claims = {**self._claims, "sub": str(self._rng.randrange(1, 9)), "role": "admin"}
        return self.signed(self._head, claims, self._rng.choice(self._wrong_keys), digest)

    def _wild(self) -> str:
        size = self._rng.choice([1, 20, 200, 2_000])
        return "".join(chr(self._rng.randrange(33, 127)) for _ in range(size))


async def refuse_all(household: Household, count: int, seed: int) -> None:
    pair = await household.pair("root")
    forger = Forger(pair.access_token, household.secret_key, random.Random(seed))
    client = household.app.test_client()
    tokens = [*forger.corpus(), *(forger.forged() for _ in range(count))]
    taken, broken = [], []
    for token in tokens:
        if token == pair.access_token:
            continue
        response = await client.get(
            PUBLIC, headers={"Authorization": f"Bearer {token}"}, scope_base=household.place()
        )
        if response.status_code >= 500:
            broken.append(token)
        elif response.status_code != 401:
            taken.append(token)
        else:
            assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
            assert (await response.get_json())["code"] == "invalid_token"
    assert not taken, taken[:3]
    assert not broken, broken[:3]
    assert len(tokens) > count
    # The one that all were made of is still good.
    good = await client.get(PUBLIC, headers={"Authorization": f"Bearer {pair.access_token}"})
    assert good.status_code == 200


async def test_no_forged_token_is_taken(household: Household) -> None:
    await refuse_all(household, SHORT, seed=1)


@pytest.mark.long
async def test_none_of_ten_thousand_forged_tokens_is_taken(household: Household) -> None:
    await refuse_all(household, LONG, seed=2)


async def test_the_forger_signs_well_where_nothing_is_wrong(household: Household) -> None:
    pair = await household.pair("ada")
    forger = Forger(pair.access_token, household.secret_key, random.Random(0))
    again = forger.signed(forger._head, forger._claims, forger._key)
    assert (await household.house.auth.authenticate(again)).username == "ada"
    assert ALGORITHM == "HS256"
