"""The index against every compiled filter one by one and against one generated function, for 1 to 50,000 triggers.

    python bench/match_index.py [--quick]

"selective" triggers each name one of 200 services, "broad" ones do not; 4 to 7 conjuncts each, one in five with a part
that no index can look up. Limits and index alternate in the same run; CPU time, median of passes. Also: decoding and
matching together, time to build, memory, the projection against orjson.loads.
"""

from __future__ import annotations

import gc
import statistics
import sys
import tracemalloc
from pathlib import Path
from random import Random
from time import process_time
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import orjson

from eventflow.match import Env, EvaluationError, Index, Selector
from eventflow.match import compile as compiled
from eventflow.match.index.reading import Reader
from eventflow.match.index.rules import rules_of
from eventflow.match.index.settling import Settling
from eventflow.match.index.tree import Tree

ENV = Env({"event": None})


def filters(count: int, kind: str, seed: int = 7) -> list[str]:
    r = Random(seed)
    out = []
    for _ in range(count):
        parts = ["event.type == 'alert'"]
        if kind == "selective":
            parts.append(f"event.data.service == 'svc-{r.randrange(200)}'")
        levels = r.sample(["critical", "high", "medium", "low", "info"], 2)
        parts.append(f"event.data.severity in ['{levels[0]}', '{levels[1]}']")
        parts.append(f"event.data.cpu > {round(r.uniform(60, 99), 1)}")
        if r.random() < 0.5:
            parts.append(f"event.data.host.startsWith('{r.choice(['web', 'db', 'cache', 'api', 'queue'])}')")
        if r.random() < 0.3:
            parts.append(f"event.data.labels.team == '{r.choice(['core', 'edge', 'data', 'pay'])}'")
        if r.random() < 0.3:
            parts.append(f"event.data.metrics.m{r.randrange(12)} < {round(r.uniform(100, 900))}")
        if r.random() < 0.2:
            parts.append(f"'tag{r.randrange(500)}' in event.data.tags")
        out.append(" && ".join(parts))
    return out


def events(count: int) -> list[dict[str, Any]]:
    return [event(Random(i)) for i in range(count)]


def event(r: Random) -> dict[str, Any]:
    data = {
        "host": f"{r.choice(['web', 'db', 'cache', 'api', 'queue'])}-{r.randrange(400):03d}.eu-west-1.example.net",
        "severity": r.choice(["critical", "high", "medium", "low", "info"]),
        "cpu": round(r.uniform(0, 100), 2),
        "mem": round(r.uniform(0, 100), 2),
        "load": [round(r.uniform(0, 8), 2) for _ in range(3)],
        "service": f"svc-{r.randrange(200)}",
        "region": r.choice(["eu-west-1", "us-east-1"]),
        "labels": {
            "team": r.choice(["core", "edge", "data", "pay"]),
            "env": r.choice(["prod", "stage"]),
            "rack": f"r{r.randrange(64)}",
            "version": "1.2.3",
        },
        "metrics": {f"m{k}": round(r.uniform(0, 1000), 3) for k in range(12)},
        "tags": [f"tag{r.randrange(500)}" for _ in range(6)],
        "firing": r.random() < 0.5,
        "count": r.randrange(10000),
        "runbook": None,
    }
    data["summary"] = ("CPU above limit for host; " * 60)[: max(0, 1024 - len(orjson.dumps(data)) - 13)]
    return {
        "specversion": "1.0",
        "id": f"{r.randrange(2**60):016x}",
        "source": f"/alerts/prom/{r.randrange(20)}",
        "type": r.choice(["alert", "alert", "git.push", "slack.command", "email"]),
        "subject": f"host/{r.randrange(400)}",
        "time": "2026-03-01T12:00:00.123456Z",
        "datacontenttype": "application/json",
        "data": data,
    }


def passes(run: Any, items: list[Any], least: float) -> float:
    """µs per item."""
    count, start = 0, process_time()
    while True:
        for item in items:
            run(item)
        count += len(items)
        spent = process_time() - start
        if spent >= least:
            return spent / count * 1e6


