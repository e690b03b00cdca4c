"""The door of one configured source: `POST /in/<name>`.

The order is the promise: who floods is shed before the body is read; the body is read within limits; the sender is
checked over the raw bytes; only then is anything looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventflow import ports
from eventflow.errors import SettingsError
from eventflow.ingest.drafts import Drafts
from eventflow.ingest.events import answer, go_on
from eventflow.ingest.gateway import Accepted, Gateway, Room
from eventflow.ingest.mapping import SourceMapping
from eventflow.plugin import Delivery
from eventflow.web.limits import check_length, read_body

if TYPE_CHECKING:
    from aiohttp import web

    from eventflow.plugin import Source

_NONE: frozenset[str] = frozenset()


class SourceDoor:
    """Takes the deliveries of one source; its settings say `map`, `dedup`, `partition_key` and `rate`."""

    def __init__(self, gateway: Gateway, source: Source) -> None:
        """Compile the mapping. Raises `SettingsError`."""
        context = source.context
        given = context.settings
        self._gateway = gateway
        self._source = source
        self._sender = gateway.sender(context.name, given.get("rate"))
        mapping = SourceMapping(context.name, given)
        self._drafts = Drafts(
            context.name, source.name, mapping, partitions=gateway.bus.partitions, depth=gateway.limits.depth
        )

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """One delivery, answered when its events are stored."""
        limits = self._gateway.limits
        self._gateway.look(self._sender, check_length(request, limits.body))
        received = ports.wall()
        if "Expect" in request.headers:
            await go_on(request)
        with Room(self._gateway) as room:
            body = await read_body(request, limits, limits.body, room.take)
            delivery = _delivery(request, body, received)
            self._source.verify(delivery)
            lines, chosen = self._drafts.finish(self._source.read(delivery), delivery)
            if not lines.entries:
                return answer(Accepted(0, 0))
            return answer(await self._gateway.accept(self._sender, lines, chosen=chosen))


def _delivery(request: web.BaseRequest, body: bytes, received: int) -> Delivery:
    path, question, _ = request.raw_path.partition("?")
    headers: dict[str, str] = {}
    repeated: list[str] = []
    for name, value in request.headers.items():
        lower = name.lower()
        if lower in headers:
            repeated.append(lower)
        else:
            headers[lower] = value
    return Delivery(
        method=request.method, path=path, query=dict(request.query) if question else {}, headers=headers, body=body,
        received=received, peer=request.remote or "", repeated=frozenset(repeated) if repeated else _NONE,
    )  # fmt: skip


def door_path(name: str, path: str | None) -> str:
    """The path of a source: its own, or `/in/<name>`. Raises `SettingsError` for `/events`."""
    found = path or f"/in/{name}"
    if found == "/events" or not found.startswith("/"):
        raise SettingsError(f"sources.{name}.path: {found!r} is no path for a source")
    return found
