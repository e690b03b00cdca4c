"""A real eventflow in a process of its own, to be killed, and a sink outside it that remembers every call."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import aiohttp
from aiohttp import web

if TYPE_CHECKING:
    import random
    from pathlib import Path

TOKEN = "ef_crash_test_token_000000000000000000000000"


@dataclass
class Call:
    """One call that reached the sink: when it came, and when it was answered (None: the caller went away)."""

    at: float
    key: str
    path: str
    body: dict[str, Any]
    answered: float | None = None
    status: int = 0


@dataclass
class Sink:
    """The outside world that workflows call: slow by chance, refusing by chance."""

    rng: random.Random
    calls: list[Call] = field(default_factory=list)
    refuse: float = 0.05
    slow: float = 0.03
    least: float = 0
    url: str = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.json()
        call = Call(time.monotonic(), request.headers.get("Idempotency-Key", ""), request.path, body)
        self.calls.append(call)
        await asyncio.sleep(self.least + self.rng.random() * self.slow)
        status = 503 if self.rng.random() < self.refuse else 200
        call.answered = time.monotonic()
        call.status = status
        return web.json_response({"ok": status == 200}, status=status)


class House:
    """One data directory and the eventflow process on it."""

    def __init__(self, root: Path, sink: str, workflows: dict[str, str], **settings: Any) -> None:
        self.root = root
        self.data = root / "data"
        for name, text in workflows.items():
            path = root / "workflows" / f"{name}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.replace("http://SINK", sink))
        config = {
            "data_dir": str(self.data),
            "listen": {"public": "127.0.0.1:0", "private": "127.0.0.1:0"},
            "workflows": [str(root / "workflows")],
            "tokens": [{"name": "test", "scopes": ["events:write", "runs:read", "admin"], "secret": "env:CRASH_TOKEN"}],
            "egress": {"allow": ["127.0.0.1"]},
            "log": {"level": "warning", "format": "json"},
            **settings,
        }
        self.config = root / "eventflow.yaml"
        self.config.write_text(json.dumps(config))
        self.process: asyncio.subprocess.Process | None = None
        self.kills: list[float] = []
        self.log = (root / "serve.log").open("ab")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Leave no process and no open file behind."""
        if self.process is not None and self.process.returncode is None:
            await self.kill()
        self.log.close()

    async def launch(self, env: dict[str, str] | None = None) -> None:
        """Start, and wait for nothing."""
        self.process = await asyncio.create_subprocess_exec(
            *[sys.executable, "-m", "eventflow", "--config", str(self.config), "serve"],
            stdout=self.log,
            stderr=self.log,
            env={name: value for name, value in os.environ.items() if not name.startswith("EVENTFLOW_TEST_")}
            | {"CRASH_TOKEN": TOKEN}
            | (env or {}),
            start_new_session=True,
        )

    async def start(self, *, ready: float = 30, env: dict[str, str] | None = None) -> None:
        """Start and wait until it is ready."""
        await self.launch(env)
        assert self.process is not None
        async with asyncio.timeout(ready):
            while not await self.is_ready():
                if self.process.returncode is not None:
                    raise AssertionError(f"it ended with {self.process.returncode}: {self.tail()}")
                await asyncio.sleep(0.01)

    def addresses(self) -> dict[str, Any]:
        """The bound addresses of the process that is alive; empty before it has said them."""
        try:
            found: dict[str, Any] = json.loads((self.data / "addresses.json").read_text())
        except (OSError, ValueError):
            return {}
        alive = self.process is not None and found.get("pid") == self.process.pid
        return found if alive else {}

    async def is_ready(self) -> bool:
        """Whether `/readyz` says yes."""
        address = self.addresses()
        if not address:
            return False
        with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session,
                session.get(address["private"] + "/readyz") as answer,
            ):
                return answer.status == 200
        return False

    async def kill(self) -> None:
        """As a power cut of the process: SIGKILL to the whole group."""
        assert self.process is not None
        self.kills.append(time.monotonic())
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        await self.process.wait()

    async def stop(self, within: float) -> int:
        """SIGTERM; its exit code. Fails when it takes longer than `within` seconds."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(within):
            return await self.process.wait()

    async def get(self, path: str) -> Any:
        """A GET of the API over its socket."""
        connector = aiohttp.UnixConnector(self.addresses()["socket"])
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.get("http://eventflow/api/v1" + path) as answer,
        ):
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def every(self, path: str) -> list[dict[str, Any]]:
        """All items of a list."""
        found: list[dict[str, Any]] = []
        after = ""
        while True:
            joint = "&" if "?" in path else "?"
            page = await self.get(f"{path}{joint}limit=200" + (f"&after={after}" if after else ""))
            found += page["items"]
            after = page["next"]
            if not after:
                return found

    def tail(self) -> str:
        """The end of its log."""
        self.log.flush()
        return (self.root / "serve.log").read_text(errors="replace")[-3000:]


class Sender:
    """Sends events until each is acknowledged, as a careful outside sender would: same id, again and again."""

    def __init__(self, house: House, rng: random.Random) -> None:
        self.house = house
        self.rng = rng
        self.acked: dict[str, float] = {}
        self.pending: set[str] = set()
        self.refused: list[tuple[str, int, str]] = []
        self.ended = False

    async def run(self, name: str, *, pause: float, keys: int) -> None:
        """One sender, until `ended`."""
        number = 0
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as session:
            while not self.ended:
                number += 1
                id_ = f"{name}-{number}"
                event = {
                    "specversion": "1.0", "id": id_, "source": "load", "type": "load.event",
                    "subject": f"key{self.rng.randrange(keys)}", "data": {"n": number, "id": id_},
                }  # fmt: skip
                await self._until_acked(session, event)
                await asyncio.sleep(self.rng.random() * pause)

    async def _until_acked(self, session: aiohttp.ClientSession, event: dict[str, Any]) -> None:
        id_ = event["id"]
        self.pending.add(id_)
        while True:
            copies = 2 if self.rng.random() < 0.1 else 1
            done = await asyncio.gather(*(self._once(session, event) for _ in range(copies)))
            if any(done):
                self.acked.setdefault(id_, time.monotonic())
                self.pending.discard(id_)
                return
            if self.ended:
                return
            await asyncio.sleep(0.02)

    async def _once(self, session: aiohttp.ClientSession, event: dict[str, Any]) -> bool:
        address = self.house.addresses()
        if not address:
            return False
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/cloudevents+json"}
        with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
            async with session.post(address["public"] + "/events", data=json.dumps(event), headers=headers) as answer:
                if answer.status not in {202, 503, 429}:
                    self.refused.append((event["id"], answer.status, await answer.text()))
                return answer.status == 202
        return False
