"""Every exception as a problem: the one table from what was raised to what is said. No Quart here."""

import traceback

import asyncpg
from redis.exceptions import RedisError
from werkzeug.exceptions import HTTPException

from utils.errors import AppError, shorten
from utils.problems import Problem, problem_of_app_error

RETRY_AFTER_S = 2.0

INTERNAL = Problem(
    status=500,
    code="internal",
    title="Something went wrong",
    detail="Something went wrong here. Try again; if it happens again, report the request id.",
)
DATABASE_UNAVAILABLE = Problem(
    status=503,
    code="database_unavailable",
    title="The database is away",
    detail="The database does not answer now. Try again in a few seconds.",
    retry_after_s=RETRY_AFTER_S,
)
CACHE_UNAVAILABLE = Problem(
    status=503,
    code="cache_unavailable",
    title="The cache is away",
    detail="The cache does not answer now. Try again in a few seconds.",
    retry_after_s=RETRY_AFTER_S,
)
TIMED_OUT = Problem(
    status=503,
    code="timed_out",
    title="This took too long",
    detail="A part of the service did not answer in time. Try again in a few seconds.",
    retry_after_s=RETRY_AFTER_S,
)
UNSTORABLE = Problem(
    status=422,
    code="unstorable_value",
    title="The request does not fit",
    detail="A value of the request cannot be stored or looked up. Check for odd characters and huge numbers.",
)

# What Quart and werkzeug refuse by themselves: code, title, detail.
REFUSALS = {
    400: (
        "bad_request",
        "The request cannot be read",
        "The request cannot be read. Check the address and the headers.",
    ),
    401: ("unauthorized", "Please sign in", "You are not signed in. Sign in, then try again."),
    403: ("forbidden", "Not allowed", "You may not do this. Ask the operator of this service."),
    404: ("not_found", "Not found", "There is nothing at this address. The address / lists what there is."),
    405: (
        "method_not_allowed",
        "Method not allowed",
        "This method is not possible at this address. Use one of the methods in the Allow header.",
    ),
    408: (
        "request_timeout",
        "The request took too long",
        "The request did not arrive in time. Send it again.",
    ),
    411: ("length_required", "Length required", "The request does not say how long it is. Send its length."),
    412: (
        "precondition_failed",
        "Precondition failed",
        "This has changed since you read it. Read it again, then repeat the change.",
    ),
    413: (
        "payload_too_large",
        "The request is too large",
        "The body is too large. Send at most 64 kilobytes.",
    ),
    415: (
        "unsupported_media_type",
        "The body must be JSON",
        "The body must be JSON. Send it with Content-Type: application/json.",
    ),
    416: ("range_not_satisfiable", "No such range", "There is no such part. Ask without a Range header."),
    429: ("rate_limited", "Too many requests", "Too many requests. Wait a minute, then try again."),
    503: ("unavailable", "Not available now", "This is not available now. Try again in a few seconds."),
}

# OperatorIntervention: shut down, starting up, statement timed out. InsufficientResources: disk, connections.
# TransactionRollback: two of us were in each other's way, and the database undid one; it may try again.
DATABASE_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.LockNotAvailableError,
    asyncpg.TransactionRollbackError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
FOREIGN = (
    (asyncpg.DataError, UNSTORABLE),
    (DATABASE_AWAY, DATABASE_UNAVAILABLE),
    (RedisError, CACHE_UNAVAILABLE),
)


def problem_of(error: Exception) -> Problem:
    """Return what to tell the caller about an exception; never its own text, unless it is an AppError."""
    if isinstance(error, AppError):
        return problem_of_app_error(error)
    if isinstance(error, HTTPException):
        return _problem_of_refusal(error)
    if isinstance(error, OSError):
        return _problem_of_os_error(error)
    return next((problem for kinds, problem in FOREIGN if isinstance(error, kinds)), INTERNAL)


def _problem_of_refusal(error: HTTPException) -> Problem:
    status = error.code or 500
    if status in REFUSALS:
        return Problem(status, *REFUSALS[status])
    if status == 500:
        return INTERNAL
    name = error.name
    code = name.casefold().replace(" ", "_").replace("'", "")
    return Problem(status, code, shorten(name, 80), f"The request was refused: {shorten(name)}.")


def _problem_of_os_error(error: OSError) -> Problem:
    # asyncpg passes on what the socket said, and a file of our own can say the same: ask who raised it.
    raisers = {_package(frame.f_globals) for frame, _ in traceback.walk_tb(error.__traceback__)}
    if "asyncpg" in raisers:
        return DATABASE_UNAVAILABLE
    return TIMED_OUT if isinstance(error, TimeoutError) else INTERNAL


def _package(module_globals: dict[str, object]) -> str:
    return str(module_globals.get("__name__", "")).partition(".")[0]
