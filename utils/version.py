"""The versions, in one place that the program can read without being installed."""

from dataclasses import dataclass
from typing import Literal

VERSION = "0.1.0"


@dataclass(frozen=True, slots=True)
class ApiVersion:
    """State one version of the interface; the days are ISO 8601, None while they are not decided."""

    name: str
    state: Literal["stable", "deprecated"]
    deprecated_on: str | None = None
    sunset_on: str | None = None


API_VERSION = "v1"
API_VERSIONS = (ApiVersion(API_VERSION, "stable"),)
