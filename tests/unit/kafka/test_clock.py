"""The broker's clock as it is guessed: never less than a stamp, never back, never still, soon right."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from eventflow import ports
from eventflow.kafka.clock import BrokerClock
from eventflow.testing.bus import MovedClock

SECOND = ports.SECOND


class Set(MovedClock):
    """A world that stands still unless it is moved."""

    def wall(self):
        return 1_000_000 * SECOND + self.moved + self.set_wall

    def boot(self):
        return self.moved


@pytest.fixture
def world():
    with ports.use(Set()) as found:
        yield found


def test_it_begins_with_ours_and_follows_the_brokers(world):
    clock = BrokerClock()
    assert clock.now() == world.wall()
    clock.acknowledged(world.wall() + 500 * SECOND)
    assert clock.now() == world.wall() + 500 * SECOND
    assert clock.ahead == 500 * SECOND
    world.moved += SECOND
    assert clock.now() == world.wall() + 500 * SECOND


def test_a_broker_that_is_behind_is_waited_for_without_standing_still(world):
    clock = BrokerClock()
    began = clock.now()
    clock.acknowledged(world.wall() - 10 * SECOND)
    for _ in range(10):
        world.moved += SECOND
        before, now = began, clock.now()
        assert now > before
        began = now
    world.moved += 20 * SECOND
    assert clock.now() == world.wall() - 10 * SECOND


STEPS = some.tuples(
    some.sampled_from(["acknowledged", "seen", "passes", "set"]), some.integers(-30 * SECOND, 30 * SECOND)
)


@given(some.lists(STEPS))
def test_never_less_than_a_stamp_and_never_back(steps):
    with ports.use(Set()) as world:
        clock = BrokerClock()
        last, most = clock.now(), 0
        for what, by in steps:
            stamp = world.wall() + by
            if what == "acknowledged":
                clock.acknowledged(stamp)
                most = max(most, stamp)
            elif what == "seen":
                clock.seen(stamp)
                most = max(most, stamp)
            elif what == "passes":
                world.moved += abs(by)
            else:
                world.set_wall += by
            now = clock.now()
            assert now >= max(last, most)
            last = now
