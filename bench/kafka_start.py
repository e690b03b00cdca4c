"""A first start with half a million records in Kafka already: time, memory, and whether people get through.

A whole `eventflow serve` on the tests' own broker. Meanwhile a workflow is started by hand, over and over: that goes by
the control topic and must not wait for the data before it.
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
import time
import urllib.error
from pathlib import Path

import orjson

from bench.kafka import BATCH, PARTITIONS, bus_of, foreign, quiet, with_broker
from bench.route import KINDS, events
from bench.serving import Server
from bench.walk import quantiles
from eventflow.model.record import Entry

BACKLOG, TRIGGERS, TOPIC = 500_000, 20, "bench-backlog"
SHADOW = """metadata: {{name: "w{number}"}}
mode: shadow
triggers:
  - id: t
    type: event
    config:
      event: {kind}
      filter: event.data.service == 'service-{number}' && event.data.name == 'Rule{number}'
steps:
  - {{name: s, uses: debug.log, with: {{message: m}}}}
"""
BY_HAND = """metadata: {name: "by-hand"}
triggers:
  - {id: t, type: event, config: {event: never}}
steps:
  - {name: s, uses: debug.log, with: {message: m}}
"""


async def stock(bootstrap: str) -> None:
    """Fill the topic with events that strangers have written."""
    bus = bus_of(bootstrap, TOPIC)
    await bus.open()
    stock = [foreign(orjson.loads(record.data)) for record in events(10_000)]
    for start in range(0, BACKLOG, BATCH):
        some = (stock[n % len(stock)] | {"id": f"b{n}"} for n in range(start, start + BATCH))
        await bus.publish([Entry(start // BATCH % PARTITIONS, orjson.dumps(event)) for event in some])
    await bus.close()


class Asking(threading.Thread):
    """Starts a workflow by hand, over and over; `stored` and `there` are seconds to the answer and to the run."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self.server, self.ended = server, threading.Event()
        self.stored: list[float] = []
        self.there: list[float] = []

    def run(self) -> None:
        """Until `ended`."""
        while not self.ended.wait(0.1):
            began = time.monotonic()
            run = orjson.loads(self.server.ask("/api/v1/workflows/by-hand/run", b"{}"))["run"]
            self.stored.append(time.monotonic() - began)
            while not self._there(run):
                time.sleep(0.005)
            self.there.append(time.monotonic() - began)

    def _there(self, run: str) -> bool:
        try:
            return bool(self.server.ask(f"/api/v1/runs/{run}"))
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            return False


def decided(server: Server) -> float:
    """How many of the records are decided, by the metric of the lag."""
    lines = server.ask("/metrics").decode().splitlines()
    lags = [line.split()[1] for line in lines if line.startswith("eventflow_lag_records{")]
    return BACKLOG - sum(map(float, lags)) if len(lags) > PARTITIONS else 0


def measure(bootstrap: str) -> None:
    asyncio.run(stock(bootstrap))
    flows = {f"w{n}": SHADOW.format(number=n, kind=KINDS[n % len(KINDS)]) for n in range(TRIGGERS)}
    bus = {"url": f"kafka://{bootstrap}/{TOPIC}", "partitions": PARTITIONS}
    with tempfile.TemporaryDirectory() as folder:
        began, most = time.monotonic(), 0.0
        with Server(Path(folder), flows | {"by-hand": BY_HAND}, bus=bus) as server:
            asking = Asking(server)
            asking.start()
            while decided(server) < BACKLOG:
                most = max(most, server.memory)
                time.sleep(0.1)
            spent, cpu = time.monotonic() - began, server.cpu
            asking.ended.set()
            asking.join()
            ready, each = server.ready_after, cpu / BACKLOG * 1e6
            print(
                f"{BACKLOG:,} records before the first start, {TRIGGERS} triggers: ready after {ready:.2f} s, decided "
                f"after {spent:.1f} s ({BACKLOG / spent:,.0f} a second, {each:.1f} µs CPU an event), memory "
                f"at most {most:.0f} MB\n"
                f"  meanwhile {len(asking.there)} starts by hand: stored {quantiles(asking.stored)}; "
                f"the run there {quantiles(asking.there)}"
            )


def main() -> None:
    quiet()
    with_broker(measure)


if __name__ == "__main__":
    main()
