"""The model of scaling: what holds whatever the figures are, and what a simulation of queues must give."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.scaling_measure import kept
from benchmarks.scaling_model import (
    BUSY,
    Basis,
    Crowd,
    Habits,
    Machine,
    Prices,
    breaks_at,
    cell_of,
    crowd_of,
    deploy,
    first_where,
    needs_of,
    web_core,
    web_workers,
    without_rest,
)
from benchmarks.scaling_simulation import simulate, weighted_quantiles

BASIS = Basis(kept())
FREE = replace(
    BASIS.figures,
    **{name: 0.0 for name in vars(type(BASIS.figures))["__dataclass_fields__"] if "_s_per_" in name},
)
some_listeners = st.floats(1, 2e6).map(math.floor)


@given(some_listeners, some_listeners)
@settings(max_examples=25)
def test_more_listeners_never_need_fewer_workers_or_less_of_anything(one: int, other: int) -> None:
    fewer, more = sorted((one, other))
    (few, few_needs), (many, many_needs) = (
        needs_of(crowd_of(each, BASIS.habits), BASIS) for each in (fewer, more)
    )
    assert 0 < few <= many
    for less, greater in zip(few_needs, many_needs, strict=True):
        # A crowd spread over one worker more may have each of them read a little less.
        assert less.needs <= greater.needs * 1.1, less.name


@given(some_listeners)
@settings(max_examples=25)
def test_no_worker_is_busier_than_allowed_and_one_fewer_would_be(listeners: int) -> None:
    crowd = crowd_of(listeners, BASIS.habits)
    workers = web_workers(crowd, BASIS)
    per_worker = listeners / workers
    assert web_core(crowd, per_worker, BASIS.figures, BASIS.built) <= BUSY
    assert (
        per_worker * BASIS.figures.web_kib_per_connection <= BASIS.machine.gib / BASIS.machine.cores * 2**20
    )
    if workers > 1:
        fewer = listeners / (workers - 1)
        memory_kib = BASIS.figures.web_mib * 1_024 + fewer * BASIS.figures.web_kib_per_connection
        full = memory_kib > BASIS.machine.gib / BASIS.machine.cores * BUSY * 2**20
        assert full or web_core(crowd, fewer, BASIS.figures, BASIS.built) > BUSY


def test_a_deployment_asks_of_nothing_more_than_it_has_and_one_cell_fewer_would() -> None:
    found = deploy(2_000_000, BASIS)
    assert found.cells > 1
    assert found.fullest.share <= 1
    topics = crowd_of(2_000_000, BASIS.habits).topics
    fewer = found.cells - 1
    assert cell_of(2_000_000 / fewer, math.ceil(topics / fewer), BASIS).fullest.share > 1


def test_a_thing_breaks_just_where_its_need_passes_what_there_is() -> None:
    at = breaks_at("core of Valkey", BASIS)
    for listeners, too_many in ((at * 0.97, False), (at * 1.03, True)):
        _, found = needs_of(crowd_of(listeners, BASIS.habits), BASIS)
        (need,) = [need for need in found if need.name == "core of Valkey"]
        assert (need.share > 1) is too_many
    assert first_where(lambda number: number >= 1_000) == pytest.approx(1_000, rel=0.02)
    assert first_where(lambda _: False) == math.inf


def test_shares_are_those_of_zipf_and_deliveries_are_counted_once() -> None:
    crowd = Crowd(1_000, 3, Habits(subscriptions=1.0, hot_share=0.0, heartbeat_s=math.inf))
    assert crowd.shares == pytest.approx([6 / 11, 3 / 11, 2 / 11])
    # One topic is hot at least.
    assert crowd.deliveries_per_s == pytest.approx(1_000 * (6 / 11 * 5 + 5 / 11))
    assert crowd.entries_per_s == 7.0
    assert crowd.heard_by(1) == pytest.approx(crowd.shares)


def test_prices_are_added_up_from_what_is_reserved() -> None:
    found = deploy(1_000, BASIS)
    assert Prices(core=1, gib=0, gbit_per_s=0).month(found) == found.cores
    assert Prices(core=0, gib=2, gbit_per_s=0).month(found) == pytest.approx(2 * found.gib)


def test_a_machine_without_memory_needs_more_workers_and_not_none() -> None:
    crowd = crowd_of(10_000, BASIS.habits)
    small = replace(BASIS, machine=Machine(cores=8, gib=8 * 0.4))
    assert web_workers(crowd, small) > web_workers(crowd, BASIS)


def test_one_worker_and_one_topic_take_the_sum_of_what_each_step_takes() -> None:
    crowd = Crowd(1_000, 1, Habits(subscriptions=1.0, hot_per_s=2.0))
    costs = {"web_s_per_read": 1e-3, "web_s_per_entry": 2e-3, "web_s_per_delivery": 1e-5}
    basis = Basis(replace(FREE, **costs))
    heard = simulate(crowd, 1, basis, even=True)
    # 1 ms to read, 2 ms for the entry, and half of the 10 ms for a thousand listeners: in the middle of it.
    assert heard.p50_ms == pytest.approx(1 + (2 + 10) * 0.375, abs=0.01)
    assert heard.p99_ms == pytest.approx(1 + (2 + 10) * 0.875, abs=0.01)
    assert heard.worker_busy == pytest.approx(2 * 0.013, rel=0.05)


def test_queues_grow_when_more_comes_than_can_be_told() -> None:
    figures = replace(FREE, web_s_per_delivery=1e-4)
    calm, flooded = (
        simulate(Crowd(1_000, 1, Habits(subscriptions=1.0, hot_per_s=rate)), 1, Basis(figures), seconds=4)
        for rate in (2.0, 20.0)
    )
    assert calm.p99_ms < 400
    # Eight seconds of work come in four: whoever is told last waits for the other four.
    assert flooded.p50_ms > 1_000
    assert flooded.late_s > 3


def test_rests_spare_valkey_and_cost_time() -> None:
    crowd = crowd_of(50_000, BASIS.habits)
    workers = web_workers(crowd, BASIS)
    resting, restless = (simulate(crowd, workers, basis, seconds=2) for basis in (BASIS, without_rest(BASIS)))
    assert resting.valkey_busy < restless.valkey_busy / 2
    assert resting.p50_ms > restless.p50_ms


def test_the_same_seed_gives_the_same_figures() -> None:
    crowd = crowd_of(1_000, BASIS.habits)
    assert simulate(crowd, 1, BASIS, seconds=2) == simulate(crowd, 1, BASIS, seconds=2)


def test_quantiles_heed_weights() -> None:
    values, weights = np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 8.0])
    assert weighted_quantiles(values, weights, (0.05, 0.5, 0.95)) == [1.0, 2.0, 3.0]


def test_a_figure_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="frame_bytes"):
        replace(BASIS.figures, frame_bytes=-1.0)
