"""What a scrape says, read by the library's own parser."""

from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from utils import figures
from utils.metrics import Figure, declared


@dataclass(frozen=True)
class Page:
    """One answer of /metrics."""

    text: str

    def families(self) -> dict[str, Metric]:
        return {family.name: family for family in text_string_to_metric_families(self.text)}

    def value(self, sample: str, **labels: str) -> float:
        """Return the sum of the samples of this name that have these labels."""
        found = [
            each.value
            for family in self.families().values()
            for each in family.samples
            if each.name == sample and labels.items() <= each.labels.items()
        ]
        assert found, f"{sample}{labels} is not in the page"
        return sum(found)

    def counts(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        """Return all that may only rise."""
        return {
            (each.name, tuple(sorted(each.labels.items()))): each.value
            for family in self.families().values()
            if family.type in ("counter", "histogram")
            for each in family.samples
        }


class Collected:
    """The figures of this process as a page."""

    def __init__(self, only: Iterable[Figure] | None = None) -> None:
        self._figures = list(only or declared(figures))

    def collect(self) -> Iterable[Metric]:
        for figure in self._figures:
            yield from figure.collect()


def own_page(*only: Figure) -> Page:
    return Page(generate_latest(Collected(only)).decode())
