"""The doors against their limits: one signed webhook a request, and 1,000 events a request; both synced to disk.

    python -m bench.ingest

Row 1: a bare aiohttp application with one handler that checks the same HMAC and stores nothing. Row 2: splitting the
lines, msgspec with `Raw` data, and one `executemany` into SQLite with `synchronous=FULL`. Each pair runs alternately,
in processes of their own; figures are CPU time of the serving process, and wall time beside it.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec

SECRET = b"bench-secret-0123456789abcdef0123"
TOKEN = "ef_bench_token_000000000000000000000000"
TICK = os.sysconf("SC_CLK_TCK")
PAIRS, SECONDS, CONNECTIONS = 5, 2.0, 64


def event(number: int) -> dict[str, Any]:
    """About 1.2 KB, as monitoring systems send them."""
    data = {
        "host": f"web-{number % 400:03d}.eu-west-1.example.net", "severity": "critical", "cpu": 93.25, "mem": 41.5,
        "load": [1.5, 2.25, 0.75], "service": f"svc-{number % 200}", "region": "eu-west-1", "firing": True,
        "labels": {"team": "core", "env": "prod", "rack": f"r{number % 64}"}, "runbook": None, "count": number,
        "metrics": {f"m{n}": n * 1.5 for n in range(14)}, "summary": "CPU above the limit for this host; " * 16,
    }  # fmt: skip
    return {
        "specversion": "1.0", "id": f"e{number:012d}", "source": f"/bench/{number % 20}", "type": "alert",
        "subject": f"host/{number % 400}", "time": "2026-11-25T12:00:00.123456Z", "data": data,
    }  # fmt: skip


# ------------------------------------------------------------------------------------------------- the servers


async def serve_bare() -> None:
    from aiohttp import web

    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        wanted = "sha256=" + hmac.new(SECRET, body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(wanted, request.headers.get("X-Hub-Signature-256", "")):
            return web.Response(status=401)
        return web.Response(body=b'{"accepted":1,"duplicates":0}', status=202, content_type="application/json")

    app = web.Application()
    app.router.add_post("/in/hook", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


async def serve_durable(directory: str) -> None:
    from eventflow.buses.sqlite import SqliteBus
    from eventflow.ingest.door import PublicDoor
    from eventflow.ingest.events import EventsDoor
    from eventflow.ingest.gateway import Gateway
    from eventflow.ingest.source import SourceDoor
    from eventflow.plugin import SourceContext
    from eventflow.sources.webhook import Webhook
    from eventflow.web.listener import Listener
    from eventflow.web.tokens import Tokens

    os.makedirs(directory, exist_ok=True)  # noqa: PTH103 - before the loop has anything to do
    bus = SqliteBus(Path(directory))
    await bus.open()
    gateway = Gateway(bus)
    settings = {"auth": {"scheme": "hmac", "header": "X-Hub-Signature-256", "prefix": "sha256="}}
    doors = {
        "/events": EventsDoor(gateway, Tokens(settings=[("bench", ["events:write"], TOKEN)])),
        "/in/hook": SourceDoor(gateway, Webhook(SourceContext("hook", settings, [SECRET]))),
    }
    print(await Listener(PublicDoor(doors)).listen("127.0.0.1", 0), flush=True)
    await asyncio.Event().wait()


class Server:
    """One of the two in a process of its own."""

    module = "bench.ingest"

    def __init__(self, *which: str) -> None:
        command = [sys.executable, "-m", self.module, *which]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    @property
    def cpu(self) -> float:
        """Seconds of CPU so far, kernel included."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def stop(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


# --------------------------------------------------------------------------------------------------- the load


