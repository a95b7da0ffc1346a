import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.problems import Problem


@given(st.floats(0, 1e6))
def test_whoever_waits_as_the_header_says_has_waited_long_enough(wait_s: float) -> None:
    header = Problem(429, "rate_limited", "Wait", "Wait.", retry_after_s=wait_s).retry_after_header
    assert header is not None
    assert wait_s <= int(header) <= max(wait_s + 1, 1)


@pytest.mark.parametrize("members", [{}, {"retry_after_s": 2.0}])
def test_optional_members_are_left_out(members: dict[str, float]) -> None:
    body = Problem(503, "away", "Away", "It is away.", **members).body(instance="/x", request_id="id")
    assert ("retry_after" in body) == bool(members)
    assert "errors" not in body
