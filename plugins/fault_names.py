"""The names of simulated faults in a setting."""

from dataclasses import fields
from typing import Any, TypeVar

Faults = TypeVar("Faults", bound=Any)


def read_faults(kind: type[Faults], setting: str, text: str) -> Faults:
    """Read ``late, dropped`` as a dataclass of flags with these switched on; nothing means no faults.

    Raises: ValueError with a sentence that names the setting and what is unknown in it.
    """
    known = [field.name for field in fields(kind)]
    named = [name.strip().lower() for name in text.split(",") if name.strip()]
    strange = [name for name in named if name not in known]
    if strange:
        raise ValueError(
            f"{setting} names {', '.join(strange)}, which is no fault: "
            f"use {', '.join(known[:-1])} and {known[-1]}, separated by commas."
        )
    faults: Faults = kind(**dict.fromkeys(named, True))
    return faults
