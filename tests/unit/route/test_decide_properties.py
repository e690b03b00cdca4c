"""`decide` is a fold over the log (G3, W7, W9).

Cuts, recoveries, repetitions, partitions and clocks do not change what fires.
"""

from itertools import chain, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from eventflow.model.control import TICK, Tick
from eventflow.model.control import record as engine_record
from eventflow.model.identity import partition_of
from eventflow.model.record import CONTROL, Record
from eventflow.model.workflow import Dedup, Limit, Schedule
from eventflow.route.memory import Memory
from tests.unit.route import house
from tests.unit.route.house import SECOND

MINUTE = 60 * SECOND
KEYED = [
    house.trigger("cool", key="event.data.key", cooldown=20 * SECOND),
    house.trigger("limited", key="event.data.key", limit=(Limit(2, 30 * SECOND), Limit(3, MINUTE))),
    house.trigger(
        "again", key="event.data.key", dedup=Dedup("event.data.d", 15 * SECOND), inputs={"n": "${{ event.data.n }}"}
    ),
    house.trigger("failing", key="event.data.gone", cooldown=SECOND),
    house.trigger("plain", filter_="event.data.n > 2"),
    house.trigger("broken", filter_="event.data.gone > 2"),
]
OTHER = [
    house.trigger("global", cooldown=10 * SECOND),
    house.trigger("by_n", key="event.data.n", dedup=Dedup("event.data.d", MINUTE), limit=(Limit(1, 10 * SECOND),)),
]
TIMERS = [
    house.trigger("every", schedule=Schedule(every=7 * SECOND, jitter=3 * SECOND)),
    house.trigger("each", schedule=Schedule(every=5 * SECOND, missed="all", max_late=12 * SECOND)),
    house.trigger("on_time", schedule=Schedule(every=11 * SECOND, missed="skip")),
]


def flow(*triggers):
    return house.workflow(*triggers, inputs={"n": house.Input(type="integer", max=4)})


events = st.tuples(
    st.integers(0, 30), st.sampled_from("abc"), st.integers(0, 5), st.sampled_from("xyz"), st.integers(0, 9 * SECOND)
)
logs = st.lists(events, max_size=40)


def records_of(log, partition=0):
    at, records = 0, []
    for offset, (id_, key, n, d, gap) in enumerate(log):
        at += gap
        records.append(house.record(offset, house.event(f"{key}{id_}", key=key, n=n, d=d), at, partition))
    return records


def reloaded(memory, slots):
    for name, data in memory.dump().items():
        if data is None:
            slots.pop(name, None)
        else:
            slots[name] = data
    again = Memory()
    again.load(slots)
    return again


def essence(effects):
    return effects.firings, effects.outcomes, effects.dead, effects.forwards, effects.arrivals, effects.deliveries


def merged(parts):
    return [list(chain.from_iterable(pieces)) for pieces in zip(*map(essence, parts), strict=True)]


@given(logs, st.lists(st.integers(0, 40), max_size=6), st.lists(st.booleans(), min_size=8, max_size=8))
def test_cuts_and_checkpoints_change_nothing(log, cuts, checkpoints):
    front = house.front(flow(*KEYED, *OTHER, *TIMERS))
    records = records_of(log)
    whole_memory = house.fresh(front)
    whole = house.run(front, records, whole_memory)
    memory, slots, parts = house.fresh(front), {}, []
    edges = [0, *sorted(cuts), len(records)]
    for start, end, checkpoint in zip(edges, edges[1:], checkpoints, strict=False):
        parts.append(house.run(front, records[start:end], memory))
        if checkpoint:
            memory = reloaded(memory, slots)
    assert merged(parts) == list(essence(whole))
    assert memory.image() == whole_memory.image()


@given(logs, st.integers(0, 40), st.integers(0, 40))
def test_recovery_from_any_checkpoint_gives_the_same(log, one, two):
    front = house.front(flow(*KEYED, *OTHER, *TIMERS))
    records = records_of(log)
    at, position = sorted((min(one, len(records)), min(two, len(records))))
    memory, slots = house.fresh(front), {}
    house.run(front, records[:at], memory)
    recovered = reloaded(memory, slots)
    expected = [house.run(front, records[at:position], memory), house.run(front, records[position:], memory)]
    found = [house.run(front, records[at:position], recovered), house.run(front, records[position:], recovered)]
    assert list(map(essence, found)) == list(map(essence, expected))
    assert recovered.image() == memory.image()


@given(logs)
def test_deciding_again_gives_the_same_run_ids(log):
    front = house.front(flow(*KEYED, *OTHER, *TIMERS))
    one, two = (house.run(front, records_of(log)) for _ in range(2))
    assert essence(one) == essence(two)
    stateful = [f.run for f in one.firings if f.trigger != "plain"]
    assert len(set(stateful)) == len(stateful)


@given(logs)
def test_every_matched_record_gets_exactly_one_reason(log):
    front = house.front(flow(*KEYED, *OTHER))
    records, memory = records_of(log), None
    memory = house.fresh(front)
    house.run(front, records, memory)
    for (_, trigger), state in memory.triggers.items():
        matched = sum(1 for _, _, n, _, _ in log if trigger != "plain" or n > 2)
        assert sum(state.counts.values()) == matched, trigger


