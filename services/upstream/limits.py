"""The numbers of the discipline, in one place."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UpstreamLimits:
    """Bound what one worker asks of one exchange.

    A question waits ``wait_s`` at most for a place and a turn, then ``answer_s`` at most for its answer:
    less than callers wait, so that a silent exchange is known as such. A caller who leaves ``left_s`` or
    longer after the question was put did not get an answer either. ``retry_share`` is the part of all
    questions that may be put twice.
    """

    in_flight: int = 4
    waiting: int = 64
    wait_s: float = 3.0
    answer_s: float = 4.0
    left_s: float = 1.0
    retry_share: float = 0.1
    retry_wait_s: float = 0.3
