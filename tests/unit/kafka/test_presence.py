"""A broker that does not answer is away, one look that fails is not, and each change is told once."""

import logging

import pytest
import structlog

from eventflow import ports
from eventflow.kafka.presence import AGAIN, EVERY, Presence
from eventflow.testing.bus import MovedClock


@pytest.fixture
def said():
    """Every line of ours, whatever level a house of an earlier test has set."""
    before = structlog.get_config()["wrapper_class"]
    with structlog.testing.capture_logs() as lines:
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET))
        yield lines
    structlog.configure(wrapper_class=before)


def test_one_look_that_fails_is_no_news():
    with ports.use(MovedClock()) as world:
        presence = Presence()
        assert presence.pause == EVERY
        world.moved += 3 * ports.SECOND
        presence.failed("no leader")
        assert (presence.away, presence.pause) == ("", AGAIN)
        presence.answered()
        world.moved += 3 * ports.SECOND
        presence.failed("no leader")
        assert presence.away == ""


def test_silence_is_told_once_and_its_end_too(said):
    with ports.use(MovedClock()) as world:
        presence = Presence()
        for _ in range(100):
            world.moved += ports.SECOND
            presence.failed("nobody listens")
        assert (presence.away, presence.pause) == ("nobody listens", AGAIN)
        for _ in range(3):
            presence.answered()
        assert (presence.away, presence.pause) == ("", EVERY)
        assert [line["event"] for line in said] == ["kafka.silent", "kafka.answers_again"]


def test_a_look_that_took_long_is_silence_enough():
    with ports.use(MovedClock()) as world:
        presence = Presence()
        world.moved += 8 * ports.SECOND
        presence.failed("no answer in 5 s")
        assert presence.away == "no answer in 5 s"
