"""The nouns of accounts: roles, users and whoever makes a request. Pure values."""

from dataclasses import dataclass
from enum import StrEnum, auto
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
class Caller:
    """Where a request comes from: an address, what the client calls itself, and the id of the request."""

    address: str = "local"
    client: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in on one device, as its user and admins see it."""

    session_id: UUID
    user_id: int
    address: str
    client: str
    created_ms: int
    last_used_ms: int
    expires_ms: int


class Action(StrEnum):
    """What is noted for those who ask later who did what."""

    USER_CREATED = auto()
    ROLE_CHANGED = auto()
    USER_DISABLED = auto()
    USER_ENABLED = auto()
    SESSION_ENDED_BY_ADMIN = auto()
    JOB_ORDERED = auto()
    JOB_CANCELLED = auto()
    COLLECTED_SYMBOL_REMOVED = auto()
    SESSION_ENDED = auto()
    SESSIONS_ENDED = auto()
    PASSWORD_CHANGED = auto()
    REFRESH_TOKEN_REUSED = auto()


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """Who did what to whom, when and from where; None where nobody was signed in or nobody was meant."""

    event_id: int
    occurred_ms: int
    action: str
    actor_user_id: int | None
    subject_user_id: int | None
    detail: str
    address: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever makes a request: a user who is not disabled, by way of a session that is not over."""

    user_id: int
    username: str
    role: Role
    session_id: UUID
