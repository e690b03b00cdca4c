"""Who else decides a topic: what moves counts, what stands still does not."""

from eventflow import ports
from eventflow.kafka.rivals import FRESH, Rivals, decided
from eventflow.testing.bus import MovedClock


def test_a_place_that_another_moves_is_a_rival_until_it_stands_still():
    with ports.use(MovedClock()) as world:
        ours, theirs = Rivals("t"), Rivals("t").note
        ours.seen({0: (7, theirs), 1: (5, ""), 2: (3, "a dashboard's")})
        assert ours.trouble == ""  # somebody who has ended, perhaps
        ours.seen({0: (7, theirs), 1: (9, ours.note), 2: (4, "a dashboard's")})
        assert ours.trouble == ""
        ours.seen({0: (7, theirs), 1: (9, theirs)})
        assert "another eventflow with another data_dir decides t too" in ours.trouble
        world.moved += FRESH + 1
        ours.seen({0: (7, theirs), 1: (9, theirs)})
        assert ours.trouble == ""


def test_what_was_decided_before_is_told_with_how_much_and_what_to_do():
    assert decided("t", "g", {}) == ""
    assert decided("t", "g", {0: (0, ""), 1: (0, "x")}) == ""
    told = decided("t", "g", {0: (4, "x"), -1: (3, "")})
    assert "7 records" in told
    assert "kafka-consumer-groups --delete --group g" in told
