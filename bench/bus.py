"""What the bus costs: durable publishes of 256 producers against raw batches of 1,000, reading, and a busy loop.

    python bench/bus.py [--folder DIR] [--pairs N] [--seconds S]

The limit is SQLite alone: WAL with `synchronous=FULL`, one row per event, `executemany` of 1,000 rows a transaction by
the same library. Ours are 256 tasks that each publish one event of 1 KB and wait until it is synced. Pairs alternate in
one process on one disk; medians are printed. Wall time, because waiting for the disk is what this is about.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import apsw
import msgspec

from eventflow.buses.sqlite import SqliteBus
from eventflow.model.record import Entry

LINE = msgspec.json.encode({"id": "e", "source": "bench", "type": "bench.event", "data": {"text": "x" * 960}})
PRODUCERS, BATCH = 256, 1000


def raw(folder: Path, seconds: float) -> tuple[float, float]:
    """(events a second, CPU µs per event) of SQLite alone in batches of 1,000."""
    db = apsw.Connection(str(folder / "raw.sqlite"))
    db.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL").fetchall()
    db.execute("CREATE TABLE event (id INTEGER PRIMARY KEY, time INTEGER, data BLOB)")
    rows, count = [(1, LINE)] * BATCH, 0
    began, cpu = time.perf_counter(), time.process_time()
    while time.perf_counter() - began < seconds:
        db.execute("BEGIN IMMEDIATE")
        db.executemany("INSERT INTO event (time, data) VALUES (?, ?)", rows)
        db.execute("COMMIT")
        count += BATCH
    rate, used = count / (time.perf_counter() - began), (time.process_time() - cpu) / count * 1e6
    db.close()
    return rate, used


async def publish(folder: Path, seconds: float, producers: int, batch: int = 1) -> tuple[float, float]:
    """(events a second, CPU µs per event) with so many tasks publishing and waiting."""
    bus, count = SqliteBus(folder / "bus"), 0
    await bus.open()
    entries = [Entry(0, LINE)] * batch
    began, cpu = time.perf_counter(), time.process_time()

    async def produce() -> None:
        nonlocal count
        while time.perf_counter() - began < seconds:
            await bus.publish(entries)
            count += batch

    await asyncio.gather(*(produce() for _ in range(producers)))
    rate, used = count / (time.perf_counter() - began), (time.process_time() - cpu) / count * 1e6
    await bus.close()
    return rate, used


async def read(folder: Path, *, cached: bool, limit: int) -> tuple[float, float]:
    """(events a second, CPU µs per event) of reading 100,000 events, from memory or from the file."""
    bus = SqliteBus(folder / "bus", cache_bytes=256 << 20 if cached else 0)
    await bus.open()
    for _ in range(400):
        await bus.publish([Entry(0, LINE)] * 250)
    subscription, count = bus.subscribe("bench", lambda _: 0), 0
    began, cpu = time.perf_counter(), time.process_time()
    while batch := await subscription.read(limit, 0):
        count += len(batch.records)
    rate, used = count / (time.perf_counter() - began), (time.process_time() - cpu) / count * 1e6
    await bus.close()
    return rate, used


async def busy(folder: Path, slice_: float, seconds: float) -> list[float]:
    """Milliseconds from `publish` to its return while the loop is always ready, in slices of `slice_` seconds."""
    bus, spinning = SqliteBus(folder / "bus"), True
    await bus.open()
    loop = asyncio.get_running_loop()

    def spin() -> None:
        until = time.perf_counter() + slice_
        while time.perf_counter() < until:
            pass
        if spinning:
            loop.call_soon(spin)

    loop.call_soon(spin)
    took, began = [], time.perf_counter()
    while time.perf_counter() - began < seconds:
        asked = time.perf_counter()
        await bus.publish([Entry(0, LINE)])
        took.append((time.perf_counter() - asked) * 1000)
    spinning = False
    await bus.close()
    return sorted(took)


def sync_cost(folder: Path) -> list[float]:
    """Milliseconds of appending 1 KB and `fdatasync`, sorted."""
    handle, took = os.open(folder / "sync", os.O_CREAT | os.O_RDWR | os.O_APPEND), []
    for _ in range(200):
        began = time.perf_counter()
        os.write(handle, LINE)
        os.fdatasync(handle)
        took.append((time.perf_counter() - began) * 1000)
    os.close(handle)
    return sorted(took)


def at(values: list[float], share: float) -> float:
    return values[min(len(values) - 1, int(len(values) * share))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.5)
    options = parser.parse_args()

    def fresh() -> Path:
        shutil.rmtree(top, ignore_errors=True)
        top.mkdir(parents=True)
        return top

    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        top = Path(name) / "place"
        syncs = sync_cost(fresh())
        print(f"sync of 1 KB: p50 {at(syncs, 0.5):.2f} ms, p90 {at(syncs, 0.9):.2f} ms\n")
        pairs = []
        for _ in range(options.pairs):
            limit = raw(fresh(), options.seconds)
            pairs.append((*limit, *asyncio.run(publish(fresh(), options.seconds, PRODUCERS))))
        ratio = statistics.median(ours / limit for limit, _, ours, _ in pairs)
        limit, least, ours, cpu = (statistics.median(column) for column in zip(*pairs, strict=True))
        print("| figure | ours | limit | ratio | goal |\n|---|---|---|---|---|")
        print(
            f"| group commit at {PRODUCERS} producers ÷ raw batches of {BATCH:,}, SQLite FULL "
            f"| {ours:,.0f}/s ({cpu:.1f} µs) | {limit:,.0f}/s ({least:.1f} µs) | {ratio:.2f} | ≥ 0.55 |\n"
        )
        for producers, batch in ((1, 1), (16, 1), (64, 1), (1, 1000), (8, 1000)):
            rate, cpu = asyncio.run(publish(fresh(), options.seconds, producers, batch))
            print(f"{producers} producers × {batch}: {rate:,.0f} events/s, {cpu:.1f} µs CPU")
        for cached in (True, False):
            for some in (1, 100, 1000):
                rate, cpu = asyncio.run(read(fresh(), cached=cached, limit=some))
                place = "memory" if cached else "file"
                print(f"tail read from {place}, limit {some}: {rate:,.0f} events/s, {cpu:.2f} µs CPU")
        for slice_ in (0.0001, 0.001, 0.005):
            took = asyncio.run(busy(fresh(), slice_, options.seconds))
            print(
                f"publish while the loop is always busy in slices of {slice_ * 1000:g} ms: "
                f"p50 {at(took, 0.5):.1f} ms, p99 {at(took, 0.99):.1f} ms, most {took[-1]:.1f} ms"
            )


if __name__ == "__main__":
    main()
