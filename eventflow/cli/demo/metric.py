"""The labelled metric that streams beside the deliveries: two weeks of a request latency, and where people saw trouble.

A thing of its own because it comes by another door: `POST /events`, as a collector would send it, in portions of some
hundred lines of NDJSON with a token.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from importlib import resources
from typing import Final

NAME: Final = "request_latency"
PORTIONS: Final = 13
"""As many as there are deliveries in the story."""
LABELLED: Final = (
    ("2014-03-14T03:31:00Z", "2014-03-14T14:41:00Z"),
    ("2014-03-18T17:06:00Z", "2014-03-19T04:16:00Z"),
    ("2014-03-20T21:26:00Z", "2014-03-21T03:41:00Z"),
)
"""What the people who knew the server marked: from, to (NAB v1.1)."""


def rows() -> list[tuple[str, float]]:
    """Every sample: time and value."""
    data = (resources.files("eventflow.cli.demo") / "metrics" / f"{NAME}.csv.gz").read_bytes()
    table = csv.DictReader(io.StringIO(gzip.decompress(data).decode()))
    return [(row["timestamp"].replace(" ", "T") + "Z", float(row["value"])) for row in table]


def portions() -> list[bytes]:
    """The samples as CloudEvents, a line each, in portions."""
    lines = [
        json.dumps(
            {
                "specversion": "1.0", "id": f"{NAME}-{number}", "source": "collector", "type": "metric.sample",
                "subject": "api", "time": time, "data": {"name": NAME, "value": value},
            }
        )
        for number, (time, value) in enumerate(rows())
    ]  # fmt: skip
    size = -(-len(lines) // PORTIONS)
    return ["\n".join(lines[at : at + size]).encode() for at in range(0, len(lines), size)]


def label(time: str) -> int | None:
    """Which of the labelled stretches holds this time, if any."""
    return next((number for number, (begin, end) in enumerate(LABELLED) if begin <= time <= end), None)
