"""The exchanges as all workers know them, in one list; pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from services.fleet.report import HeardReport
from services.upstream.shared_state import SharedState
from services.upstream.state import ExchangeMood, ExchangeState


@dataclass(frozen=True, slots=True)
class ExchangeRow:
    """Say how one exchange is.

    ``wait_s`` is how long nobody will ask it: where it is limited all workers, where it is silent those of
    ``silent_on``. ``budget_left`` is how many questions all workers together could put at once; None where
    nobody counts, or where Redis does not answer.
    """

    state: ExchangeState
    silent_on: tuple[str, ...]
    budget_left: int | None = None


def exchange_rows(heard: Iterable[HeardReport]) -> list[ExchangeRow]:
    """Return every exchange that any worker has asked since its start, by market and name."""
    told = [(state, each.report.name) for each in heard for state in each.report.exchanges]
    told.sort(key=lambda pair: (pair[0].market, pair[0].exchange))
    grouped = groupby(told, lambda pair: (pair[0].market, pair[0].exchange))
    return [_row(list(group)) for _, group in grouped]


def with_shared(rows: Sequence[ExchangeRow], known: Sequence[SharedState | None]) -> list[ExchangeRow]:
    """Return the rows with what Redis knows of their exchanges, which is newer than what workers told."""
    return [
        row if shared is None else _with_shared(row, shared) for row, shared in zip(rows, known, strict=True)
    ]


def _row(told: list[tuple[ExchangeState, str]]) -> ExchangeRow:
    silent_on = tuple(sorted({name for state, name in told if state.mood is ExchangeMood.SILENT}))
    for mood in (ExchangeMood.LIMITED, ExchangeMood.SILENT):
        alike = [state for state, _ in told if state.mood is mood]
        if alike:
            return ExchangeRow(max(alike, key=lambda state: state.wait_s), silent_on)
    return ExchangeRow(told[0][0], ())


def _with_shared(row: ExchangeRow, shared: SharedState) -> ExchangeRow:
    state = row.state
    if shared.ban_left_s:
        state = ExchangeState(
            state.market, state.exchange, ExchangeMood.LIMITED, shared.ban_left_s, state.requests_per_s
        )
    return ExchangeRow(state, row.silent_on, shared.budget_left)
