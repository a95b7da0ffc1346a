"""What a view answers, said beside it: the OpenAPI document is made of it, and tests hold the service to it.

Not for what every view answers that is limited, signed in or reads something: the document knows that from
the other declarations.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar

from middleware.declarations import declare

JSON = "application/json"

Codes = tuple[str, ...]
View = TypeVar("View", bound=Callable[..., object])

NO_REFUSALS: Mapping[int, Codes] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Answers:
    """One kind of answer that is no problem: its status, what it looks like, and headers of its own.

    ``model`` is anything that pydantic makes a JSON Schema of; without one there is no body.
    """

    model: Any = None
    status: int = 200
    media: str = JSON
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """What every failure of a view looks like, where it is no problem document."""

    model: Any
    media: str


def responses(
    *answers: Answers, refuses: Mapping[int, Codes] = NO_REFUSALS, failure: Failure | None = None
) -> Callable[[View], View]:
    """Declare what a view answers, and with which codes it refuses: ``{404: ("unknown_market",)}``."""

    def decorate(view: View) -> View:
        declare(view, answers=answers, refuses=refuses, failure=failure)
        return view

    return decorate


def refusals(*parts: Mapping[int, Codes]) -> Mapping[int, Codes]:
    """Return several sets of refusals as one."""
    together: dict[int, Codes] = {}
    for part in parts:
        for status, codes in part.items():
            together[status] = tuple(dict.fromkeys((*together.get(status, ()), *codes)))
    return MappingProxyType(together)


# What questions about markets, about their exchanges, and about bars are refused with.
OF_MARKETS = refusals({404: ("unknown_market",), 504: ("exchange_timeout",)})
OF_EXCHANGES = refusals(
    OF_MARKETS,
    {
        404: ("unknown_exchange",),
        503: ("exchange_unavailable", "exchange_rate_limited", "exchange_busy", "exchange_bad_answer"),
    },
)
OF_BARS = refusals(OF_EXCHANGES, {404: ("unknown_symbol",)})
