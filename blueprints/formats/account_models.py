"""What answers about accounts look like; pure. Never a hash, and tokens only where they are given out."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from blueprints.formats.answer_model import ABSENT, AnswerModel, IsoTime, example
from utils.accounts import Role

USER = {
    "id": 7,
    "username": "ada",
    "role": "user",
    "disabled": False,
    "created_at": "2026-11-21T12:00:00.000Z",
}
SESSION = {
    "id": "0b6bb8c4-6d55-4d61-9dc8-8dd25e9dba6b",
    "address": "203.0.113.7",
    "client": "curl/8.5.0",
    "created_at": "2026-11-21T12:00:00.000Z",
    "last_used_at": "2026-11-21T12:15:00.000Z",
    "expires_at": "2026-12-21T12:00:00.000Z",
}
Next = Annotated[str | None, Field(description="The cursor of the next page; null at the end.")]


class TokenPairAnswer(AnswerModel):
    """A pair of tokens; each refresh token can be used once."""

    model_config = example(
        {
            "access_token": "eyJhbGciOiJIUzI1NiIsImtpZCI6ImEifQ.e30.c2lnbmF0dXJl",
            "token": "eyJhbGciOiJIUzI1NiIsImtpZCI6ImEifQ.e30.c2lnbmF0dXJl",
            "refresh_token": "r1.7vXkq0cC0bJ6Jx4G2sZl3A",
            "token_type": "Bearer",
            "expires_in": 900,
        }
    )

    access_token: Annotated[str, Field(description="For the Authorization header, after the word Bearer.")]
    token: Annotated[str, Field(description="The access token, under its other name.")]
    refresh_token: Annotated[str, Field(description="Trades for the next pair, once.")]
    token_type: Literal["Bearer"]
    expires_in: Annotated[int, Field(ge=0, description="Seconds until the access token ends.")]


class UserAnswer(AnswerModel):
    """An account, as its user and admins see it."""

    model_config = example(USER)

    id: int
    username: str
    role: Role
    disabled: bool
    created_at: IsoTime


class MoveAnswer(AnswerModel):
    """From which size on a move is told, in one of three units."""

    percent: float = ABSENT
    ticks: float = ABSENT
    atr: float = ABSENT


class AnnouncementsAnswer(AnswerModel):
    """What is announced."""

    mode: Literal["off", "alerts", "important", "all"]
    verbosity: Literal["brief", "normal", "full"]
    min_gap_s: Annotated[float, Field(ge=0, description="The shortest silence between two.")]
    move: MoveAnswer
    words_per_minute: Annotated[int, Field(ge=0)]


class ProfileAnswer(AnswerModel):
    """Who you are, and how you want to be spoken to."""

    model_config = example(
        {
            **{name: value for name, value in USER.items() if name != "disabled"},
            "locale": "en",
            "time_zone": None,
            "announcements": {
                "mode": "important",
                "verbosity": "normal",
                "min_gap_s": 10.0,
                "move": {"percent": 0.5},
                "words_per_minute": 175,
            },
        }
    )

    id: int
    username: str
    role: Role
    created_at: IsoTime
    locale: Annotated[str | None, Field(description="Null where Accept-Language decides.")]
    time_zone: str | None
    announcements: AnnouncementsAnswer


class SessionAnswer(AnswerModel):
    """One sign-in on one device."""

    id: UUID
    address: Annotated[str, Field(description="Where it was begun.")]
    client: Annotated[str, Field(description="What the program called itself.")]
    created_at: IsoTime
    last_used_at: IsoTime
    expires_at: IsoTime


class OwnSession(SessionAnswer):
    """One of your sessions."""

    current: Annotated[bool, Field(description="Whether it is the one that asks.")]


class OwnSessions(AnswerModel):
    """Your sessions, newest first."""

    model_config = example({"sessions": [SESSION | {"current": True}]})

    sessions: list[OwnSession]


class TicketAnswer(AnswerModel):
    """What opens one WebSocket from a browser, once."""

    model_config = example({"ticket": "k3Jt5mQv0yqXh2nWb8Zc1g", "expires_in": 30})

    ticket: str
    expires_in: Annotated[int, Field(ge=0, description="Seconds until it ends.")]


class UsersPage(AnswerModel):
    """Users in order of their id."""

    model_config = example({"users": [USER], "next": None})

    users: list[UserAnswer]
    next: Next


class AnybodysSession(SessionAnswer):
    """Somebody's session."""

    user_id: int


class SessionsPage(AnswerModel):
    """Sessions, newest first."""

    model_config = example({"sessions": [SESSION | {"user_id": 7}], "next": None})

    sessions: list[AnybodysSession]
    next: Next


class AuditEventAnswer(AnswerModel):
    """Who did what, to whom, when and from where."""

    id: int
    occurred_at: IsoTime
    action: str
    actor_id: Annotated[int | None, Field(description="Null where nobody was signed in.")]
    user_id: Annotated[int | None, Field(description="Null where nobody was meant.")]
    detail: str
    address: str
    request_id: str


class AuditPage(AnswerModel):
    """What was done, newest first."""

    model_config = example(
        {
            "events": [
                {
                    "id": 1,
                    "occurred_at": "2026-11-21T12:00:00.000Z",
                    "action": "user_created",
                    "actor_id": None,
                    "user_id": 1,
                    "detail": "role admin",
                    "address": "local",
                    "request_id": "",
                }
            ],
            "next": None,
        }
    )

    events: list[AuditEventAnswer]
    next: Next
