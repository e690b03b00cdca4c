"""Every metric of eventflow: name, labels, meaning; in one table, from which the reference page is made.

One `Metrics` belongs to one house (two embedded ones in a process do not mix). Rooms count on its attributes; labels
are closed lists or names out of settings and catalogue, never something that a sender chose.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
FAST = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
SLOW = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0, 86400.0)


class Meter(msgspec.Struct, frozen=True):
    """One metric: its name without the prefix `eventflow_`, as the attribute of `Metrics` is called."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = FAST


METERS: Final = (
    Meter("events_accepted", "counter", "Events that the bus has for good.", ("source",)),
    Meter("events_duplicate", "counter", "Events answered as known already.", ("source",)),
    Meter(
        "events_clamped", "counter", "Events whose time lay more than 5 minutes ahead and was set back.", ("source",)
    ),
    Meter("requests_refused", "counter", "Requests that were refused or shed, by problem code.", ("code",)),
    Meter("accept_seconds", "histogram", "From a request's body to its events being stored."),
    Meter("accept_waiting_bytes", "gauge", "Bodies that are read and not yet stored."),
    Meter("connections", "gauge", "Open connections.", ("listener",)),
    Meter("log_bytes", "gauge", "Size of the log on disk."),
    Meter("records_decided", "counter", "Records of the log that the router has decided.", ("partition",)),
    Meter("router_lag_seconds", "gauge", "Age of the oldest record that is not decided.", ("partition",)),
    Meter("commit_seconds", "histogram", "One commit of the router."),
    Meter("outcomes", "counter", "What triggers made of events.", ("workflow", "trigger", "reason")),
    Meter("dead_letters", "counter", "Records that could not be decided.", ("workflow",)),
    Meter("partitions_halted", "gauge", "Partitions that cannot go on without a person."),
    Meter("runs_created", "counter", "Runs by the status they were created with.", ("workflow", "status")),
    Meter("runs_ended", "counter", "Runs that ended.", ("workflow", "status")),
    Meter("run_seconds", "histogram", "From the creation of a run to its end.", ("workflow",), SLOW),
    Meter("runs_open", "gauge", "Runs that are worked on by this process now."),
    Meter("attempts", "counter", "Calls of actions by how they ended.", ("action", "result")),
    Meter("attempt_seconds", "histogram", "One call of an action.", ("action",), SLOW),
    Meter("outbox_published", "counter", "Events that the engine said."),
    Meter("loop_lag_seconds", "histogram", "How late the event loop runs what is due."),
    Meter("check_ready", "gauge", "1 where a check of health says ready, else 0.", ("check",)),
)
"""All of them, in the order of an event's way. Counters end in `_total` in the exposition."""


class Metrics:
    """The metrics of one house."""

    events_accepted: Counter
    events_duplicate: Counter
    events_clamped: Counter
    requests_refused: Counter
    accept_seconds: Histogram
    accept_waiting_bytes: Gauge
    connections: Gauge
    log_bytes: Gauge
    records_decided: Counter
    router_lag_seconds: Gauge
    commit_seconds: Histogram
    outcomes: Counter
    dead_letters: Counter
    partitions_halted: Gauge
    runs_created: Counter
    runs_ended: Counter
    run_seconds: Histogram
    runs_open: Gauge
    attempts: Counter
    attempt_seconds: Histogram
    outbox_published: Counter
    loop_lag_seconds: Histogram
    check_ready: Gauge

    def __init__(self) -> None:
        """All at zero."""
        self.registry = CollectorRegistry()
        for meter in METERS:
            setattr(self, meter.name, self._make(meter))

    def _make(self, meter: Meter) -> Counter | Gauge | Histogram:
        name = f"eventflow_{meter.name}"
        if meter.kind == "histogram":
            return Histogram(name, meter.help, meter.labels, buckets=meter.buckets, registry=self.registry)
        kind = Counter if meter.kind == "counter" else Gauge
        return kind(name, meter.help, meter.labels, registry=self.registry)

    def expose(self) -> bytes:
        """All of them in the Prometheus text format; see `CONTENT_TYPE`."""
        return generate_latest(self.registry)


def reference() -> str:
    """The reference page, made from the table."""
    rows = [
        f"| `eventflow_{meter.name}{'_total' if meter.kind == 'counter' else ''}` | {meter.kind} | "
        f"{', '.join(f'`{label}`' for label in meter.labels) or '–'} | {meter.help} |"
        for meter in METERS
    ]
    head = [
        "# Metrics",
        "",
        "`GET /metrics` on the private listener, with a token that carries `metrics:read`, in the Prometheus text",
        "format. Labels are names from settings and catalogue or closed lists; a sender of events cannot add any.",
        "",
        "| metric | kind | labels | meaning |",
        "|---|---|---|---|",
    ]
    return "\n".join([*head, *rows]) + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(reference())
