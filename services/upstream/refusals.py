"""The sentences for questions that are not put to an exchange, or are not answered."""

from utils.errors import UpstreamBusy, UpstreamDown, UpstreamLimited, UpstreamTimeout
from utils.spoken import spoken_wait

# Said where nobody can know: a place comes free, or an answer comes, within moments.
SOON_S = 1.0
QUIET_S = 5.0


def limited(exchange: str, wait_s: float) -> UpstreamLimited:
    """Return the error for a question that would come before the time the exchange gave."""
    return UpstreamLimited(
        f"{exchange} asked us to wait. Try again in {spoken_wait(wait_s)}.", retry_after_s=wait_s
    )


def probed(exchange: str) -> UpstreamLimited:
    """Return the error for a question while another one finds out whether the waiting is over."""
    return UpstreamLimited(
        f"{exchange} asked us to wait, and is being asked again now. Try again in {spoken_wait(SOON_S)}.",
        retry_after_s=SOON_S,
    )


def busy(exchange: str, wait_s: float) -> UpstreamBusy:
    """Return the error for a question beyond what the exchange allows us."""
    return UpstreamBusy(
        f"{exchange} is being asked as much as it allows. Try again in {spoken_wait(wait_s)}.",
        retry_after_s=wait_s,
    )


def crowded_out(exchange: str) -> UpstreamTimeout:
    """Return the error for a question whose turn did not come in time."""
    return UpstreamTimeout(
        f"{exchange} is slow and many are waiting for it. Try again in {spoken_wait(QUIET_S)}.",
        retry_after_s=QUIET_S,
    )


def silent(exchange: str) -> UpstreamTimeout:
    """Return the error for a question that was not answered in time."""
    return UpstreamTimeout(
        f"{exchange} did not answer in time. Try again in {spoken_wait(QUIET_S)}.", retry_after_s=QUIET_S
    )


def given_up(exchange: str, wait_s: float) -> UpstreamDown:
    """Return the error for a question that is not put, because the last ones were not answered."""
    return UpstreamDown(
        f"{exchange} has not been answering. Try again in {spoken_wait(wait_s)}.", retry_after_s=wait_s
    )
