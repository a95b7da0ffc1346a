"""The sentences for what goes wrong with a provider of listings."""

from utils.errors import NotFound, UpstreamDown, UpstreamGarbage, UpstreamLimited, UpstreamTimeout, shorten
from utils.spoken import spoken_wait

RETRY_SOON_S = 5.0
RETRY_LATER_S = 60.0
# For what a person has to put right first.
RETRY_MUCH_LATER_S = 3_600.0


def limited(title: str, wait_s: float | None) -> UpstreamLimited:
    """Return the error for a provider that asked us to wait, a minute where it did not say how long."""
    wait_s = RETRY_LATER_S if wait_s is None else wait_s
    return UpstreamLimited(
        f"{title} asked us to wait. Try again in {spoken_wait(wait_s)}.", retry_after_s=wait_s
    )


def used_up(title: str, period: str, wait_s: float) -> UpstreamLimited:
    """Return the error for a plan that allows no more calls in a ``day`` or a ``month``."""
    return UpstreamLimited(
        f"The calls that {title} allows in a {period} are used up. Try again in {spoken_wait(wait_s)}.",
        retry_after_s=wait_s,
    )


def key_refused(title: str, setting: str) -> UpstreamDown:
    """Return the error for a key that is missing, wrong, or not enough."""
    return UpstreamDown(
        f"{title} refuses the key of this service. Put a key that is valid into {setting}.",
        retry_after_s=RETRY_MUCH_LATER_S,
    )


def shut_out(title: str) -> UpstreamDown:
    """Return the error for a provider that does not serve our address."""
    return UpstreamDown(
        f"{title} refuses to answer this server, perhaps because of where it stands. Use another provider.",
        retry_after_s=RETRY_MUCH_LATER_S,
    )


def not_understood(title: str) -> UpstreamDown:
    """Return the error for a provider that does not accept our question any more."""
    return UpstreamDown(
        f"{title} does not understand what this service asks. Look for a newer version of this service.",
        retry_after_s=RETRY_MUCH_LATER_S,
    )


def faulty(title: str) -> UpstreamDown:
    """Return the error for a provider that failed by itself."""
    return UpstreamDown(
        f"{title} answered with an error of its own. Try again later.", retry_after_s=RETRY_LATER_S
    )


def away(title: str) -> UpstreamDown:
    """Return the error for a provider that cannot be reached."""
    return UpstreamDown(f"{title} cannot be reached. Try again in a moment.", retry_after_s=RETRY_SOON_S)


def timed_out(title: str) -> UpstreamTimeout:
    """Return the error for a provider that did not answer in time."""
    return UpstreamTimeout(
        f"{title} did not answer in time. Try again in a moment.", retry_after_s=RETRY_SOON_S
    )


def garbage(title: str) -> UpstreamGarbage:
    """Return the error for an answer that lists no coins."""
    return UpstreamGarbage(
        f"{title} sent something that is no list of coins. Nothing of it was kept. Try again in a moment.",
        retry_after_s=RETRY_SOON_S,
    )


def too_long(title: str, bytes_max: int) -> UpstreamGarbage:
    """Return the error for an answer that was not read to its end."""
    return UpstreamGarbage(
        f"{title} sent an answer of more than {bytes_max} bytes. Try again later.",
        retry_after_s=RETRY_LATER_S,
    )


def unknown_coin(title: str, coin_id: str) -> NotFound:
    """Return the error for an id that the provider does not have."""
    return NotFound(
        f"{title} has no coin {shorten(coin_id)}. Choose an id from the list of coins.", code="unknown_coin"
    )
