"""Users, sessions and what was done, as JSON shows them; pure. Never a hash or a token."""

from datetime import UTC, datetime

from utils.accounts import AuditEvent, Session, User

Shape = dict[str, int | str | bool | None]


def format_user(user: User) -> Shape:
    """Return ``{"id": 7, "username": "ada", "role": "user", "disabled": false, "created_at": "…Z"}``."""
    return {
        "id": user.user_id,
        "username": user.username,
        "role": user.role.value,
        "disabled": user.disabled,
        "created_at": iso_time(user.created_ms),
    }


def format_session(session: Session) -> Shape:
    """Return what a person recognises a session by."""
    return {
        "id": str(session.session_id),
        "address": session.address,
        "client": session.client,
        "created_at": iso_time(session.created_ms),
        "last_used_at": iso_time(session.last_used_ms),
        "expires_at": iso_time(session.expires_ms),
    }


def format_event(event: AuditEvent) -> Shape:
    """Return who did what, to whom, when and from where."""
    return {
        "id": event.event_id,
        "occurred_at": iso_time(event.occurred_ms),
        "action": event.action,
        "actor_id": event.actor_user_id,
        "user_id": event.subject_user_id,
        "detail": event.detail,
        "address": event.address,
        "request_id": event.request_id,
    }


def iso_time(time_ms: int) -> str:
    """Return ISO 8601 in UTC with milliseconds: ``2026-11-21T12:00:00.000Z``."""
    text = datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
