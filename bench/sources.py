"""What a source costs: CPU from an authentic delivery to lines for the log, without socket and disk.

    python -m bench.sources

The limit beside each: check the same credentials and `orjson.loads` the body, alternately in one process. Inputs are
recorded deliveries (tests/fixtures/payloads); the group of 50 is one recorded alert with 50 labels.
"""

from __future__ import annotations

import hmac
import json
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from eventflow.ingest.drafts import Drafts
from eventflow.ingest.mapping import SourceMapping
from eventflow.plugin import Delivery, SourceContext
from eventflow.sources.alertmanager import Alertmanager
from eventflow.sources.github import GitHub
from eventflow.sources.gitlab import GitLab

if TYPE_CHECKING:
    from collections.abc import Callable

    from eventflow.plugin import Source

PAYLOADS = Path(__file__).parents[1] / "tests/fixtures/payloads"
SECRET = b"bench-secret-0123456789abcdef0123"
ROUNDS, SECONDS = 7, 0.15


def hub(name: str, event: str) -> tuple[Source, Delivery]:
    body = (PAYLOADS / "github" / name).read_bytes()
    shown = {"x-github-event": event, "x-hub-signature-256": "sha256=" + hmac.new(SECRET, body, "sha256").hexdigest()}
    return GitHub(SourceContext("hub", {}, [SECRET])), delivery(body, shown | {"x-github-delivery": "d"})


def lab(name: str) -> tuple[Source, Delivery]:
    body = (PAYLOADS / "gitlab" / name).read_bytes()
    shown = {"x-gitlab-token": SECRET.decode(), "idempotency-key": "k"}
    return GitLab(SourceContext("lab", {}, [SECRET])), delivery(body, shown)


def group(size: int) -> tuple[Source, Delivery]:
    found = json.loads((PAYLOADS / "alertmanager/live-down-firing-3-007.json").read_bytes())
    one = found["alerts"][0]
    found["alerts"] = [
        one | {"fingerprint": f"{n:016x}", "labels": one["labels"] | {"instance": f"host-{n}:9100"}}
        for n in range(size)
    ]
    body = json.dumps(found, separators=(",", ":"), ensure_ascii=False).encode()
    source = Alertmanager(SourceContext("am", {}, [SECRET]))
    return source, delivery(body, {"authorization": f"Bearer {SECRET.decode()}"})


def delivery(body: bytes, headers: dict[str, str]) -> Delivery:
    shown = {"content-type": "application/json"} | headers
    return Delivery(method="POST", path="/in/x", query={}, headers=shown, body=body, received=1_800_000_000_000_000)


def micros(work: Callable[[], Any]) -> float:
    """CPU of one call, in microseconds."""
    done, begun = 0, time.process_time()
    while time.process_time() - begun < SECONDS:
        for _ in range(20):
            work()
        done += 20
    return (time.process_time() - begun) / done * 1e6


def row(name: str, source: Source, sent: Delivery) -> None:
    drafts = Drafts("x", source.name, SourceMapping("x", {}), partitions=1, depth=64)

    def ours() -> None:
        source.verify(sent)
        drafts.finish(source.read(sent), sent)

    def bare() -> None:
        source.verify(sent)
        orjson.loads(sent.body)

    lines, _ = drafts.finish(source.read(sent), sent)
    pairs = [(micros(ours), micros(bare)) for _ in range(ROUNDS)]
    whole = statistics.median(one for one, _ in pairs)
    limit = statistics.median(other for _, other in pairs)
    events = len(lines.entries)
    print(f"{name:34} {len(sent.body):6} B {whole:8.1f} µs {whole / events:7.1f} an event   bare {limit:7.1f} µs   "
          f"{limit / whole:.2f} of it")  # fmt: skip


def main() -> None:
    row("GitHub push", *hub("push._.4.json", "push"))
    row("GitHub pull request", *hub("pull_request.opened.0.json", "pull_request"))
    row("GitLab push", *lab("gp-push-event.json"))
    row("Alertmanager, group of 1", *group(1))
    row("Alertmanager, group of 50", *group(50))


if __name__ == "__main__":
    main()
