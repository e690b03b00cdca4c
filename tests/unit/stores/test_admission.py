"""The decision of admission, from counted occupancy alone."""

from hypothesis import given
from hypothesis import strategies as st

from eventflow.model.workflow import Concurrency
from eventflow.stores.sqlite.admission import counts, judge, places

few = st.integers(0, 6)
modes = st.sampled_from(["single", "restart", "queued", "parallel"])


@given(modes, st.integers(1, 5), st.none() | st.integers(0, 3), few, few)
def test_a_mode_that_does_not_count_decides_the_same_for_every_occupancy(mode, size, limit, queued, occupying):
    how = Concurrency(mode=mode, max=size, queue_max=limit)
    if not counts(how):
        assert judge(how, queued, occupying) == judge(how, 0, 0)


@given(
    st.sampled_from(["queued", "parallel"]), st.integers(1, 5), st.integers(0, 3), st.lists(st.booleans(), max_size=30)
)
def test_no_more_wait_than_queue_max_allows(mode, size, limit, walk):
    """True: one more fires; False: one ends. A place that is free is taken by the first in line."""
    how = Concurrency(mode=mode, max=size, queue_max=limit)
    queued = occupying = 0
    for fires in walk:
        if fires and judge(how, queued, occupying).reason is None:
            queued += 1
        elif not fires and occupying:
            occupying -= 1
        started = min(queued, places(how) - occupying)
        queued, occupying = queued - started, occupying + started
        assert queued <= limit
        assert occupying <= places(how)


@given(few, few, st.sampled_from(["suppress", "signal"]))
def test_single_takes_an_empty_group_only(queued, occupying, on_conflict):
    verdict = judge(Concurrency(mode="single", on_conflict=on_conflict), queued, occupying)
    assert (verdict.reason is None) == (queued + occupying == 0)
    assert verdict.signal == (verdict.reason is not None and on_conflict == "signal")


@given(few, few)
def test_restart_never_refuses(queued, occupying):
    verdict = judge(Concurrency(mode="restart"), queued, occupying)
    assert verdict.reason is None
    assert verdict.supersede


def test_only_parallel_has_more_than_one_place():
    assert [places(Concurrency(mode=mode, max=7)) for mode in ("parallel", "queued", "single", "restart")] == [
        7,
        1,
        1,
        1,
    ]
