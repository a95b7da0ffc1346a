"""Faults of the simulated listings: what they are, and whom they strike.

Which coins are struck follows from the seed and the coin alone; questions are struck by their number.

| fault     | what it does                                                       |
|-----------|--------------------------------------------------------------------|
| silent    | every 10th coin or so comes without a figure                       |
| duplicate | every 10th or so comes twice; the second one is refused            |
| broken    | every 10th or so cannot be read and is refused                     |
| old       | the figures are those of six hours ago                             |
| error     | every 5th question, beginning with the 5th, ends by UpstreamDown   |
| limited   | every 5th question, beginning with the 3rd, asks to wait a minute  |
"""

from dataclasses import dataclass

from plugins.fault_names import read_faults
from plugins.simulated_path import key_of

STRUCK_ONE_OF = 10
OLD_S = 6 * 60 * 60
FAILS_EVERY, ERROR_FIRST, LIMITED_FIRST = 5, 5, 3


@dataclass(frozen=True, slots=True)
class ListingsFaults:
    """Tell which faults are switched on."""

    silent: bool = False
    duplicate: bool = False
    broken: bool = False
    old: bool = False
    error: bool = False
    limited: bool = False

    @classmethod
    def parse(cls, text: str) -> "ListingsFaults":
        """Read ``old, silent``; nothing means no faults.

        Raises: ValueError with a sentence that names what is unknown.
        """
        return read_faults(cls, "SIMULATED_LISTINGS_FAULTS", text)

    def is_error(self, number: int) -> bool:
        """Tell whether a question, counted from 1, fails."""
        return self.error and number % FAILS_EVERY == ERROR_FIRST % FAILS_EVERY

    def is_limited(self, number: int) -> bool:
        """Tell whether a question, counted from 1, is answered by the wish to wait."""
        return self.limited and number % FAILS_EVERY == LIMITED_FIRST % FAILS_EVERY


def strikes(seed: int, fault: str, coin_id: str) -> bool:
    """Tell whether a fault strikes a coin."""
    return key_of(seed, fault, coin_id) % STRUCK_ONE_OF == 0
