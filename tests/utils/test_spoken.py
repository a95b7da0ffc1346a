import pytest

from utils.spoken import counted, spoken_wait


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
        (86_400, "1,440 minutes"),
    ],
)
def test_a_wait_is_said_in_whole_units_and_never_too_short(wait_s: float, words: str) -> None:
    assert spoken_wait(wait_s) == words


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 bars"), (1, "1 bar"), (2, "2 bars"), (1_234, "1,234 bars")]
)
def test_one_is_said_as_one_and_thousands_are_kept_apart(count: int, words: str) -> None:
    assert counted(count, "bar") == words


def test_a_plural_that_needs_more_than_an_s_is_named() -> None:
    assert [counted(count, "stretch", "stretches") for count in (1, 2)] == ["1 stretch", "2 stretches"]
