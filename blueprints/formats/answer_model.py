"""The base of the models that say what answers look like, and the model of a failure; pure.

Answers are written by the formats beside these, which are fast; the models are the contract, and tests hold
every answer to them.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

# The default of a member that some answers leave out; it is never sent.
ABSENT: Any = None

TimeMs = Annotated[int, Field(description="UTC milliseconds since 1970.")]
IsoTime = Annotated[
    str, Field(description="ISO 8601 in UTC, with milliseconds.", json_schema_extra={"format": "date-time"})
]
DecimalText = Annotated[
    str, Field(pattern=r"^-?\d+(\.\d+)?$", description="An exact decimal number, never with an exponent.")
]
State = Literal["forming", "closed", "corrected"]


class AnswerModel(BaseModel):
    """Base of every answer: nothing may be in it that the model does not name."""

    model_config = ConfigDict(extra="forbid")


def example(value: Any) -> ConfigDict:
    """Return the settings of a model with a real answer as its example."""
    return ConfigDict(json_schema_extra={"example": value})


class FieldProblem(AnswerModel):
    """One field or parameter that does not fit."""

    field: Annotated[str, Field(description="Its name; empty where fields fit one by one but not together.")]
    code: str
    detail: str


class ProblemDocument(AnswerModel):
    """A failure, as RFC 9457 has it."""

    model_config = example(
        {
            "type": "/docs/problems#unknown_market",
            "title": "Not found",
            "status": 404,
            "detail": "There is no market simulatd. Did you mean simulated? "
            "The markets are crypto, simulated.",
            "code": "unknown_market",
            "instance": "/market/get_exchanges",
            "request_id": "a654410abccd57f6",
        }
    )

    type: Annotated[str, Field(description="The place that explains the code.")]
    title: Annotated[str, Field(description="What kind of failure it is.", max_length=80)]
    status: Annotated[int, Field(ge=400, le=599)]
    detail: Annotated[str, Field(description="What is wrong, then what to do, in words that can be heard.")]
    code: Annotated[str, Field(description="For programs; it does not change.", pattern="^[a-z0-9_]+$")]
    instance: Annotated[str, Field(description="The path that was asked for.")]
    request_id: Annotated[str, Field(description="What the log of the service calls this request.")]
    errors: Annotated[list[FieldProblem], Field(description="Each field that does not fit.")] = ABSENT
    retry_after: Annotated[float, Field(ge=0, description="Seconds after which to try again.")] = ABSENT
