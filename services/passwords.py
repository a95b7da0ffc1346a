"""Passwords: the rule for new ones, and how they are hashed. Pure; the threads are in hash_pool.py.

A password is compared as Unicode text in form C, so that the same letters typed on two keyboards are one
password. Nothing else is changed: no trimming, no case folding, and not form K, which would make
different-looking passwords equal. Characters are counted after that. Control characters are refused in a
new password, as RFC 8265 has it: no form lets people type them, and no request may carry them.

The stored text is a version and a bcrypt hash: ``v1$2b$12$…``. Version 1 is bcrypt over
base64(HMAC-SHA-384(a fixed key, the UTF-8 text)): always 64 characters without NUL, so no password is cut
at bcrypt's 72 bytes. The key is fixed, not secret: a changed SECRET_KEY locks nobody out.
Source: OWASP Password Storage Cheat Sheet, "Pre-Hashing Passwords with bcrypt".
"""

import base64
import hashlib
import hmac
import unicodedata
from dataclasses import dataclass

import bcrypt

from services.weak_passwords import is_well_known
from utils.errors import FieldError, InvalidRequest

PASSWORD_CHARACTERS_MIN = 15
PASSWORD_CHARACTERS_MAX = 128
DEFAULT_COST = 12
# Where ENV=test: verified as the others are, in a hundredth of the time.
TEST_COST = 4

_VERSION = "v1"
_PREHASH_KEY = b"accessibletrader password v1"


def check_new_password(password: str, username: str = "", *, field: str = "password") -> None:
    """Refuse a new password that is too short, too long, no text, or among the first that anybody tries.

    What it is made of does not matter otherwise. ``field`` is what the request calls it.
    Raises: InvalidRequest.
    """
    length = len(unicodedata.normalize("NFC", password))
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in password):
        detail = "The password holds a control character, such as a tab. Type it again without."
        code = "control_character"
    elif length < PASSWORD_CHARACTERS_MIN:
        detail = (
            f"The password is too short. Use at least {PASSWORD_CHARACTERS_MIN} characters; a sentence does."
        )
        code = "too_short"
    elif length > PASSWORD_CHARACTERS_MAX:
        detail = f"The password is too long. Use at most {PASSWORD_CHARACTERS_MAX} characters."
        code = "too_long"
    elif is_well_known(password, username):
        detail = "The password is one of the first that others try. Use another; a sentence of your own does."
        code = "well_known"
    else:
        return
    raise InvalidRequest(detail, errors=(FieldError(field, code, detail),))


@dataclass(frozen=True, slots=True)
class PasswordHasher:
    """Hash and verify; both take the time that ``cost`` says (12: about a quarter of a second of a core)."""

    cost: int = DEFAULT_COST

    def hash(self, password: str) -> str:
        """Return the text to store."""
        hashed = bcrypt.hashpw(_prehash(password), bcrypt.gensalt(self.cost)).decode("ascii")
        return _VERSION + hashed

    def verify(self, password: str, stored: str | None) -> bool:
        """Tell whether the password is the one whose hash is stored.

        None stands for a user who does not exist: always False, after the same time.
        """
        known = stored is not None and stored.startswith(_VERSION + "$")
        text = stored if stored is not None and known else self._dummy
        matches = bcrypt.checkpw(_prehash(password), text.removeprefix(_VERSION).encode("ascii"))
        return matches and known and _encodable(password)

    def is_outdated(self, stored: str) -> bool:
        """Tell whether a hash should be made again: its cost is another, or its version is older."""
        return not stored.startswith(f"{_VERSION}$2b${self.cost:02d}$")

    @property
    def _dummy(self) -> str:
        # Well-formed, and the hash of no password anybody will find.
        return f"{_VERSION}$2b${self.cost:02d}${'.' * 53}"


def _encodable(password: str) -> bool:
    # A lone surrogate is no character and has no UTF-8.
    return not any("\ud800" <= character <= "\udfff" for character in password)


def _prehash(password: str) -> bytes:
    text = unicodedata.normalize("NFC", password).encode("utf-8", errors="replace")
    return base64.b64encode(hmac.digest(_PREHASH_KEY, text, hashlib.sha384))
