"""`Seen` against the plainest memory there is: a dict from identity to when it was remembered."""

from hypothesis import given, settings
from hypothesis import strategies as st

from eventflow.route.seen import PREFIX, UNIT, WINDOW_UNITS, Seen

DAY = 8 * UNIT
START = 20_000 * UNIT
SALT = b"trigger"

steps = st.lists(
    st.tuples(st.integers(0, 60), st.sampled_from([0, 0, 0, 1, UNIT, DAY, 6 * DAY, 9 * DAY, 70 * DAY])), max_size=80
)


def name(n):
    return b"source%d" % n


class Plain:
    def __init__(self):
        self.known = {}

    def add(self, n, at):
        unit = at // UNIT
        fresh = n not in self.known or unit - self.known[n] >= WINDOW_UNITS
        if fresh:
            self.known[n] = unit
        return fresh


def written(seen, slots):
    for slot, data in seen.dump().items():
        if data is None:
            slots.pop(slot, None)
        else:
            slots[slot] = data


@given(steps, st.data())
def test_it_remembers_for_a_week_across_checkpoints_and_restarts(log, data):
    seen, plain, slots, at = Seen(), Plain(), {}, START
    for n, gap in log:
        at += gap
        assert seen.add(name(n), SALT, at) == plain.add(n, at)
        if data.draw(st.booleans()):
            written(seen, slots)
        if data.draw(st.integers(0, 9)) == 0:
            written(seen, slots)
            before = seen.image()
            seen = Seen()
            seen.load(slots)
            assert seen.image() == before
    assert len(seen) >= len([n for n, unit in plain.known.items() if at // UNIT - unit < WINDOW_UNITS])


def test_a_week_is_never_less_than_seven_days():
    seen = Seen()
    seen.add(name(1), SALT, START + UNIT - 1)
    assert not seen.add(name(1), SALT, START + UNIT - 1 + 7 * DAY)
    assert seen.add(name(1), SALT, START + UNIT - 1 + 7 * DAY + UNIT)


def test_triggers_do_not_share_what_they_have_seen():
    seen = Seen()
    assert seen.add(name(1), b"one", START)
    assert seen.add(name(1), b"two", START)
    assert not seen.add(name(1), b"one", START)


def test_what_is_taken_back_is_new_again():
    seen = Seen()
    for n in range(100):
        seen.add(name(n), SALT, START)
    seen.discard(name(99), SALT)
    image = seen.image()
    assert seen.add(name(99), SALT, START)
    assert not seen.add(name(98), SALT, START)
    assert seen.image() != image


@settings(max_examples=10)
@given(st.integers(3, 400))
def test_the_bound_forgets_the_oldest_and_says_so(bound):
    seen = Seen(bound=bound * 4096)
    seen._head.counts = {START // UNIT - 50: bound * 4096}
    seen._head.unit = START // UNIT
    for n in range(4096):
        seen.add(name(n), SALT, START)
    assert len(seen) == 4096
    assert seen.units == 50
    assert not seen.add(name(4095), SALT, START)


def test_rounds_rewrite_the_tables_and_drop_old_deltas():
    seen, slots, at = Seen(), {}, START
    for n in range(150_000):
        seen.add(name(n), SALT, at)
        if n % 1000 == 999:
            written(seen, slots)
    while any(slot.startswith(PREFIX + "delta/") and int(slot[-12:]) < 64 for slot in slots):
        written(seen, slots)
    assert any(slot.startswith(PREFIX + "base/") for slot in slots)
    again = Seen()
    again.load(slots)
    assert not any(again.add(name(n), SALT, at) for n in range(0, 150_000, 7))
    assert len(again) == 150_000


def test_tables_stay_small_per_identity():
    seen = Seen()
    for n in range(200_000):
        seen.add(name(n), SALT, START)
    written(seen, {})
    assert sum(len(table) * 8 for table in seen._tables if table is not None) / 200_000 < 32
