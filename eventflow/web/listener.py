"""A listening HTTP server that bears hostile clients: deadlines for headers, connections counted, every answer ours.

It is aiohttp's low-level server (one handler, no application) with a connection of our own on top: one that has not
finished its header in time is ended, an address holds only so many connections, and what the parser refuses is
answered as a problem document instead of a page. Routing is the handler's.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from typing import TYPE_CHECKING, Any

import structlog
from aiohttp import http_exceptions, web
from aiohttp.web_protocol import RequestHandler

from eventflow import ports
from eventflow.web import problems
from eventflow.web.limits import Limits, header_size
from eventflow.web.problems import refused

if TYPE_CHECKING:
    import asyncio
    import ssl
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from eventflow.errors import Refused

    Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
    OnError = Callable[[BaseException, web.BaseRequest], None]

LINGER = 2.0
"""Seconds in which the rest of a refused body is read and thrown away, so that the sender can read the answer."""
SWEEP = 1.0
SERVER = "eventflow"
"""What the header says instead of names and versions of libraries."""
_LATE = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_CROWDED = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"


class Listener:
    """Serves `handler` on any number of addresses and Unix sockets.

    An exception of the handler becomes a problem document; `on_error` hears of those that are not refusals,
    `on_refusal` of every answer that is one.
    """

    def __init__(
        self,
        handler: Handler,
        limits: Limits | None = None,
        *,
        on_error: OnError | None = None,
        on_refusal: Callable[[Refused], object] = lambda _: None,
    ) -> None:
        """Nothing is bound yet."""
        self._handler = handler
        self.limits = limits or Limits()
        self.failed = on_error or _nobody_hears
        self._on_refusal = on_refusal
        self._server = _Server(self)
        self._runner = web.ServerRunner(self._server, shutdown_timeout=5)
        self._sweep: asyncio.TimerHandle | None = None
        self._sockets: list[Path] = []
        self.per_address: Counter[str] = Counter()
        self.waiting: dict[_Connection, int] = {}
        """Connections that have not finished a header, and since when."""

    @property
    def connections(self) -> int:
        """How many are open."""
        return self.per_address.total()

    async def listen(self, host: str, port: int, *, tls: ssl.SSLContext | None = None) -> int:
        """Bind an address and return its port. Raises `OSError` with the address in its text."""
        await self._start()
        site = web.TCPSite(self._runner, host, port, ssl_context=tls, backlog=1024, reuse_address=True)
        await site.start()
        bound = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]  # noqa: SLF001
        return int(bound)

    async def listen_unix(self, path: Path) -> None:
        """Bind a Unix socket that only this user can open; a socket left by a dead process is replaced."""
        await self._start()
        _remove(path)
        before = os.umask(0o177)
        try:
            await web.UnixSite(self._runner, path).start()
        finally:
            os.umask(before)
        self._sockets.append(path)

    async def _start(self) -> None:
        if self._runner.server is None:
            await self._runner.setup()
            self._look()

    async def close(self) -> None:
        """Take no more connections, let requests in progress be answered (5 s at most), then end."""
        if self._sweep is not None:
            self._sweep.cancel()
        await self._runner.cleanup()
        for path in self._sockets:
            _remove(path)

    def _look(self) -> None:
        """End the connections whose header is overdue."""
        overdue = ports.boot() - int(self.limits.header_seconds * ports.SECOND)
        for connection in [late for late, since in self.waiting.items() if since < overdue]:
            connection.turn_away(_LATE, linger=True)
        self._sweep = ports.later(SWEEP, self._look)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request: the handler's answer, or the refusal that it raised."""
        self.waiting.pop(request.protocol, None)  # type: ignore[call-overload]
        try:
            if header_size(request) > self.limits.header:
                raise refused("header-too-large", f"the header is larger than {self.limits.header} bytes")
            response = await self._handler(request)
        except Exception as error:  # noqa: BLE001 - whatever it is, the sender gets an answer and the log the rest
            refusal = problems.as_refusal(error, reads=request.method in {"GET", "HEAD"})
            self._on_refusal(refusal)
            instance = problems.new_instance()
            if refusal is not error and refusal.status >= 500:
                with structlog.contextvars.bound_contextvars(instance=instance):
                    self.failed(error, request)
            response = problems.response(refusal, close=not request.content.is_eof(), instance=instance)
        response.headers["Server"] = SERVER
        return response


class _Server(web.Server):
    def __init__(self, listener: Listener) -> None:
        super().__init__(listener.answer)
        self.listener = listener

    def __call__(self) -> RequestHandler:
        limits = self.listener.limits
        return _Connection(
            self,
            loop=self._loop,
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=limits.idle_seconds,
            lingering_time=LINGER,
            max_headers=limits.header_fields,
        )


class _Connection(RequestHandler):
    """One connection; knows whether it owes us the rest of a header."""

    __slots__ = ("_address", "_listener", "_turned_away")

    def __init__(self, server: _Server, **options: Any) -> None:
        super().__init__(server, **options)
        self._listener = server.listener
        self._address: str | None = None
        self._turned_away = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        listener, limits = self._listener, self._listener.limits
        peer = transport.get_extra_info("peername")
        self._address = peer[0] if isinstance(peer, tuple) else "socket"
        listener.per_address[self._address] += 1
        listener.waiting[self] = ports.boot()
        crowded = listener.per_address[self._address] > limits.connections_per_address
        if crowded or listener.connections > limits.connections:
            self.turn_away(_CROWDED)

    def connection_lost(self, exc: BaseException | None) -> None:
        listener = self._listener
        listener.waiting.pop(self, None)
        if self._address is not None:
            listener.per_address[self._address] -= 1
            if listener.per_address[self._address] <= 0:
                del listener.per_address[self._address]
            self._address = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._turned_away:
            return
        if self._current_request is None and self not in self._listener.waiting:
            self._listener.waiting[self] = ports.boot()
        super().data_received(data)

    def turn_away(self, answer: bytes, *, linger: bool = False) -> None:
        """Say the last word and close.

        With `linger` what still comes is read and thrown away for a moment: a connection that is closed with unread
        bytes in it is reset, and the reset may overtake the answer.
        """
        self._turned_away = True
        self._listener.waiting.pop(self, None)
        transport = self.transport
        if transport is None:
            return
        with contextlib.suppress(Exception):
            transport.write(answer)
            if linger and transport.can_write_eof():
                transport.write_eof()
                ports.later(LINGER, self.force_close)
                return
        self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What the parser refuses; nothing of the request is repeated in the answer or the log."""
        answer = problems.response(_parser_refusal(exc, message or ""), close=True)
        answer.headers["Server"] = SERVER
        return answer


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _nobody_hears(_error: BaseException, _request: web.BaseRequest) -> None:
    pass


def _parser_refusal(error: BaseException | None, message: str) -> Refused:
    if isinstance(error, http_exceptions.LineTooLong) or "Too many headers" in message:
        return refused("header-too-large", "a line of the header is too long, or there are too many")
    if isinstance(error, http_exceptions.BadHttpMethod):
        return refused("malformed", "the request is not HTTP")
    return refused("malformed", "the request is not well-formed HTTP")
