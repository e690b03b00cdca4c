"""The outside world of the demo: a server that workflows call, whose deploy door refuses twice before it takes any."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Self

import msgspec
from aiohttp import web

from eventflow import ports

if TYPE_CHECKING:
    from collections.abc import Callable


class Call(msgspec.Struct):
    """One call that came: when (wall clock, microseconds), where, with which idempotency key, and the answer."""

    at: int
    path: str
    key: str
    status: int
    said: dict[str, Any]
    """The JSON object that came with it."""


class Outside:
    """An HTTP server on a free loopback port that remembers every call."""

    def __init__(self, tell: Callable[[Call], None], refusals: int = 2) -> None:
        """`tell` hears of every call; `/deploy` answers 503 for the first `refusals` calls."""
        self._tell = tell
        self._refusals = refusals
        self.calls: list[Call] = []
        self.url = ""

    async def __aenter__(self) -> Self:
        """Listen."""
        application = web.Application()
        application.router.add_post("/{path:.*}", self._take)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        status = 200
        if request.path == "/deploy" and self._refusals > 0:
            self._refusals -= 1
            status = 503
        said = json.loads(await request.read() or b"{}")
        call = Call(ports.wall(), request.path, request.headers.get("Idempotency-Key", ""), status, said)
        self.calls.append(call)
        self._tell(call)
        return web.json_response({"ok": status == 200}, status=status)
