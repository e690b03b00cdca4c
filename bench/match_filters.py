"""Ten typical filters, compiled, against the same as hand-written Python lambdas: µs per event, alternating, in one
run.

    python bench/match_filters.py

The goal is a ratio of at most 1.3. A lambda does what a person would write: no guards, no errors told apart.
"""

from __future__ import annotations

import re
import statistics
import sys
from pathlib import Path
from random import Random
from time import process_time
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from eventflow.match import Env
from eventflow.match import compile as compiled

VERSION = re.compile("^v[0-9]+")
FILTERS = [
    (
        (
            "event.type == 'alert' && event.data.severity in ['critical', 'high'] && event.data.cpu > 90.0 "
            "&& event.data.host.startsWith('web')"
        ),
        lambda e: (
            e["type"] == "alert"
            and (d := e["data"])["severity"] in {"critical", "high"}
            and d["cpu"] > 90.0
            and d["host"].startswith("web")
        ),
    ),
    (
        "event.kind == 'git.push' && event.data.branch == 'main'",
        lambda e: e["kind"] == "git.push" and e["data"]["branch"] == "main",
    ),
    (
        "event.data.labels.env == 'prod' && event.data.labels.team == 'core'",
        lambda e: e["data"]["labels"]["env"] == "prod" and e["data"]["labels"]["team"] == "core",
    ),
    ("event.data.cpu > 80 || event.data.mem > 80", lambda e: e["data"]["cpu"] > 80 or e["data"]["mem"] > 80),
    (
        "has(event.data.runbook) && event.data.count >= 100",
        lambda e: "runbook" in e["data"] and e["data"]["count"] >= 100,
    ),
    (
        "event.data.tags.exists(t, t == 'tag7' || t.startsWith('tag1'))",
        lambda e: any(t == "tag7" or t.startswith("tag1") for t in e["data"]["tags"]),
    ),
    (
        "event.data.summary.contains('limit') && !event.data.firing",
        lambda e: "limit" in e["data"]["summary"] and not e["data"]["firing"],
    ),
    (
        "event.data.mem * 1.5 < 100.0 && size(event.data.tags) > 3",
        lambda e: e["data"]["mem"] * 1.5 < 100.0 and len(e["data"]["tags"]) > 3,
    ),
    (
        "get(event, 'data.labels.rack', '') != 'r1' && event.data.region != 'eu-west-1'",
        lambda e: e.get("data", {}).get("labels", {}).get("rack", "") != "r1" and e["data"]["region"] != "eu-west-1",
    ),
    (
        "at_least(event.data.severity, 'high') && event.source.endsWith('7')",
        lambda e: RANK[e["data"]["severity"]] >= 2 and e["source"].endswith("7"),
    ),
]
RANK = {"info": -1, "low": 0, "medium": 1, "high": 2, "critical": 3}


def event(random: Random) -> dict[str, Any]:
    return {
        "id": "1",
        "source": f"/alerts/{random.randrange(20)}",
        "type": random.choice(("alert", "alert", "git.push")),
        "kind": random.choice(("git.push", "alert.firing")),
        "subject": None,
        "data": {
            "host": f"{random.choice(('web', 'db'))}-{random.randrange(400)}",
            "severity": random.choice(("critical", "high", "medium", "low")),
            "cpu": round(random.uniform(0, 100), 2),
            "mem": round(random.uniform(0, 100), 2),
            "branch": random.choice(("main", "dev")),
            "labels": {
                "team": random.choice(("core", "edge")),
                "env": random.choice(("prod", "stage")),
                "rack": f"r{random.randrange(4)}",
            },
            "tags": [f"tag{random.randrange(500)}" for _ in range(6)],
            "firing": random.random() < 0.5,
            "count": random.randrange(1000),
            "region": random.choice(("eu-west-1", "us-east-1")),
            "runbook": None,
            "summary": "CPU above limit for host; " * 20,
        },
    }


def once(run: Any, items: list[Any], rounds: int) -> float:
    start = process_time()
    for _ in range(rounds):
        for item in items:
            run(item)
    return (process_time() - start) / rounds / len(items) * 1e6


def main() -> None:
    random = Random(7)
    items = [event(random) for _ in range(400)]
    env = Env({"event": None})
    ratios = []
    print(
        f"# python {sys.version.split()[0]}; µs per event: hand-written, compiled, exact; median of 9 alternating pairs"
    )
    for text, by_hand in FILTERS:
        program = compiled(text, env)
        run = program.over("event")
        assert [run(e) for e in items] == [by_hand(e) for e in items], text
        pairs = [(once(by_hand, items, 40), once(run, items, 40)) for _ in range(9)]
        ratio = statistics.median(b / a for a, b in pairs)
        exact = once(lambda e, p=program: p.evaluate_exactly({"event": e}), items, 1)
        ratios.append(ratio)
        a, b = (statistics.median(p[n] for p in pairs) for n in (0, 1))
        print(f"{a:7.3f} {b:7.3f} {exact:7.1f}   ÷ {ratio:4.2f}   {text}")
    print(
        f"compiled ÷ hand-written: median {statistics.median(ratios):.2f}, "
        f"mean {statistics.mean(ratios):.2f}, worst {max(ratios):.2f}"
    )


if __name__ == "__main__":
    main()
