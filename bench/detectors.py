"""Detector types: forests against scikit-learn's `score_samples`, µs per event, bytes per series, what a dump costs.

    python -m bench.detectors

Limit and forest alternate in the same run; CPU time, median of rounds. The models come from the same job.
"""

from __future__ import annotations

import gc
import statistics
import tracemalloc
from random import Random
from time import process_time
from typing import Any

import numpy as np
from sklearn.ensemble import IsolationForest as Reference

from eventflow.detectors.adaptive import Adaptive
from eventflow.detectors.isolation_forest import IsolationForest
from eventflow.detectors.isolation_forest.forest import read, score_of
from eventflow.detectors.isolation_forest.job import Job
from eventflow.detectors.isolation_forest.training import grow
from eventflow.detectors.threshold import Threshold
from eventflow.plugin import DetectorContext, Rows
from eventflow.plugin.one_series import detector_type

ROUNDS = 7
DICE = Random(1)


class Jump:
    """The distance to the value before: what the short way of writing a type costs."""

    name = "jump"

    def __init__(self) -> None:
        self.last = 0.0

    def update(self, value: float) -> float:
        """The distance."""
        score = abs(value - self.last)
        self.last = value
        return score


TYPES: list[tuple[type, dict[str, Any], int]] = [
    (Threshold, {"above": 150}, 1),
    (Adaptive, {}, 1),
    (detector_type(Jump), {}, 1),
    (IsolationForest, {}, 1),
    (IsolationForest, {}, 8),
]


def seconds(work, least=0.02) -> float:
    """CPU seconds of one call."""
    began, calls = process_time(), 0
    while process_time() - began < least:
        work()
        calls += 1
    return (process_time() - began) / calls


def forests() -> None:
    print("forest of 100 trees x 256, made from 4,096 rows; µs per event, ÷ = times faster than score_samples")
    for width in (1, 8):
        forest(width)


def forest(width: int) -> None:
    learned = np.random.default_rng(0).normal(size=(4096, width)).astype(np.float32)
    reference = Reference(n_estimators=100, max_samples=256, random_state=5).fit(learned)
    job = Job(trees=100, sample=256, seed=5, width=width, rows=learned.tobytes())
    made = grow(job)
    ours = read(made)
    asked = np.random.default_rng(1).normal(size=(20_000, width)).astype(np.float32) * 1.5
    rows = [tuple(row) for row in asked.astype(float).tolist()]
    expected = -reference.score_samples(asked)
    apart = max(abs(a - score_of(b)) for a, b in zip(expected.tolist(), ours.strangeness(rows), strict=True))
    print(f"  {width} features: model {len(made):,} bytes, greatest difference {apart:.1e}")
    for batch in (1, 10, 256):
        theirs, mine = [], []
        for turn in range(ROUNDS):
            some = slice(turn * batch, (turn + 1) * batch)
            theirs.append(seconds(lambda some=some: reference.score_samples(asked[some])) / batch * 1e6)
            mine.append(seconds(lambda part=rows[some]: ours.strangeness(part)) / batch * 1e6)
        limit, got = statistics.median(theirs), statistics.median(mine)
        print(f"    batch {batch:4d}: score_samples {limit:9.1f}   ours {got:6.2f}   ÷ {limit / got:8.0f}")
    taken = statistics.median(seconds(lambda: read(made)) for _ in range(ROUNDS))
    grown = seconds(lambda: grow(job), 0.3)
    print(f"    making it {grown * 1e3:.0f} ms in the child, taking it over {taken * 1e3:.2f} ms")


def new(kind: type, config: dict[str, Any], width: int) -> Any:
    names = tuple(f"f{at}" for at in range(width))
    return kind(kind.Config(**config), DetectorContext(features=names))


def batch_of(slots: list[int], width: int, at: int) -> Rows:
    when = [at * 1_000_000] * len(slots)
    return Rows(slots, when, when, [tuple(DICE.gauss(100, 5) for _ in range(width)) for _ in slots])


def trained(kind: type, config: dict[str, Any], width: int, series: int) -> tuple[Any, list[int]]:
    """A detector past its warm-up, and the slots of so many series."""
    detector = new(kind, config, width)
    slots = [detector.series(f"host-{at}", "") for at in range(series)]
    for turn in range(max(20, 300 // series)):
        detector.update_many(batch_of(slots, width, turn))
    for fit in detector.fits():
        detector.give(fit.model, detector.fit(fit.job))
        detector.update_many(batch_of(slots, width, fit.due // 1_000_000 + 1))
    return detector, slots


def speed() -> None:
    print("\nµs per event (score and learn), calls of so many rows, each of another series")
    for kind, config, width in TYPES:
        line = []
        for batch in (1, 10, 256, 4096):
            detector, slots = trained(kind, config, width, batch)
            rows = batch_of(slots, width, 10_000)
            took = statistics.median(seconds(lambda: detector.update_many(rows), 0.05) for _ in range(3))  # noqa: B023
            line.append(f"{took / batch * 1e6:7.2f}")
        print(f"  {kind.name:18s} {width} feature{'s' if width > 1 else ' '}", *line)


def memory() -> None:
    print("\nbytes per series (all of it, names included), 100,000 series; a dump after 10,000 of them changed")
    for kind, config, width in TYPES[:4]:
        gc.collect()
        tracemalloc.start()
        detector = new(kind, config, width)
        slots = [detector.series(f"host-{at}", "") for at in range(100_000)]
        detector.update_many(batch_of(slots, width, 0))
        gc.collect()
        size = tracemalloc.get_traced_memory()[0] / len(slots)
        tracemalloc.stop()
        detector.dump()
        detector.update_many(batch_of(slots[:10_000], width, 1))
        began = process_time()
        parts = detector.dump()
        took = process_time() - began
        saved = sum(len(name) + len(part or b"") for name, part in parts.items()) / 1e3
        print(f"  {kind.name:18s} {size:7.0f} bytes   dump {took * 1e3:6.1f} ms, {saved:8.1f} kB, {len(parts)} parts")


def main() -> None:
    forests()
    speed()
    memory()


if __name__ == "__main__":
    main()
