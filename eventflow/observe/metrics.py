"""Every metric of eventflow: name, labels, meaning; in one table, from which the reference page is made.

One `Metrics` belongs to one house (two embedded ones in a process do not mix). Rooms count on its attributes; labels
are closed lists or names out of settings and catalogue, never something that a sender chose.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from prometheus_client.core import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
FAST = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Meter(msgspec.Struct, frozen=True):
    """One metric: its name without the prefix `eventflow_`, as the attribute of `Metrics` is called.

    `read` ones are not counted on the way but read from where the truth lies when somebody asks (`Metrics.watch`).
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    read: bool = False
    buckets: tuple[float, ...] = FAST


METERS: Final = (
    Meter("events_accepted", "counter", "Events that the bus has for good.", ("source",)),
    Meter("events_duplicate", "counter", "Events answered as known already.", ("source",)),
    Meter(
        "events_clamped", "counter", "Events whose time lay more than 5 minutes ahead and was set back.", ("source",)
    ),
    Meter("requests_refused", "counter", "Requests that were refused or shed, by problem code.", ("code",)),
    Meter("accept_seconds", "histogram", "From a request's body to its events being stored."),
    Meter("connections", "gauge", "Open connections of all listeners.", read=True),
    Meter("log_end", "gauge", "Offset of the next record of the log.", ("partition",), read=True),
    Meter("records_decided", "counter", "Records of the log that are decided.", ("partition",), read=True),
    Meter("lag_records", "gauge", "Records of the log that are not decided yet.", ("partition",), read=True),
    Meter("bus_publish_seconds", "histogram", "A round of writing to Kafka, until every replica that must has it."),
    Meter(
        "bus_publish_records",
        "histogram",
        "Records of one round of writing to Kafka.",
        buckets=(1, 3, 10, 30, 100, 300, 1000, 3000, 10000),
    ),
    Meter("bus_publish_unclear", "counter", "Rounds of writing to Kafka whose outcome nobody knows.", read=True),
    Meter("bus_rebalances", "counter", "How often Kafka's group has given us partitions.", read=True),
    Meter("commits_fenced", "counter", "Commits that another router had overtaken.", read=True),
    Meter("partitions_halted", "gauge", "Partitions that cannot go on without a person.", read=True),
    Meter("outcomes", "counter", "What triggers made of events.", ("workflow", "trigger", "reason"), read=True),
    Meter(
        "dead_letters_beyond",
        "counter",
        "Dead letters that were counted and not kept, for there are too many; without a workflow: of whole records.",
        ("workflow", "trigger"),
        read=True,
    ),
    Meter("series", "gauge", "Series of condition triggers by state.", ("workflow", "trigger", "state"), read=True),
    Meter("fits", "counter", "Models that were made for detectors, or could not be.", ("result",), read=True),
    Meter("fit_waits", "counter", "How often the router waited for a model that was due.", read=True),
    Meter("fit_wait_seconds", "counter", "How long the router waited for models that were due.", read=True),
    Meter("runs", "gauge", "Runs that are kept, by their status.", ("workflow", "status"), read=True),
    Meter("runs_in_hand", "gauge", "Runs that are worked on by this process now.", read=True),
    Meter("questions", "gauge", "Questions that wait for a person.", read=True),
    Meter("workflows", "gauge", "Workflows in force.", read=True),
    Meter(
        "source_waiting", "gauge", "1 for each source that fetches by itself and cannot now.", ("source",), read=True
    ),
    Meter("trouble", "gauge", "1 for each check of health that says not ready.", ("check",), read=True),
)
"""All of them, in the order of an event's way. Counters end in `_total` in the exposition."""

Reading = tuple[str, tuple[str, ...], float]
"""A metric's name, the values of its labels, and its value now."""


class Metrics:
    """The metrics of one house."""

    events_accepted: Counter
    events_duplicate: Counter
    events_clamped: Counter
    requests_refused: Counter
    accept_seconds: Histogram
    bus_publish_seconds: Histogram
    bus_publish_records: Histogram

    def __init__(self) -> None:
        """All at zero."""
        self.registry = CollectorRegistry()
        for meter in METERS:
            if not meter.read:
                setattr(self, meter.name, self._make(meter))

    def _make(self, meter: Meter) -> Counter | Gauge | Histogram:
        name = f"eventflow_{meter.name}"
        if meter.kind == "histogram":
            return Histogram(name, meter.help, meter.labels, buckets=meter.buckets, registry=self.registry)
        kind = Counter if meter.kind == "counter" else Gauge
        return kind(name, meter.help, meter.labels, registry=self.registry)

    def round_of_bus(self, seconds: float, records: int) -> None:
        """Kafka has acknowledged so many records after so long."""
        self.bus_publish_seconds.observe(seconds)
        self.bus_publish_records.observe(records)

    def expose(self, readings: Iterable[Reading] = ()) -> bytes:
        """All of them in the Prometheus text format (see `CONTENT_TYPE`), with what was read just now."""
        registry = CollectorRegistry()
        registry.register(_Read(list(readings)))
        return generate_latest(self.registry) + generate_latest(registry)


class _Read(Collector):
    """What was read at one moment, as prometheus-client wants it."""

    def __init__(self, readings: Sequence[Reading]) -> None:
        self._readings = readings

    def collect(self) -> Iterator[Metric]:
        for meter in METERS:
            if meter.read:
                kind = CounterMetricFamily if meter.kind == "counter" else GaugeMetricFamily
                family = kind(f"eventflow_{meter.name}", meter.help, labels=meter.labels)
                for name, labels, value in self._readings:
                    if name == meter.name:
                        family.add_metric(labels, value)
                yield family


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
