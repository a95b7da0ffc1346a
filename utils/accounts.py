"""The nouns of accounts: roles, users and whoever makes a request. Pure values."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Role(StrEnum):
    """What a user may do; a route names the roles it is for."""

    USER = "user"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class User:
    """One account, as admins see it; never the password's hash."""

    user_id: int
    username: str
    role: Role
    disabled: bool
    created_ms: int


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever makes a request: a user who is not disabled, by way of a session that is not over."""

    user_id: int
    username: str
    role: Role
    session_id: UUID
