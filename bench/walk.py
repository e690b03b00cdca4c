"""The whole walk in a real process: HTTP batch to committed runs, start to ready, memory, latencies.

The limit of the first row is a bare `orjson.loads` loop over the same events, timed in pairs with it in CPU time.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import aiohttp
import orjson
from aiohttp import web

from bench.serving import TOKEN, Server

SEVERITIES = ("critical", "high", "medium", "low", "info")


def event(number: int) -> bytes:
    """An alert of about 1.2 KB as monitoring systems send them: 45 fields, most of them small."""
    chance = random.Random(number)
    data = {
        "host": f"web-{chance.randrange(400):03d}.eu-west-1.example.net", "severity": SEVERITIES[number % 5],
        "cpu": round(chance.uniform(0, 100), 2), "mem": round(chance.uniform(0, 100), 2),
        "load": [round(chance.uniform(0, 8), 2) for _ in range(3)], "service": f"svc-{chance.randrange(20_000)}",
        "region": ("eu-west-1", "us-east-1", "ap-south-1")[number % 3], "firing": number % 2 == 0, "runbook": None,
        "labels": {"team": "core", "env": "prod" if number % 4 else "stage", "rack": f"r{chance.randrange(64)}"},
        "metrics": {f"m{n}": round(chance.uniform(0, 1000), 3) for n in range(14)},
        "tags": [f"tag{chance.randrange(500)}" for _ in range(6)], "count": chance.randrange(10_000),
        "summary": "CPU above the limit for this host; " * 16,
    }  # fmt: skip
    attributes = {
        "specversion": "1.0", "id": f"e{number:012d}", "source": f"/bench/{number % 20}", "type": "alert",
        "subject": f"host/{number % 400}", "time": "2026-11-25T12:00:00.123456Z",
    }  # fmt: skip
    return orjson.dumps(attributes | {"data": data})


def workflow(number: int) -> str:
    return f"""metadata: {{name: "w{number}"}}
mode: shadow
triggers:
  - id: t
    type: event
    config:
      event: alert
      filter: >-
        event.data.severity in ['critical', 'high'] && event.data.service == 'svc-{number}'
        && event.data.cpu > 10.0 && event.data.host.startsWith('web')
steps:
  - {{name: s, uses: debug.log, with: {{message: m}}}}
"""


def whole_path(triggers: int, batches: int = 20) -> None:
    number = 0
    with tempfile.TemporaryDirectory() as folder:
        flows = {f"w{n}": workflow(n) for n in range(triggers)}
        with Server(Path(folder), flows) as server:
            print(f"start to ready with {triggers} triggers: {server.ready_after:.2f} s, CPU {server.cpu:.2f} s")
            ratios = []
            for round_ in range(6):
                lines = [event(number + n) for n in range(batches * 1000)]
                number += len(lines)
                before = time.process_time()
                for line in lines:
                    orjson.loads(line)
                limit = time.process_time() - before
                before = server.cpu
                for start in range(0, len(lines), 1000):
                    server.post(b"\n".join(lines[start : start + 1000]))
                settle(server)
                ours = server.cpu - before
                if round_:
                    ratios.append((limit / ours, ours / len(lines) * 1e6, limit / len(lines) * 1e6))
            ratio, us, limit_us = (statistics.median(column) for column in zip(*ratios, strict=True))
            print(
                f"whole path, HTTP batch to committed runs, {triggers} triggers ÷ bare orjson.loads: {ratio:.3f}  "
                f"({us:.1f} µs CPU an event against {limit_us:.1f}; memory after load {server.memory:.0f} MB)"
            )


def settle(server: Server) -> None:
    """Wait until the CPU rests: everything that came has been decided."""
    calm, last = 0, server.cpu
    while calm < 3:
        time.sleep(0.1)
        now = server.cpu
        calm, last = (calm + 1 if now - last <= 0.011 else 0), now


def idle() -> None:
    bare = subprocess.run(
        [
            sys.executable, "-c",
            ("import aiohttp, aiohttp.web, pydantic, yaml, structlog, msgspec, orjson, apsw, click, prometheus_client, "
            "re2, cronsim;"
            "print(int(open('/proc/self/statm').read().split()[1]) * 4096 / 1e6)"),
        ],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    starts = []
    for _ in range(5):
        with tempfile.TemporaryDirectory() as folder, Server(Path(folder)) as server:
            starts.append((server.ready_after, server.cpu))
            memory = server.memory
    ready, cpu = (statistics.median(column) for column in zip(*starts, strict=True))
    print(f"start to ready, empty: {ready:.2f} s (CPU {cpu:.2f} s)")
    print(
        f"memory idle: {memory:.0f} MB, {memory - float(bare.stdout):.0f} MB above a bare import of the same libraries"
    )


LATENCY = """metadata: {name: latency}
triggers:
  - {id: t, type: event, config: {event: ping}}