def over_partitions(front, log, partitions, spread):
    """All records through N partitions, forwards included; returns (firings, memories, the order each owner kept)."""
    feeds = {partition: [] for partition in (CONTROL, *range(partitions))}
    at = 0
    for id_, key, n, d, gap in log:
        at += gap
        home = partition_of(spread(key, n), partitions)
        data = house.event(f"{key}{n}{id_}", key=key, n=n, d=d)  # one identity has one body
        feeds[home].append(Record(home, len(feeds[home]), house.START + at, data))
    memories = {p: house.fresh(front, partition=p, partitions=partitions) for p in feeds}
    own = {p: len(feed) for p, feed in feeds.items()}
    firings, forwards = [], []
    for p, feed in list(feeds.items()):
        effects = house.run(front, feed, memories[p], p, partitions)
        firings += effects.firings
        forwards += effects.forwards
    for entry in [*forwards, *forwards[-3:]]:
        feed = feeds[entry.partition]
        feed.append(Record(entry.partition, len(feed), house.START + at, entry.data))
    for p, feed in feeds.items():
        firings += house.run(front, feed[own[p] :], memories[p], p, partitions).firings
    return firings, memories


@given(logs, st.sampled_from([3, 7]))
def test_where_events_of_a_key_come_from_several_partitions_the_owners_order_decides(log, partitions):
    front = house.front(flow(OTHER[0]))
    firings, memories = over_partitions(front, log, partitions, lambda key, n: key)
    owner = front.rules.events[0].owner(None, partitions)
    at, own, foreign = 0, [], {partition: [] for partition in range(partitions)}
    for id_, key, n, d, gap in log:
        at += gap
        home = partition_of(key, partitions)
        one = house.record(0, house.event(f"{key}{n}{id_}", key=key, n=n, d=d), at)
        (own if home == owner else foreign[home]).append(one)
    order = [*own, *chain.from_iterable(foreign.values())]
    memory = house.fresh(front)
    expected = [house.run(front, [Record(0, n, one.log_time, one.data)], memory) for n, one in enumerate(order)]
    assert shape(firings) == shape(chain.from_iterable(effects.firings for effects in expected))
    assert sum(m.triggers["w", "global"].counts.get("fired", 0) for m in memories.values()) == len(firings)


def shape(firings):
    return sorted((f.run, f.trigger, f.key, f.fired_at, f.inputs, f.group, f.start_by) for f in firings)


@given(logs, st.sampled_from([3, 7]))
def test_any_number_of_partitions_fires_the_same_where_the_key_is_the_partition_key(log, partitions):
    front = house.front(flow(*KEYED))
    one, _ = over_partitions(front, log, 1, lambda key, n: key)
    many, _ = over_partitions(front, log, partitions, lambda key, n: key)
    assert shape(many) == shape(one)


@given(logs, st.sampled_from([1, 3, 7]))
def test_keys_from_one_partition_each_fire_the_same_through_forwards(log, partitions):
    """Here `by_n` is owned elsewhere than where its events arrive, but each of its keys comes from one partition."""
    front = house.front(flow(*KEYED[:3], OTHER[1]))
    log = [(id_, "abcabc"[n], n, d, gap) for id_, _, n, d, gap in log]
    one, _ = over_partitions(front, log, 1, lambda key, n: key)
    many, memories = over_partitions(front, log, partitions, lambda key, n: key)
    assert shape(many) == shape(one)
    for _, trigger in memories[0].triggers:
        counts = [
            state.counts
            for memory in memories.values()
            for name, state in memory.triggers.items()
            if name[1] == trigger
        ]
        total = sum(sum(count.values()) - count.get("forwarded", 0) for count in counts)
        assert total == len(log)


@given(logs, st.lists(st.integers(-(10**12), 10**12), max_size=10))
def test_the_wall_clock_moves_nothing_but_cron(log, walls):
    front = house.front(flow(*KEYED, *OTHER, *TIMERS))
    records = records_of(log)

    def ticked(shift):
        feed = []
        for n, one in enumerate(records):
            wall = house.START + (walls[n % len(walls)] if walls and shift else 0)
            tick = engine_record(TICK, f"tick{n}", house.START, Tick(wall))
            feed += [Record(0, 2 * n, one.log_time, tick), Record(0, 2 * n + 1, one.log_time, one.data)]
        return house.run(front, feed)

    assert essence(ticked(shift=True)) == essence(ticked(shift=False))


@settings(max_examples=50)
@given(logs, st.lists(st.integers(0, 40), max_size=4))
def test_cuts_change_nothing_over_partitions(log, cuts):
    front = house.front(flow(*KEYED, *OTHER))
    records = records_of(log)
    home = 0
    whole = house.run(front, records, house.fresh(front, partitions=3), home, 3)
    memory = house.fresh(front, partitions=3)
    edges = [0, *sorted(cuts), len(records)]
    parts = [house.run(front, records[a:b], memory, home, 3) for a, b in pairwise(edges)]
    assert merged(parts) == list(essence(whole))