def request(path: str, body: bytes, *headers: str) -> bytes:
    head = [f"POST {path} HTTP/1.1", "Host: bench", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def webhook(number: int) -> bytes:
    body = json.dumps(event(number)["data"]).encode()
    signature = hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    return request("/in/hook", body, "Content-Type: application/json", f"X-Hub-Signature-256: sha256={signature}")


def batch(number: int) -> bytes:
    body = b"\n".join(json.dumps(event(number * 1000 + n), separators=(",", ":")).encode() for n in range(1000))
    return request("/events", body, "Content-Type: application/x-ndjson", f"Authorization: Bearer {TOKEN}")


class Wire(asyncio.Protocol):
    """A client that costs little: the next request is written when the answer is there."""

    def __init__(self, requests: Any, latencies: list[float]) -> None:
        self.requests, self.latencies = requests, latencies
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        self.transport = transport
        self.next()

    def next(self) -> None:
        """Send the next, or end."""
        sent = next(self.requests, None)
        if sent is None:
            self.transport.close()
            return
        self.begun = time.perf_counter()
        self.transport.write(sent)

    def data_received(self, data: bytes) -> None:
        """Count the answer."""
        assert data.startswith(b"HTTP/1.1 202"), data[:300]
        self.latencies.append(time.perf_counter() - self.begun)
        self.next()

    def connection_lost(self, exc: BaseException | None) -> None:
        """The end."""
        if not self.ended.done():
            self.ended.set_result(None)


async def load(server: Server, make: Any, connections: int, first: int, most: int) -> tuple[int, float, float, float]:
    """Requests done, CPU and wall seconds, p50 latency; requests are made beforehand."""
    made = [make(first + n) for n in range(most)]
    end = time.perf_counter() + SECONDS
    supply = (one for one in made if time.perf_counter() < end)
    latencies: list[float] = []
    loop = asyncio.get_running_loop()
    cpu, wall = server.cpu, time.perf_counter()
    wires = [
        (await loop.create_connection(lambda: Wire(supply, latencies), "127.0.0.1", server.port))[1]
        for _ in range(connections)
    ]
    await asyncio.gather(*(wire.ended for wire in wires))
    spent = time.perf_counter() - wall
    return len(latencies), server.cpu - cpu, spent, statistics.median(latencies)


class Envelope(msgspec.Struct):
    """What the limit looks at."""

    id: str
    source: str
    type: str
    data: msgspec.Raw


def limit(folder: Path, bodies: list[bytes]) -> tuple[float, float]:
    """CPU and wall seconds an event of the bare way to store a batch."""
    import msgspec
    from apsw import Connection

    class Envelope(msgspec.Struct):
        id: str
        source: str
        type: str
        data: msgspec.Raw

    decode = msgspec.json.Decoder(Envelope).decode
    folder.mkdir(exist_ok=True)
    path = folder / "limit.db"
    for old in folder.glob("limit.db*"):
        old.unlink()
    database = Connection(str(path))
    for statement in (
        "pragma journal_mode=wal",
        "pragma synchronous=full",
        "create table event(id integer primary key, data)",
    ):
        database.execute(statement).fetchall()
    cpu, wall = time.process_time(), time.perf_counter()
    for body in bodies:
        lines = body.split(b"\n")
        for line in lines:
            decode(line)
        with database:
            database.executemany("insert into event(data) values (?)", ((line,) for line in lines))
    spent = time.process_time() - cpu, time.perf_counter() - wall
    database.close()
    events = len(bodies) * 1000
    return spent[0] / events, spent[1] / events


# ------------------------------------------------------------------------------------------------------ the table


def row(name: str, ours: list[float], theirs: list[float], unit: str, goal: float) -> None:
    ratios = sorted(b / a for a, b in zip(ours, theirs, strict=True))
    print(
        f"{name}: {statistics.median(ours):.1f} against {statistics.median(theirs):.1f} {unit}, ratio "
        f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}; goal {goal})"
    )


async def measure() -> None:
    with tempfile.TemporaryDirectory() as place:
        bare, durable = Server("bare"), Server("durable", f"{place}/bus")
        try:
            await singles(bare, durable)
            await batches(durable, Path(place, "limit"))
        finally:
            bare.stop()
            durable.stop()


async def singles(bare: Server, durable: Server) -> None:
    cpu: dict[str, list[float]] = {"bare": [], "durable": []}
    wall: dict[str, list[float]] = {"bare": [], "durable": []}
    middle = []
    for pair in range(PAIRS + 1):
        for name, server in (("bare", bare), ("durable", durable)):
            done, cpu_s, wall_s, p50 = await load(server, webhook, CONNECTIONS, pair * 100_000, 20_000)
            if pair:
                cpu[name].append(cpu_s / done * 1e6)
                wall[name].append(wall_s / done * 1e6)
                middle.append(p50 * 1e3 if name == "durable" else 0)
    row("signed webhook, CPU", cpu["durable"], cpu["bare"], "µs a request", 0.85)
    row("signed webhook, wall", wall["durable"], wall["bare"], "µs a request", 0.85)
    print(f"  p50 with {CONNECTIONS} connections: {statistics.median([p for p in middle if p]):.1f} ms, synced")


async def batches(durable: Server, place: Path) -> None:
    cpu: dict[str, list[float]] = {"limit": [], "durable": []}
    wall: dict[str, list[float]] = {"limit": [], "durable": []}
    bodies = [batch(n).partition(b"\r\n\r\n")[2] for n in range(60)]
    for pair in range(PAIRS + 1):
        done, cpu_s, wall_s, _ = await load(durable, batch, 4, 1000 + pair * 1000, 150)
        limit_cpu, limit_wall = limit(place, bodies)
        if pair:
            cpu["durable"].append(cpu_s / done / 1000 * 1e6)
            wall["durable"].append(wall_s / done / 1000 * 1e6)
            cpu["limit"].append(limit_cpu * 1e6)
            wall["limit"].append(limit_wall * 1e6)
    row("NDJSON of 1,000, CPU", cpu["durable"], cpu["limit"], "µs an event", 0.80)
    row("NDJSON of 1,000, wall", wall["durable"], wall["limit"], "µs an event", 0.80)


def main() -> None:
    if len(sys.argv) > 1:
        asyncio.run(serve_bare() if sys.argv[1] == "bare" else serve_durable(sys.argv[2]))
    else:
        asyncio.run(measure())


if __name__ == "__main__":
    main()
