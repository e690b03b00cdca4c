"""What was seen lately: bounded, and forgetting never turns a new event into a known one."""

from hypothesis import given
from hypothesis import strategies as st

from eventflow.ingest.recent import Recent


@given(st.lists(st.lists(st.integers(0, 50), max_size=8), max_size=30))
def test_known_is_only_what_was_learnt_and_the_newest_are_kept(batches):
    recent, order = Recent(10), []
    for batch in batches:
        assert recent.are_new(batch) == (len(set(batch)) == len(batch) and all(recent.body(k) is None for k in batch))
        recent.learn(batch, [key * 7 for key in batch])
        order = [key for key in order if key not in batch] + list(dict.fromkeys(batch))
        known = {key for key in range(51) if recent.body(key) is not None}
        assert known <= set(order)
        assert set(order[-10:]) <= known
        assert len(recent) <= 36
        assert all(recent.body(key) == key * 7 for key in known)
