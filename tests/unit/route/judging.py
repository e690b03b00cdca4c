"""Short ways to write condition triggers and streams of samples, and to decide them whatever the cut."""

from __future__ import annotations

import math
import random

from eventflow.model.detection import Bounds, Condition, DetectorSpec, Judging
from eventflow.model.workflow import Selector, Trigger
from eventflow.plugin.one_series import detector_type, find_detector
from eventflow.route.effects import Effects
from eventflow.route.fitting import make_due, pieces
from eventflow.route.memory import Memory
from tests.unit.route import house

SECOND = house.SECOND
MINUTE = 60 * SECOND


def condition(id_="t", kind="threshold", *, event="test.*", key="event.data.key", judging=None, spec=None, **fields):
    own = {"for_", "clear_for", "fire_on"}
    judged = {name: fields.pop(name) for name in own & fields.keys()}
    config = fields.pop("config", {"above": 10.0} if kind == "threshold" else {})
    detector = DetectorSpec(type=kind, config=config, judging=Judging(**(judging or {})), **(spec or {}))
    value = None if detector.features else "event.data.v"
    return Trigger(
        id=id_, type="condition", selector=Selector(event=event), key=key,
        condition=Condition(value=value, detector=detector, **judged), **fields,
    )  # fmt: skip


def forest(id_="forest", **fields):
    """A forest that is trained after a few rows and again soon."""
    train = {"window": 64, "min_samples": 20, "retrain_every": 40}
    return condition(
        id_, "isolation_forest", config={"trees": 10, "sample": 16, "train": train},
        judging={"sensitivity": 20.0, "warmup": Bounds(above=60.0)}, **fields,
    )  # fmt: skip


def front(*triggers, number=1, find=find_detector, **fields):
    found = house.front(house.workflow(*triggers, **fields), number=number, find=find)
    assert not found.rules.broken, found.rules.broken
    return found


def decide(one, records, memory, partition=0, partitions=1):
    """As the router does it: in pieces, with the models that are due."""
    whole = Effects()
    for piece in pieces(records, one.rules):
        if piece:
            make_due(memory, one.rules, piece[-1].log_time)
        effects = house.run(one, piece, memory, partition, partitions)
        whole.add(effects)
    return whole


def keep(memory, slots):
    """A checkpoint."""
    for name, data in memory.dump().items():
        if data is None:
            slots.pop(name, None)
        else:
            slots[name] = data
    return slots


def loaded(slots, guarded=frozenset()):
    memory = Memory(guarded=guarded)
    memory.load(slots)
    return memory


def image(memory, slots=None):
    """All that is remembered, detectors included, whenever it was written."""
    return loaded(keep(memory, {} if slots is None else slots)).image()


def essence(effects):
    return (
        effects.firings, effects.outcomes, effects.dead, effects.forwards, effects.arrivals, effects.deliveries,
        effects.outbox,
    )  # fmt: skip


def sample(offset, key, value, at, id_=None, partition=0):
    data = house.event(id_ or f"{key}{offset}", key=key, v=value)
    return house.record(offset, data, at, partition)


def noisy(seed, rows, *, mean=50.0, spread=5.0, keys="abc", gap=10 * SECOND, spikes=0.02):
    """Samples of some series with spikes, gaps, repeats and values that are none."""
    chance, at, records = random.Random(seed), 0, []
    for offset in range(rows):
        at += int(chance.expovariate(1.0) * gap)
        key = chance.choice(keys)
        value = chance.gauss(mean, spread)
        if chance.random() < spikes:
            value += chance.choice((-1, 1)) * 40 * spread
        if chance.random() < 0.02:
            value = chance.choice((None, "high", True))
        id_ = f"{key}{offset}" if chance.random() > 0.05 else f"{key}{max(0, offset - 3)}"
        records.append(sample(offset, key, value, at, id_))
    return records


def feed(one, memory, values, *, start=0, gap=MINUTE, key="k", offset=0):
    """(states after each row by the verdict ring, effects) of one series."""
    codes, whole = [], Effects()
    for n, value in enumerate(values):
        shown = None if value is None or math.isnan(value) else value
        effects = decide(one, [sample(offset + n, key, shown, start + n * gap)], memory)
        whole.add(effects)
        series = memory.watched.series.get(("w", "t"), {}).get(key)
        codes.append(list(series.notes())[-1][3] if series is not None and series.recent else None)
    return codes, whole


class Far:
    """The value itself: learns nothing, so what is far stays far."""

    name = "jump"

    def update(self, value: float) -> float:
        return abs(value)


def made(short):
    return detector_type(short)


def named(name, short):
    """`find` for a test: this class by its name, the others as they are."""
    return detector_type(short) if name == short.name else find_detector(name)
