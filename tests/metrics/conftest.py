"""Figures that begin from nothing, and a service whose figures are read."""

from collections.abc import Iterator

import pytest

from utils import figures
from utils.metrics import declared


@pytest.fixture(autouse=True)
def nothing_counted() -> Iterator[None]:
    """What others counted in this process is not this test's, nor the other way round."""
    for figure in declared(figures):
        figure.forget()
    yield
    for figure in declared(figures):
        figure.forget()