def chain(programs: list[Any]) -> Any:
    runs = list(enumerate([p.over("event") for p in programs]))

    def run(e: dict[str, Any]) -> list[int]:
        out = []
        for n, test in runs:
            try:
                if test(e):
                    out.append(n)
            except EvaluationError:
                pass
        return out

    return run


def generated(index: Index) -> Any:
    """One function over all triggers, each field read once: what is best below the crossover."""
    run = Tree([rule for n, one in enumerate(index.entries) for rule in rules_of(n, one)]).build(Reader())

    settled = Settling(index.entries, None, split=False).settled

    def match(e: dict[str, Any]) -> Any:
        out: list[int] = []
        more: list[Any] = []
        run(e, out, more)
        return settled(e, out, more) if more else out

    return match


def main(sizes: tuple[int, ...], rounds: int) -> None:
    items = events(400)
    lines = [orjson.dumps(e) for e in items]
    print(
        f"# python {sys.version.split()[0]}; events of {sum(map(len, lines)) // len(lines)} bytes; "
        f"µs per event, median of {rounds} alternating passes"
    )
    for kind in ("selective", "broad"):
        print(
            f"{kind:10s} triggers  hits/event    index  decode+match    chain  generated"
            "   build ms  memory MB  projection÷loads"
        )
        for size in sizes:
            row(kind, size, items, lines, rounds)


def row(kind: str, size: int, items: list[Any], lines: list[bytes], rounds: int) -> None:
    programs = [compiled(text, ENV) for text in filters(size, kind)]
    for program in programs:
        _ = program.paths
    entries = [Selector(n, program=p) for n, p in enumerate(programs)]
    gc.collect()
    start = process_time()
    index = Index(entries)
    build = process_time() - start
    on_bytes = Index(entries)
    read = on_bytes.projection()
    on_bytes.match(read(lines[0]))
    one = chain(programs) if size <= 10_000 else None
    all_in_one = generated(index) if size <= 1_000 else None
    wanted = [index.candidates(e) for e in items]
    if one is not None:
        assert wanted[:40] == [one(e) for e in items[:40]]
    assert wanted == [on_bytes.candidates(read(line)) for line in lines]
    figures: dict[str, list[float]] = {"index": [], "both": [], "chain": [], "generated": [], "loads": [], "read": []}
    few = items[: max(8, min(400, 40_000 // size))]
    for _ in range(rounds):
        figures["index"].append(passes(index.match, items, 0.1))
        figures["both"].append(passes(lambda line: on_bytes.match(read(line)), lines, 0.1))
        if one is not None:
            figures["chain"].append(passes(one, few, 0.1))
        if all_in_one is not None:
            figures["generated"].append(passes(all_in_one, items, 0.1))
        figures["loads"].append(passes(orjson.loads, lines, 0.1))
        figures["read"].append(passes(read, lines, 0.1))
    mid = {name: statistics.median(v) if v else float("nan") for name, v in figures.items()}
    ratio = statistics.median(a / b for a, b in zip(figures["read"], figures["loads"], strict=True))
    print(
        f"{'':10s} {size:8d} {sum(map(len, wanted)) / len(wanted):11.2f} {mid['index']:8.2f} {mid['both']:13.2f}"
        f" {mid['chain']:8.1f} {mid['generated']:10.2f}"
        f" {build * 1e3:10.1f} {memory(entries, items):10.1f} {ratio:10.2f}"
    )


def memory(entries: list[Selector], items: list[Any]) -> float:
    """MB of an index that has met every event, without the programs it is made of."""
    gc.collect()
    tracemalloc.start()
    index = Index(entries)
    for item in items[:100]:
        index.match(item)
    gc.collect()
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del index
    return used / 1e6


if __name__ == "__main__":
    if "--quick" in sys.argv:
        main((1, 10, 100, 1000), 3)
    else:
        main((1, 10, 50, 100, 1_000, 10_000, 50_000), 5)
