"""What is measured is declared once, in words and units that Prometheus expects, and never fails anybody."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.metrics.reading import own_page
from utils import figures
from utils.metrics import LABELLED_MAX, OTHER, Count, Figure, Level, Times, declared

ALL = list(declared(figures))


def test_a_count_a_level_and_times_are_read_back() -> None:
    count = Count("visits_total", "Visits.", door=("front", "back"))
    level, times = Level("guests", "Guests."), Times("visit_seconds", "Visits.", bounds_s=(1.0, 5.0))
    count.add(2, "front")
    level.set(7)
    level.set(3)
    times.note(0.5)
    times.note(30)
    page = own_page(count, level, times)
    assert page.value("visits_total", door="front") == 2
    assert page.value("guests") == 3
    assert page.value("visit_seconds_bucket", le="1.0") == 1
    assert (page.value("visit_seconds_count"), page.value("visit_seconds_sum")) == (2, 30.5)


def test_what_is_known_beforehand_begins_with_zero_but_no_level_does() -> None:
    count, open_count = Count("a_total", "A.", door=("front", "back")), Count("b_total", "B.", door=())
    level = Level("c", "C.")
    for figure in (count, open_count, level):
        figure.begin()
    assert own_page(count).value("a_total", door="back") == 0
    assert list(own_page(open_count, level).counts()) == []
    assert own_page(level).text == ""


@given(st.lists(st.text(max_size=8), max_size=40))
def test_a_count_is_the_sum_of_what_was_added_whatever_the_labels_are(names: list[str]) -> None:
    count = Count("visits_total", "Visits.", who=())
    for name in names:
        count.add(1, name)
    page = own_page(count)
    for name in set(names):
        assert page.value("visits_total", who=name) == names.count(name)


def test_labels_that_grow_without_end_are_counted_together() -> None:
    count = Count("visits_total", "Visits.", who=(), how=())
    for number in range(LABELLED_MAX + 50):
        count.add(1, f"visitor {number}", "by door")
    page = own_page(count)
    assert len(page.counts()) == LABELLED_MAX + 1
    assert page.value("visits_total", who=OTHER, how=OTHER) == 50
    assert page.value("visits_total") == LABELLED_MAX + 50


def test_of_those_counted_together_it_is_still_known_what_we_name_ourselves() -> None:
    count = Count("visits_total", "Visits.", who=(), how=("by door", "by window"))
    for number in range(LABELLED_MAX):
        count.add(1, f"visitor {number}", "by door")
    count.add(1, "burglar", "by window")
    count.add(1, "ghost", "by wall")
    page = own_page(count)
    assert page.value("visits_total", who=OTHER, how="by window") == 1
    assert page.value("visits_total", who=OTHER, how=OTHER) == 1


def test_whoever_says_other_by_itself_is_bounded_too() -> None:
    count = Count("visits_total", "Visits.", who=(), how=())
    for number in range(LABELLED_MAX + 50):
        count.add(1, f"visitor {number}", OTHER)
    assert len(own_page(count).counts()) == LABELLED_MAX + 1


def test_a_failure_is_seen_whatever_strangers_have_asked_before() -> None:
    for number in range(LABELLED_MAX):
        figures.REQUESTS.note(0.1, f"/route/{number}", "PUT", "405")
    figures.REQUESTS.note(0.1, "/market/fetch_ohlcv", "GET", "503")
    assert own_page(figures.REQUESTS).value("http_request_duration_seconds_count", status="503") == 1


def test_a_directory_that_is_gone_fails_nobody(tmp_path: Path) -> None:
    program = (
        "from utils import figures; figures.CONFLATED.add(); figures.REQUESTS.note(1.0, '/', 'GET', '200')"
    )
    subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={"PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "gone"), "PATH": ""},
        cwd=Path(__file__).resolve().parents[2],
        check=True,
        timeout=60,
    )


@pytest.mark.parametrize("figure", ALL, ids=lambda each: each.name)
def test_names_and_sentences_are_as_prometheus_and_people_expect(figure: Figure) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", figure.name)
    assert figure.name.endswith("_total") == isinstance(figure, Count)
    assert figure.name.endswith("_seconds") or not isinstance(figure, Times)
    assert figure.sentence[0].isupper() or figure.sentence[0].isdigit()
    assert figure.sentence.endswith(".")
    assert not {"path", "symbol", "user", "address", "token", "topic"} & set(figure.labels)


def test_no_name_is_given_twice() -> None:
    names = [figure.name for figure in ALL]
    assert len(names) > 30
    assert len(set(names)) == len(names)
