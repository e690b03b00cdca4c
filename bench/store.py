"""What the store costs: runs a second against a minimal journal, firings in a commit, claims beside many open runs.

    python bench/store.py [--folder DIR] [--pairs N]

The limit is a journal that can do nothing else: one table of runs, one of steps, a writer thread with group commit,
SQLite WAL with `synchronous=FULL`, 32 runs in flight, three steps each recorded before the next, the end sharing the
last step's commit. Ours does what an executor does: claim, then four appends (attempt 1; result 1 and attempt 2;
result 2 and attempt 3; result 3 and the end). Pairs alternate in one process on one disk; medians are printed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sqlite3
import statistics
import tempfile
import threading
import time
from pathlib import Path

import msgspec

from eventflow.model.commit import Commit
from eventflow.model.record import Position, Ref
from eventflow.model.run import EventCopy, Firing
from eventflow.model.workflow import Concurrency, Workflow, encode
from eventflow.plugin.store import Append, Claim
from eventflow.stores.sqlite import SqliteStore

IN_FLIGHT = 32
WORKFLOW = Workflow(id="bench", name="bench")
EVENT = msgspec.json.encode({"id": "e", "source": "bench", "type": "bench.event", "data": {"text": "x" * 900}})
ENTRY = msgspec.json.encode({"kind": "ended", "path": "step", "visit": 1, "output": {"i": 1, "x": "y" * 100}})
ATTEMPT = msgspec.json.encode({"kind": "attempt", "path": "step", "visit": 1, "attempt": 1})


def firing(number: int, *, group: str = "bench", size: int = 4 * IN_FLIGHT) -> Firing:
    return Firing(
        run=f"run_{number:026d}", workflow="bench", definition=WORKFLOW.hash, trigger="t", fired_at=number,
        events=(EventCopy(Ref(0, number), number, EVENT),), inputs={"a": "b" * 200}, facts={"key": "k"},
        group=group, concurrency=Concurrency(max=size), chain=("other",), hops=1,
    )  # fmt: skip


class Router:
    """Commits firings one batch after the other."""

    def __init__(self, store: SqliteStore) -> None:
        self.store, self.last, self.number = store, "", 0

    async def fire(self, count: int, **how: object) -> None:
        """One commit with this many firings."""
        firings = tuple(firing(self.number + i, **how) for i in range(count))
        self.number += count
        commit = Commit(
            id=f"c{self.number}", follows=self.last, partition=0, position=Position(self.number, b"mark"),
            log_time=self.number, waits=1, firings=firings,
        )  # fmt: skip
        await self.store.commit(commit)
        self.last = commit.id


async def execute(store: SqliteStore, total: int, change: asyncio.Event) -> None:
    """An executor with trivial steps: `IN_FLIGHT` runs at once, claims for what is free. `change` wakes it."""
    free, done = IN_FLIGHT, asyncio.Event()
    left = total

    async def run(claim: Claim) -> None:
        nonlocal free, left
        await store.append(claim.lease, Append(entries=(ATTEMPT,), at=1))
        await store.append(claim.lease, Append(entries=(ENTRY, ATTEMPT), at=1))
        await store.append(claim.lease, Append(entries=(ENTRY, ATTEMPT), at=1))
        await store.append(claim.lease, Append(entries=(ENTRY,), at=1, status="succeeded", decisive=True, release=True))
        free, left = free + 1, left - 1
        change.set()
        if not left:
            done.set()

    tasks = set()
    while not done.is_set():
        if free:
            for claim in await store.claim("w", free, 60_000_000, 1):
                free -= 1
                task = asyncio.create_task(run(claim))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
        change.clear()
        await change.wait()


class Minimal:
    """The limit: a journal that can do nothing but record."""

    RUN, STEP = "INSERT INTO run VALUES (?, ?, ?, ?, ?, ?)", "INSERT INTO step VALUES (?, ?, ?, ?, ?, ?)"
    END = "UPDATE run SET state = 'done' WHERE id = ?"

    def __init__(self, path: Path) -> None:
        self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.db.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
            "CREATE TABLE run (id INTEGER PRIMARY KEY, wf TEXT, ver TEXT, state TEXT, input BLOB, ts REAL);"
            "CREATE TABLE step (run INTEGER, seq INTEGER, name TEXT, state TEXT, out BLOB, ts REAL, "
            "PRIMARY KEY (run, seq)) WITHOUT ROWID;"
        )
        self.pending: list = []
        self.lock, self.event, self.over = threading.Lock(), threading.Event(), False
        self.loop = asyncio.get_running_loop()
        self.thread = threading.Thread(target=self.write, daemon=True)
        self.thread.start()

    def put(self, sql: str, values: tuple) -> asyncio.Future:
        """Record; resolved once it is durable."""
        future = self.loop.create_future()
        with self.lock:
            self.pending.append((sql, values, future))
        self.event.set()
        return future

    def write(self) -> None:
        """The writer thread."""
        while not self.over:
            self.event.wait()
            self.event.clear()
            with self.lock:
                batch, self.pending = self.pending, []
            if batch:
                self.db.execute("BEGIN IMMEDIATE")
                for sql, values, _ in batch:
                    self.db.execute(sql, values)
                self.db.execute("COMMIT")
                self.loop.call_soon_threadsafe(self.answer, batch)

    def answer(self, batch: list) -> None:
        """Tell who waited."""
        for _, _, future in batch:
            future.set_result(None)

    def close(self) -> None:
        """End the thread."""
        self.over = True
        self.event.set()
        self.thread.join()
        self.db.close()


def minimal(folder: Path, total: int) -> tuple[float, float]:
    """Runs a second and CPU seconds a run of the limit."""
    inputs, out = json.dumps({"a": "b" * 200}).encode(), json.dumps({"i": 1, "x": "y" * 100}).encode()

    async def main() -> tuple[float, float]:
        journal, next_ = Minimal(folder / "minimal.db"), iter(range(total))

        async def worker() -> None:
            for run in next_:
                await journal.put(journal.RUN, (run, "wf", "v1", "running", inputs, 1.0))
                for seq in range(3):
                    future = journal.put(journal.STEP, (run, seq, "st", "done", out, 1.0))
                    if seq == 2:
                        journal.put(journal.END, (run,))
                    await future

        wall, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*[worker() for _ in range(IN_FLIGHT)])
        taken = total / (time.perf_counter() - wall), (time.process_time() - cpu) / total
        journal.close()
        return taken

    return asyncio.run(main())


def ours(folder: Path, total: int, *, fire: bool) -> tuple[float, float]:
    """The same of our store; with `fire` a router commits the runs meanwhile, 32 in each commit."""

    async def main() -> tuple[float, float]:
        store, change = SqliteStore(folder / "store.db"), asyncio.Event()
        await store.open()
        await store.activate({"bench": encode(WORKFLOW)}, 0)
        router = Router(store)

        async def route() -> None:
            for start in range(0, total, 32):
                await router.fire(min(32, total - start))
                change.set()

        if not fire:
            await route()
        wall, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(execute(store, total, change), *([route()] if fire else []))
        taken = total / (time.perf_counter() - wall), (time.process_time() - cpu) / total
        await store.close()
        return taken

    return asyncio.run(main())


def sync_time(folder: Path) -> float:
    """Milliseconds of a sync of 4 KB appended: what every figure here hangs on."""
    times = []
    with (folder / "sync").open("wb", buffering=0) as file:
        for _ in range(50):
            file.write(b"x" * 4096)
            before = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - before)
    return statistics.median(times) * 1e3


def fresh(root: Path) -> Path:
    return Path(tempfile.mkdtemp(dir=root))


def bench_runs(root: Path, pairs: int, total: int, *, fire: bool) -> None:
    rows = []
    for _ in range(pairs):
        limit, bound = minimal(fresh(root), total)
        rate, cpu = ours(fresh(root), total, fire=fire)
        rows.append((rate, cpu * 1e6, limit, bound * 1e6, rate / limit, sync_time(root)))
    rate, cpu, limit, bound, ratio, sync = (statistics.median(column) for column in zip(*rows, strict=True))
    print(
        f"runs of 3 steps, {IN_FLIGHT} in flight, FULL{', made by commits meanwhile' if fire else ''}: {rate:.0f}/s, "
        f"{cpu:.0f} us CPU each; limit {limit:.0f}/s, {bound:.0f} us; ratio {ratio:.2f} "
        f"(min {min(row[4] for row in rows):.2f}, max {max(row[4] for row in rows):.2f}; goal 0.60); sync {sync:.2f} ms"
    )


async def bench_commit(root: Path) -> None:
    for size in (1, 10, 100, 1000):
        store = SqliteStore(fresh(root) / "store.db")
        await store.open()
        await store.activate({"bench": encode(WORKFLOW)}, 0)
        router, walls, cpus = Router(store), [], []
        for _ in range(5 if size == 1000 else 20):
            wall, cpu = time.perf_counter(), time.process_time()
            await router.fire(size)
            walls.append(time.perf_counter() - wall)
            cpus.append(time.process_time() - cpu)
        wall, cpu = statistics.median(walls), statistics.median(cpus)
        print(
            f"commit with {size} firings: {wall * 1e3:.2f} ms, {size / wall:.0f} firings/s, "
            f"{cpu / size * 1e6:.0f} us CPU each"
        )
        await store.close()


async def bench_claim(root: Path) -> None:
    """Claim 32 runs: alone, and beside 100,000 that are open and need nobody, or wait in full groups."""
    for label, others in (("no others", 0), ("100,000 other open runs", 100_000)):
        store = SqliteStore(fresh(root) / "store.db")
        await store.open()
        await store.activate({"bench": encode(WORKFLOW)}, 0)
        router = Router(store)
        for _ in range(others // 2000):
            await router.fire(1000, group=f"full{router.number}", size=1)
            await router.fire(1000, group="waiting", size=1_000_000)
            for claim in await store.claim("w", 2000, 60_000_000, 1):
                if claim.run.group == "waiting":
                    await park(store, claim)
        times, cpus = [], []
        for _ in range(30):
            await router.fire(32)
            wall, cpu = time.perf_counter(), time.process_time()
            claims = await store.claim("w", 32, 60_000_000, 1)
            times.append(time.perf_counter() - wall)
            cpus.append(time.process_time() - cpu)
            assert len(claims) == 32, len(claims)
            await asyncio.gather(
                *[store.append(claim.lease, Append(at=1, status="succeeded", release=True)) for claim in claims]
            )
        print(
            f"claim of 32 with {label}: {statistics.median(times) * 1e3:.2f} ms, "
            f"{statistics.median(cpus) * 1e6 / 32:.0f} us CPU each; next_wake {await wake(store):.0f} us"
        )
        await store.close()


async def park(store: SqliteStore, claim: Claim) -> None:
    store_ = store  # kept short: the appends of one turn share a sync
    task = asyncio.create_task(
        store_.append(claim.lease, Append(at=1, status="waiting", wake_at=10**15 + claim.run.number, release=True))
    )
    PARKED.append(task)
    if len(PARKED) >= 250:
        await asyncio.gather(*PARKED)
        PARKED.clear()


PARKED: list[asyncio.Task] = []


async def wake(store: SqliteStore) -> float:
    before = time.perf_counter()
    for _ in range(100):
        await store.next_wake(1)
    return (time.perf_counter() - before) / 100 * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=None, help="where to write; the disk decides much")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--runs", type=int, default=2000)
    asked = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="eventflow-bench-", dir=asked.folder))
    try:
        bench_runs(root, asked.pairs, asked.runs, fire=False)
        bench_runs(root, asked.pairs, asked.runs, fire=True)
        asyncio.run(bench_commit(root))
        asyncio.run(bench_claim(root))
    finally:
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
