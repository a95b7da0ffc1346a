"""These tests read files; nothing of theirs could be left running."""

import pytest


@pytest.fixture(autouse=True)
def no_lost_tasks() -> None:
    """Take the place of the watch over the event loop."""
