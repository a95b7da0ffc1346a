import pytest

from utils.spoken import spoken_wait


@pytest.mark.parametrize(
    ("wait_s", "words"),
    [
        (0, "1 second"),
        (0.2, "1 second"),
        (1, "1 second"),
        (1.1, "2 seconds"),
        (7, "7 seconds"),
        (60, "60 seconds"),
        (120, "2 minutes"),
        (121, "3 minutes"),
        (86_400, "1440 minutes"),
    ],
)
def test_a_wait_is_said_in_whole_units_and_never_too_short(wait_s: float, words: str) -> None:
    assert spoken_wait(wait_s) == words
