"""What condition triggers cost in the router: 1,000 of them over 10,000 series at full load, against the same stream
without them, and 100,000 series resident with a checkpoint of 10,000 changed ones.

CPU time, alternating, median of five; `python -m bench.detect_router`.
"""

import gc
import resource
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from eventflow.model.detection import Condition, DetectorSpec
from eventflow.model.event import Event, from_micros
from eventflow.model.record import Record
from eventflow.model.workflow import Catalogue, Match, Selector, Trigger, Workflow
from eventflow.plugin.one_series import find_detector
from eventflow.route.decide import decide
from eventflow.route.memory import Memory
from eventflow.route.rules import Front, Rules, Waits
from eventflow.route.takeover import take_over

START = 1_800_000_000_000_000
TRIGGERS = 1_000
SERIES = 10
EVENTS = 100_000


def samples(count: int, triggers: int = TRIGGERS, series: int = SERIES, start: int = 0) -> Iterator[Record]:
    """Each event is a sample of one trigger's series; value and time move as metrics do."""
    for n in range(start, start + count):
        service, pod = n % triggers, n // triggers % series
        data = {
            "name": "http_p95_ms", "service": f"service-{service}", "pod": f"pod-{pod}", "env": "prod",
            "value": 100 + (n * 2_654_435_761 % 1000) / 50,
        }  # fmt: skip
        one = Event(
            id=f"e{n}", source="https://metrics.example.com", type="metric.sample", kind="metric.sample",
            subject=f"service-{service}", time=from_micros(START + n * 10_000), data=data,
        )  # fmt: skip
        yield Record(0, n, START + n * 10_000, one.encode())


def front(kind: str, triggers: int = TRIGGERS) -> Front:
    """`kind`: a detector type; "" for no trigger that wants the samples; "cooldown" for stateful event triggers."""
    workflows = {}
    for n in range(triggers):
        where = Selector(event="metric.sample", match=(Match("event.data.service", (f"service-{n}",)),))
        config = {"above": 1000.0} if kind == "threshold" else {}
        condition = Condition(value="event.data.value", detector=DetectorSpec(type=kind, config=config))
        if kind == "cooldown":
            trigger = Trigger(id="t", type="event", selector=where, key="event.data.pod", cooldown=10**15)
        elif kind:
            trigger = Trigger(id="t", type="condition", selector=where, key="event.data.pod", condition=condition)
        else:
            bare = Selector(event=where.event, match=where.match, filter="event.data.value > 1000.0")
            trigger = Trigger(id="t", type="event", selector=bare)
        workflows[f"w{n}"] = Workflow(id=f"w{n}", name=f"w{n}", triggers=(trigger,))
    rules = Rules(Catalogue(1, workflows), find=find_detector)
    assert not rules.broken, rules.broken
    return Front(rules, Waits({}))


def fresh(one: Front) -> Memory:
    """The memory of a partition that takes these rules over."""
    memory = Memory()
    take_over(memory, one.rules, partition=0, partitions=1, now=START, wall=START)
    return memory


def run(one: Front, memory: Memory, records: list[Record], batch: int = 1000) -> float:
    """CPU seconds to decide them."""
    began = time.process_time()
    for at in range(0, len(records), batch):
        decide(records[at : at + batch], memory, one, partition=0, partitions=1)
    return time.process_time() - began


def load() -> None:
    """1,000 triggers over 10,000 series ÷ the same stream without detectors."""
    records = list(samples(EVENTS))
    plain, fronts = front(""), {kind: front(kind) for kind in ("cooldown", "threshold", "adaptive")}
    memories = {kind: fresh(one) for kind, one in fronts.items()}
    offset = 0
    for kind, one in fronts.items():
        run(one, memories[kind], records)
        bare, judged = [], []
        for _ in range(5):
            offset += EVENTS
            again = list(samples(20_000, start=offset))
            bare.append(run(plain, fresh(plain), again))
            judged.append(run(one, memories[kind], again))
        ratio = statistics.median(b / j for b, j in zip(bare, judged, strict=True))
        per = statistics.median(judged) / 20_000 * 1e6
        print(
            f"1,000 {kind} triggers over 10,000 series ÷ without detectors: {ratio:.2f} "
            f"({statistics.median(bare) / 20_000 * 1e6:.1f} → {per:.1f} µs an event)"
        )


def few() -> None:
    """The same 10,000 series in 10 triggers: a batch brings a detector a hundred rows."""
    one = front("adaptive", 10)
    memory = fresh(one)
    run(one, memory, list(samples(20_000, 10, 1000)))
    took = [run(one, memory, list(samples(20_000, 10, 1000, start=20_000 * (n + 1)))) for n in range(5)]
    print(f"10 adaptive triggers over 10,000 series: {statistics.median(took) / 20_000 * 1e6:.1f} µs an event")


def resident(kind: str = "adaptive", series: int = 100_000) -> None:
    """100,000 series: memory, and a checkpoint of 10,000 changed ones."""
    one = front(kind, 100)
    gc.collect()
    before, memory = _rss(), fresh(one)
    for at in range(0, series * 2, 10_000):
        run(one, memory, list(samples(10_000, 100, series // 100, start=at)))
    gc.collect()
    held = _rss() - before
    count = sum(map(len, memory.watched.series.values()))
    began = time.process_time()
    whole = memory.dump()
    first = time.process_time() - began
    run(one, memory, list(samples(10_000, 100, series // 100, start=series * 2)))
    changed = len(memory.watched.dirty)
    began = time.process_time()
    slots = memory.dump()
    took = time.process_time() - began
    size = sum(len(name) + len(data or b"") for name, data in slots.items())
    print(
        f"{count:,} {kind} series: {held / 1e6:.0f} MB resident; whole dump {first:.2f} s, "
        f"{sum(len(data or b'') for data in whole.values()) / 1e6:.0f} MB; checkpoint of {changed:,} changed: "
        f"{took * 1000:.0f} ms, {len(slots):,} slots, {size / 1e6:.1f} MB"
    )


def _rss() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()


def main() -> None:
    """All parts, or those that are named."""
    parts = {"load": load, "few": few, "resident": resident}
    for name in sys.argv[1:] or parts:
        parts[name]()


if __name__ == "__main__":
    main()
