"""The door for CloudEvents: `POST /events`, on the public listener and in the API.

The token is asked for before the body is read. A batch is all or nothing, and its first bad line is named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from eventflow import ports
from eventflow.ingest import forms
from eventflow.ingest.gateway import Room
from eventflow.ingest.lines import Lines
from eventflow.web.limits import check_length, read_body
from eventflow.web.problems import refused

if TYPE_CHECKING:
    from eventflow.ingest.gateway import Accepted, Gateway, Sender
    from eventflow.web.tokens import Tokens

SCOPE = "events:write"
PIECE = 1000
"""Lines that are checked before the loop gets a turn."""
_WELCOME = (
    f"send {forms.STRUCTURED}, {forms.BATCH}, {forms.NDJSON[0]}, or any content type with the attributes in ce- headers"
)

_JSON = {"Content-Type": "application/json"}


class EventsDoor:
    """Takes CloudEvents from whoever has a token with `events:write`."""

    def __init__(self, gateway: Gateway, tokens: Tokens | None = None, *, rate: float | None = None) -> None:
        """`rate`: events a second that each token may send."""
        self._gateway = gateway
        self._tokens = tokens
        self._rate = rate
        self._senders: dict[str, Sender] = {}

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """The request of a stranger: who sends must hold a token."""
        if self._tokens is None:
            raise refused("credentials", "no tokens are configured here")
        token = self._tokens.require(request.headers.get("Authorization"), SCOPE)
        return await self.take(request, token.name)

    async def take(self, request: web.BaseRequest, name: str = "local") -> web.StreamResponse:
        """The request of somebody who is known already, under `name`."""
        sender = self._senders.get(name)
        if sender is None:
            sender = self._senders[name] = self._gateway.sender(name, self._rate)
        given = request.headers.get("Content-Type", "")
        kind = forms.media_type(given)
        limits = self._gateway.limits
        most = limits.unpacked if kind in forms.MANY else limits.body
        self._gateway.look(sender, check_length(request, most))
        if "Expect" in request.headers:
            await go_on(request)
        with Room(self._gateway) as room:
            body = await read_body(request, limits, most, room.take)
            return answer(await self._gateway.accept(sender, await self._lines(request, given, kind, body)))

    async def _lines(self, request: web.BaseRequest, given: str, kind: str, body: bytes) -> Lines:
        check = self._gateway.checker.check
        if kind in forms.NDJSON:
            forms.check_text(body)
            return await self._checked(*forms.ndjson(body))
        if kind == forms.BATCH:
            forms.check_text(body)
            return await self._checked(forms.batch(body), None)
        if kind == forms.STRUCTURED:
            forms.check_text(body)
            return check([forms.one_line(body)])
        if "ce-specversion" in request.headers:
            return check([forms.binary(request.headers.items(), given, body)])
        raise refused("media-type", _WELCOME)

    async def _checked(self, lines: list[bytes], numbers: list[int] | None) -> Lines:
        """Many lines, with a turn for the loop after each piece."""
        limits, check = self._gateway.limits, self._gateway.checker.check
        if len(lines) > limits.batch:
            raise refused("too-large", f"a batch holds at most {limits.batch} events, this one {len(lines)}")
        if lines and max(map(len, lines)) > limits.body:
            raise refused("too-large", f"an event of the batch is larger than {limits.body} bytes")
        if len(lines) <= PIECE:
            return check(lines, numbers=numbers)
        whole = Lines([], [], [], 0)
        for start in range(0, len(lines), PIECE):
            piece = lines[start : start + PIECE]
            done = check(piece, start + 1, numbers=numbers and numbers[start : start + PIECE])
            whole = _joined(whole, done)
            await ports.breathe()
        return whole


def _joined(one: Lines, other: Lines) -> Lines:
    one.entries.extend(other.entries)
    one.keys.extend(other.keys)
    one.bodies.extend(other.bodies)
    return Lines(one.entries, one.keys, one.bodies, one.clamped + other.clamped)


def answer(accepted: Accepted) -> web.Response:
    """202 with the counts."""
    return web.Response(body=msgspec.json.encode(accepted), status=202, headers=_JSON)


async def go_on(request: web.BaseRequest) -> None:
    """Tell a sender that waits for it to send the body (`Expect: 100-continue`)."""
    if request.headers.get("Expect", "").lower() == "100-continue" and not request.content.is_eof():
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
