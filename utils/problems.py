"""The one shape of failure: RFC 9457 problem details, as a value. Not for deciding what failed."""

import math
from dataclasses import dataclass

from utils.errors import AppError, FieldError

CONTENT_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Problem:
    """Say what went wrong: ``title`` at most 80 characters, ``detail`` a sentence or two, at most 200."""

    status: int
    code: str
    title: str
    detail: str
    errors: tuple[FieldError, ...] = ()
    retry_after_s: float | None = None

    @property
    def retry_after_header(self) -> str | None:
        """Return the seconds to wait as the header carries them: whole, never too few."""
        return None if self.retry_after_s is None else str(max(1, math.ceil(self.retry_after_s)))

    def body(self, *, instance: str, request_id: str) -> dict[str, object]:
        """Return the members of the problem document.

        ``{"type": "/docs/problems#not_found", "title": …, "status": 404, "detail": …, "code": "not_found",
        "instance": "/market", "request_id": …}``, with ``errors`` and ``retry_after`` where they apply.
        """
        members: dict[str, object] = {
            "type": f"/docs/problems#{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "instance": instance,
            "request_id": request_id,
        }
        if self.errors:
            members["errors"] = self.errors
        if self.retry_after_s is not None:
            members["retry_after"] = round(self.retry_after_s, 3)
        return members


def problem_of_app_error(error: AppError) -> Problem:
    """Return the problem that one of our own errors states."""
    return Problem(
        status=error.status,
        code=error.error_code,
        title=error.title,
        detail=error.detail,
        errors=error.errors,
        retry_after_s=error.retry_after_s,
    )