concurrency: {mode: parallel, max: 1000}
steps:
  - name: call
    uses: http.request
    with: {method: POST, url: "http://127.0.0.1:PORT/", json: {sent: "${{ event.data.sent }}"}}
"""


async def latencies(seconds: float = 10, rate: float = 100) -> None:
    first_calls: list[float] = []

    async def take(request: web.Request) -> web.Response:
        first_calls.append(time.monotonic() - (await request.json())["sent"])
        return web.Response()

    application = web.Application()
    application.router.add_post("/", take)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    with tempfile.TemporaryDirectory() as folder:
        flows = {"latency": LATENCY.replace("PORT", str(port))}
        source = {"type": "webhook", "auth": {"scheme": "hmac", "header": "X-Sig", "secrets": ["env:BENCH_TOKEN"]}}
        with Server(Path(folder), flows, sources={"hook": source}) as server:
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
                acks = await at_rate(session, server, seconds, rate)
                await asyncio.sleep(1)
                print(f"at {rate:.0f} events/s: ack {quantiles(acks)}; event to first call {quantiles(first_calls)}")
                stop = asyncio.Event()
                storm = [asyncio.ensure_future(refused(session, server, stop)) for _ in range(40)]
                acks = await at_rate(session, server, seconds, 20)
                stop.set()
                count = sum(await asyncio.gather(*storm))
                print(f"ack while {count / seconds:.0f} requests/s are refused for their signature: {quantiles(acks)}")
    await runner.cleanup()


async def at_rate(session: aiohttp.ClientSession, server: Server, seconds: float, rate: float) -> list[float]:
    acks: list[float] = []

    async def one() -> None:
        sent = time.monotonic()
        body = {"specversion": "1.0", "id": f"{sent}", "source": "b", "type": "ping", "data": {"sent": sent}}
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/cloudevents+json"}
        async with session.post(server.addresses["public"] + "/events", data=json.dumps(body), headers=headers) as got:
            assert got.status == 202, await got.text()
        acks.append(time.monotonic() - sent)

    tasks = []
    begun = time.monotonic()
    for number in range(int(seconds * rate)):
        await asyncio.sleep(max(0, begun + number / rate - time.monotonic()))
        tasks.append(asyncio.ensure_future(one()))
    await asyncio.gather(*tasks)
    return acks


async def refused(session: aiohttp.ClientSession, server: Server, stop: asyncio.Event) -> int:
    count = 0
    signature = hmac.digest(b"wrong", b"{}", "sha256").hex()
    while not stop.is_set():
        async with session.post(
            server.addresses["public"] + "/in/hook", data=b"{}", headers={"X-Sig": signature}
        ) as got:
            assert got.status == 401
        count += 1
    return count


def quantiles(values: list[float]) -> str:
    ordered = sorted(values)
    at = [ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000 for share in (0.5, 0.99)]
    return f"p50 {at[0]:.1f} ms, p99 {at[1]:.1f} ms, max {ordered[-1] * 1000:.1f} ms"


def main() -> None:
    idle()
    whole_path(1)
    whole_path(1000)
    asyncio.run(latencies())


if __name__ == "__main__":
    main()
