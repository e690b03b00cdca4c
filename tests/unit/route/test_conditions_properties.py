"""Condition triggers are a fold over the log (G3, W7): cuts, recoveries and partitions change no verdict and no run."""

import random
from itertools import chain, pairwise

import pytest

from eventflow.model.identity import partition_of
from eventflow.model.record import CONTROL, Record
from eventflow.model.workflow import Dedup, Limit
from tests.unit.route import house, judging
from tests.unit.route.judging import MINUTE, SECOND, condition

TRIGGERS = [
    condition("plain", fire_on="both", config={"above": 60.0, "below": 40.0}),
    condition("held", config={"above": 55.0}, for_=2 * MINUTE, clear_for=3 * MINUTE, cooldown=10 * MINUTE),
    condition("adaptive", "adaptive", judging={"sensitivity": 30.0}, fire_on="both", limit=(Limit(3, 60 * MINUTE),)),
    condition("again", "adaptive", judging={"sensitivity": 20.0, "quiet": 5 * MINUTE, "memory": 30 * MINUTE},
              dedup=Dedup("event.data.key + string(event.data.v > 50.0)", MINUTE)),
    condition("previous", "adaptive", judging={"sensitivity": 20.0, "at_least": (2, 3)}, spec={"missing": "previous"}),
    judging.forest(key="event.data.key", spec={"per_key": True}),
]  # fmt: skip
SHARED = [judging.forest("shared", key="event.data.key"), condition("whole", key=None, for_=MINUTE)]
"""Their state is one for all keys, so another number of partitions moves it."""


def cut(records, cuts):
    edges = sorted({0, len(records), *(c for c in cuts if c < len(records))})
    return [records[a:b] for a, b in pairwise(edges)]


def merged(parts):
    return [list(chain.from_iterable(pieces)) for pieces in zip(*map(judging.essence, parts), strict=True)]


@pytest.mark.parametrize("seed", range(12))
def test_cuts_checkpoints_and_restarts_change_nothing(seed):
    chance = random.Random(seed)
    cuts = [chance.randrange(400) for _ in range(seed * 2)]
    front = judging.front(*TRIGGERS, *SHARED)
    records = judging.noisy(seed, 400)
    whole_memory = house.fresh(front)
    whole = judging.decide(front, records, whole_memory)
    memory, slots, parts = house.fresh(front), {}, []
    for piece in cut(records, cuts):
        parts.append(judging.decide(front, piece, memory))
        what = chance.choice(("go on", "checkpoint", "restart"))
        if what != "go on":
            slots = judging.keep(memory, slots)
        if what == "restart":
            memory = judging.loaded(slots)
    assert merged(parts) == list(judging.essence(whole))
    assert whole.firings
    assert whole.outbox
    assert judging.image(memory, slots) == judging.image(whole_memory)


@pytest.mark.parametrize("seed", range(6))
def test_recovery_from_any_checkpoint_gives_the_same(seed):
    chance = random.Random(seed)
    one, two = chance.randrange(300), chance.randrange(300)
    front = judging.front(*TRIGGERS, *SHARED)
    records = judging.noisy(seed, 300)
    at, position = sorted((one, two))
    memory = house.fresh(front)
    judging.decide(front, records[:at], memory)
    slots = judging.keep(memory, {})
    expected = [judging.decide(front, records[a:b], memory) for a, b in ((at, position), (position, 300))]
    again = judging.loaded(dict(slots))
    found = [judging.decide(front, records[a:b], again) for a, b in ((at, position), (position, 300))]
    assert list(map(judging.essence, found)) == list(map(judging.essence, expected))
    assert judging.image(again, dict(slots)) == judging.image(memory, dict(slots))


@pytest.mark.parametrize("seed", range(4))
def test_one_row_at_a_time_with_detectors_that_are_not_trusted_is_the_same(seed):
    front = judging.front(*TRIGGERS, *SHARED)
    records = judging.noisy(seed, 250)
    memory, guarded = house.fresh(front), house.fresh(front)
    guarded.watched.guarded = None
    whole = judging.decide(front, records, memory)
    assert judging.essence(judging.decide(front, records, guarded)) == judging.essence(whole)
    assert judging.image(guarded) == judging.image(memory)


def over_partitions(front, records, partitions):
    """All records through N partitions, forwards included at the end; returns the effects by partition."""
    feeds = {partition: [] for partition in (CONTROL, *range(partitions))}
    for record in records:
        home = partition_of(record.data.split(b'"subject":"')[1][:1].decode(), partitions)
        feeds[home].append(Record(home, len(feeds[home]), record.log_time, record.data))
    memories = {p: house.fresh(front, partition=p, partitions=partitions) for p in feeds}
    found = [judging.decide(front, feed, memories[p], p, partitions) for p, feed in feeds.items()]
    at, forwards = records[-1].log_time, [entry for effects in found for entry in effects.forwards]
    for p, own in feeds.items():
        mine = [entry for entry in forwards if entry.partition == p]
        feed = [Record(p, len(own) + n, at, entry.data) for n, entry in enumerate([*mine, *mine[-2:]])]
        found.append(judging.decide(front, feed, memories[p], p, partitions))
    return found


def shape(found):
    runs = sorted((f.run, f.trigger, f.key, f.fired_at, str(f.facts)) for effects in found for f in effects.firings)
    return runs, sorted(said for effects in found for said in effects.outbox)


@pytest.mark.parametrize("partitions", [3, 7])
@pytest.mark.parametrize("seed", range(6))
def test_any_number_of_partitions_says_the_same_where_the_key_is_the_partition_key(seed, partitions):
    front = judging.front(*TRIGGERS)
    records = judging.noisy(seed, 500, keys="abcdefg")
    last = records[-1].log_time - house.START + 1
    quiet = [judging.sample(500 + n, key, 50.0, last, f"end{key}") for n, key in enumerate("abcdefg")]
    one = over_partitions(front, [*records, *quiet], 1)
    many = over_partitions(front, [*records, *quiet], partitions)
    timed = {"held"}

    def of(found):
        runs, said = shape(found)
        return [run for run in runs if run[1] not in timed], [
            s for s in said if not any(t.encode() in s for t in timed)
        ]

    assert of(many) == of(one)
    assert len(of(one)[0]) > 5


@pytest.mark.parametrize("partitions", [3, 7])
def test_series_that_share_a_model_live_on_one_partition(partitions):
    front = judging.front(*SHARED)
    records = judging.noisy(1, 300, gap=SECOND)
    found = over_partitions(front, records, partitions)
    owners = {entry.partition for effects in found for entry in effects.forwards}
    rules = front.rules.by_name
    assert owners <= {rules["w", name].owner(None, partitions) for name in ("shared", "whole")}
    assert sum(len(effects.forwards) for effects in found) > 0
