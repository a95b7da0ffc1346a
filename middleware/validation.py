"""Requests become checked models, and every wrong field is named in one answer.

``@query(Model)`` passes ``query=``, ``@json_body(Model)`` passes ``body=``. Not for whether a market or a
symbol exists: services know that.
"""

import functools
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator
from quart import has_websocket_context, request, websocket
from quart_schema import document_querystring, document_request
from werkzeug.datastructures import MultiDict

from middleware.declarations import declare
from utils.errors import (
    FieldError,
    InvalidRequest,
    MalformedRequest,
    UnsupportedMedia,
    near_misses,
    shorten,
)
from utils.field_sentences import field_sentence
from utils.field_types import (
    TEXT_LENGTH_MAX,
    is_whole_number,
    read_whole_number,
    refuse_control_characters,
)
from utils.json_codec import JsonError, decode_json

DETAIL_LENGTH_MAX = 200
ERRORS_MAX = 20
TOO_MANY_FIELDS = 100

View = Callable[..., Awaitable[Any]]
Model = TypeVar("Model", bound="RequestModel")


class RequestModel(BaseModel):
    """Base of everything a request may carry: closed, unchanging, and without control characters."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_max_length=TEXT_LENGTH_MAX)

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_odd_numbers(cls, value: Any, info: ValidationInfo) -> Any:
        return read_whole_number(value) if info.field_name in _whole_numbers(cls) else value

    @field_validator("*", mode="after")
    @classmethod
    def _refuse_control_characters(cls, value: Any) -> Any:
        return refuse_control_characters(value)


@functools.cache
def _whole_numbers(model: type[BaseModel]) -> frozenset[str]:
    fields = model.model_fields.items()
    return frozenset(name for name, field in fields if is_whole_number(field.annotation, field.metadata))


def query(model: type[RequestModel]) -> Callable[[View], View]:
    """Check the query string of a request or a WebSocket, and pass it to the view as ``query=``."""

    def decorate(view: View) -> View:
        @functools.wraps(view)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            parameters = websocket.args if has_websocket_context() else request.args
            return await view(*args, query=read_query(model, parameters), **kwargs)

        declare(wrapper, query_model=model)
        return document_querystring(model)(wrapper)

    return decorate


def json_body(model: type[RequestModel]) -> Callable[[View], View]:
    """Check the JSON body of a request, and pass it to the view as ``body=``."""

    def decorate(view: View) -> View:
        @functools.wraps(view)
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            if request.mimetype != "application/json":
                raise UnsupportedMedia("The body must be JSON. Send it with Content-Type: application/json.")
            data = await request.get_data(cache=True, as_text=False, parse_form_data=False)
            return await view(*args, body=read_body(model, data), **kwargs)

        declare(wrapper, body_model=model)
        return document_request(model)(wrapper)

    return decorate


def read_query(model: type[Model], parameters: "MultiDict[str, str]") -> Model:
    """Return the checked query parameters.

    Raises: InvalidRequest naming every wrong parameter.
    """
    repeated, single = [], {}
    for name, values in parameters.lists():
        if len(values) > 1:
            sentence = f"{shorten(name)} is given {len(values)} times: give it once."
            repeated.append(FieldError(shorten(name), "repeated", sentence))
        single[name] = values[0]
    return _read(model, single, noun="parameter", found=repeated)


def read_body(model: type[Model], data: bytes) -> Model:
    """Return the checked JSON body.

    Raises: MalformedRequest when it is no JSON object, InvalidRequest naming every wrong field.
    """
    try:
        value = decode_json(data)
    except JsonError as error:
        raise MalformedRequest(str(error), code="malformed_json") from error
    if not isinstance(value, dict):
        raise MalformedRequest("The body must be a JSON object, in curly brackets.", code="malformed_json")
    return _read(model, value, noun="field", found=[])


def _read(model: type[Model], values: Mapping[str, Any], *, noun: str, found: list[FieldError]) -> Model:
    if len(values) > TOO_MANY_FIELDS:
        raise InvalidRequest(f"There are too many {noun}s: {len(values)}. Send at most {TOO_MANY_FIELDS}.")
    try:
        checked = model.model_validate(dict(values))
    except ValidationError as error:
        known = _names(model)
        problems = _told_once(error.errors(include_url=False, include_input=False))
        found = found + [_field_error(problem, known, noun) for problem in problems]
    else:
        if not found:
            return checked
    errors = tuple(found[:ERRORS_MAX])
    raise InvalidRequest(_summary(errors, noun), errors=errors)


def _told_once(problems: Iterable[Any]) -> list[Any]:
    # A list whose items do not fit counts as too short as well: that is not what is wrong with it.
    inside = {problem["loc"][:-1] for problem in problems}
    return [each for each in problems if each["type"] != "too_short" or each["loc"] not in inside]


def _names(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _field_error(problem: Mapping[str, Any], known: list[str], noun: str) -> FieldError:
    place = problem["loc"]
    name = shorten(".".join(str(part) for part in place))
    code = problem["type"]
    if code == "extra_forbidden":
        return FieldError(name, f"unknown_{noun}", _unknown(name, known if len(place) == 1 else [], noun))
    return FieldError(name, code, field_sentence(name, code, problem.get("ctx", {}), problem["msg"]))


def _unknown(name: str, known: Iterable[str], noun: str) -> str:
    near = near_misses(name, known)
    if near:
        return f"There is no {noun} {name}. Did you mean {' or '.join(near)}?"
    return f"There is no {noun} {name}. Leave it out."


def _summary(errors: tuple[FieldError, ...], noun: str) -> str:
    sentences = " ".join(error.detail for error in errors)
    if len(sentences) <= DETAIL_LENGTH_MAX:
        return sentences
    names = ", ".join(error.field for error in errors[:3])
    more = f" and {len(errors) - 3} more" if len(errors) > 3 else ""
    return f"{len(errors)} {noun}s do not fit: {names}{more}. The list of errors says why for each."
