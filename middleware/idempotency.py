"""``Idempotency-Key``: a POST that is sent twice is done once, and answered the same.

The decorator stands below the limit and above the body. What a view raises is not kept. A view whose work is
one transaction gives ``answered`` along, so that no death can come between the work and its answer.
"""

import functools
import re
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from quart import Response, current_app, g, request
from quart.typing import ResponseReturnValue

from middleware.client_address import address_group, client_address
from middleware.context import services
from middleware.declarations import declare
from services.idempotency import Claim, Keep, KeptAnswer, keep_nothing
from utils.errors import AppError, FieldError, InvalidRequest

HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotency-Replayed"
KEY_SHAPE = re.compile(r"[\x21-\x7e]{8,128}")

View = Callable[..., Awaitable[Any]]
Result = TypeVar("Result")


def idempotent(view: View) -> View:
    """Let whoever sends an Idempotency-Key send the request again without doing it again."""

    @functools.wraps(view)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        keys = request.headers.getlist(HEADER)
        if not keys:
            return await view(*args, **kwargs)
        content = await request.get_data(cache=True, as_text=False, parse_form_data=False)
        requests = services().requests
        # What is asked for in the address is part of it; no query holds a line's end.
        content = request.query_string + b"\n" + content
        claim = await requests.begin(name=_name(_checked(keys)), content=content)
        if isinstance(claim, KeptAnswer):
            headers = {REPLAYED_HEADER: "true"}
            return Response(claim.body, claim.status, content_type=claim.content_type, headers=headers)
        g.claim = claim
        return await _done(claim, view(*args, **kwargs))

    declare(wrapper, idempotent=True)
    return wrapper


def answered(answer: Callable[[Result], ResponseReturnValue]) -> Keep[Result]:
    """Return what keeps the answer to this request in the transaction that does its work."""
    claim: Claim | None = g.get("claim")
    if claim is None:
        return keep_nothing

    async def kept(result: Result) -> KeptAnswer:
        g.answer_is_kept = True
        return await _kept(await current_app.make_response(answer(result)))

    return services().requests.keeper(claim, kept)


async def _done(claim: Claim, work: Awaitable[Any]) -> Response:
    requests = services().requests
    try:
        response = await current_app.make_response(await work)
    except AppError:
        await requests.forget(claim)
        raise
    assert isinstance(response, Response)
    if "answer_is_kept" not in g:
        await requests.finish(claim, await _kept(response))
    return response


async def _kept(response: Any) -> KeptAnswer:
    body = await response.get_data(as_text=False)
    return KeptAnswer(response.status_code, response.content_type or "", body)


def _checked(keys: list[str]) -> str:
    if len(keys) > 1 or KEY_SHAPE.fullmatch(keys[0]) is None:
        detail = f"{HEADER} must be given once, with 8 to 128 visible ASCII characters, such as a UUID."
        raise InvalidRequest(detail, errors=(FieldError(HEADER, "bad_shape", detail),))
    return keys[0]


def _name(key: str) -> str:
    # One person's key says nothing about another's.
    principal = g.get("principal")
    whose = address_group(client_address()) if principal is None else str(principal.user_id)
    return "\n".join((request.method, request.path, "address" if principal is None else "user", whose, key))
