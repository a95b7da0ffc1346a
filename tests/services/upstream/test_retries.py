"""Retries are a share of all questions, however many fail."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.upstream.retries import SAVED_MAX, RetryBudget


def test_the_first_retry_is_earned_by_ten_questions() -> None:
    budget = RetryBudget(0.1)
    granted = []
    for _ in range(20):
        budget.earn()
        granted.append(budget.spend())
    assert [number + 1 for number, retried in enumerate(granted) if retried] == [10, 20]


@given(st.lists(st.booleans(), max_size=300), st.sampled_from([0.05, 0.1, 0.5]))
def test_retries_never_exceed_their_share_of_the_questions(failed: list[bool], share: float) -> None:
    budget = RetryBudget(share)
    retries = 0
    for number, question_failed in enumerate(failed, start=1):
        budget.earn()
        retries += question_failed and budget.spend()
        assert retries <= number * share + 1e-6


@pytest.mark.parametrize("questions", [100, 10_000])
def test_only_a_few_retries_are_saved_up(questions: int) -> None:
    budget = RetryBudget(0.1)
    for _ in range(questions):
        budget.earn()
    assert sum(budget.spend() for _ in range(100)) == SAVED_MAX
