"""Passwords: what is taken, and that no two are confused."""

import bcrypt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.passwords import PasswordHasher, check_new_password
from utils.errors import InvalidRequest

HASHER = PasswordHasher(cost=4)
PASSWORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=128)


@settings(max_examples=40)
@given(PASSWORDS, PASSWORDS)
def test_a_password_is_itself_and_no_other(one: str, other: str) -> None:
    stored = HASHER.hash(one)

    assert HASHER.verify(one, stored)
    assert HASHER.verify(other, stored) == (one == other)


def test_passwords_that_differ_at_byte_73_differ() -> None:
    stored = HASHER.hash("a" * 72 + "b")

    assert HASHER.verify("a" * 72 + "b", stored)
    assert not HASHER.verify("a" * 72 + "c", stored)
    assert not HASHER.verify("a" * 72, stored)


def test_nothing_after_a_nul_is_lost() -> None:
    stored = HASHER.hash("before\0after")

    assert not HASHER.verify("before\0later", stored)
    assert not HASHER.verify("before", stored)


def test_one_letter_typed_on_two_keyboards_is_one_password() -> None:
    composed, decomposed = "caf\u00e9 au lait, bitte", "cafe\u0301 au lait, bitte"

    assert HASHER.verify(decomposed, HASHER.hash(composed))


@pytest.mark.parametrize("other", ["file system check", "File system check", " ﬁle system check"])
def test_passwords_that_look_different_are_different(other: str) -> None:
    assert not HASHER.verify(other, HASHER.hash("ﬁle system check"))


def test_one_password_is_never_stored_twice_alike() -> None:
    assert HASHER.hash("correct horse battery") != HASHER.hash("correct horse battery")


def test_the_stored_text_tells_its_version_and_cost() -> None:
    assert HASHER.hash("correct horse battery").startswith("v1$2b$04$")


def test_a_hash_of_an_unknown_version_matches_nothing() -> None:
    stored = HASHER.hash("correct horse battery").replace("v1$", "v9$")

    assert not HASHER.verify("correct horse battery", stored)


@pytest.mark.parametrize("password", ["", "correct horse battery", "\ud800 half a character", "x" * 5000])
def test_nobody_matches_an_unknown_user(password: str) -> None:
    assert not HASHER.verify(password, None)


def test_half_a_character_matches_no_stand_in() -> None:
    assert not HASHER.verify("half \ud800", HASHER.hash("half ?"))


def test_an_unknown_user_costs_the_same_hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[bytes] = []
    check = bcrypt.checkpw

    def watched(password: bytes, hashed: bytes) -> bool:
        checked.append(hashed[:7])
        return check(password, hashed)

    monkeypatch.setattr(bcrypt, "checkpw", watched)
    HASHER.verify("correct horse battery", HASHER.hash("another horse battery"))
    HASHER.verify("correct horse battery", None)

    assert checked == [b"$2b$04$", b"$2b$04$"]


@pytest.mark.parametrize(
    "password",
    [
        "fjord quiz wagon",
        "vx7kq2mz" * 2 + "t9" * 56,
        "пароль из слов и точек",
        "🐎🦊🐝🐎🐎🦊🐝🦊🐝🐝🐎🦊🦊🐝🐎",
        "e\u0301a\u0301" * 2 + "o\u0301u\u0301" * 2 + "e\u0301i\u0301o\u0301" * 2 + "a\u0301z",
        "fifteen letters",
        "  spaces count  ",
    ],
)
def test_any_15_to_128_characters_are_taken(password: str) -> None:
    try:
        check_new_password(password)
    except InvalidRequest as refusal:
        pytest.fail(refusal.detail)


@pytest.mark.parametrize(
    ("password", "code", "words"),
    [
        ("", "too_short", "at least 15 characters"),
        ("a" * 14, "too_short", "at least 15 characters"),
        ("e\u0301" * 14, "too_short", "at least 15 characters"),
        ("a" * 129, "too_long", "at most 128 characters"),
        ("a tab\tin the middle", "control_character", "Type it again"),
        ("a NUL\0in the middle", "control_character", "Type it again"),
        ("half a character\ud800", "control_character", "Type it again"),
    ],
)
def test_what_is_wrong_with_a_new_password_is_said(password: str, code: str, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words) as caught:
        check_new_password(password)

    assert [error.code for error in caught.value.errors] == [code]
    assert [error.field for error in caught.value.errors] == ["password"]
    assert not password or password not in caught.value.detail
