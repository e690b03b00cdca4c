"""Speaks HTTP for the API: finds the route, checks who asks, turns values into JSON.

The same handler serves the private listener (bearer tokens) and the Unix socket (`trusted`: only the user who runs
eventflow can open it). Refusals are raised; the listener writes them down as problem documents.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from eventflow.console.call import Call
from eventflow.console.guard import check
from eventflow.console.table import Table
from eventflow.web.limits import Limits
from eventflow.web.problems import refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from eventflow.console.house import House

HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}


def handler(
    house: House, *, trusted: bool = False, loopback: bool = False, limits: Limits | None = None
) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
    """What a listener serves. `trusted`: who can connect needs no token (the Unix socket). `loopback`: nobody has a
    reason to call it by a name of the outside.
    """
    bounds, table = limits or Limits(), Table()

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        if not trusted:
            check(request.headers, loopback=loopback)
        if request.path == "/":
            raise refused("not-found", "there is no web page yet; the API is at /api/v1, see /api/openapi.json")
        operation, values = table.find(request.method, request.raw_path)
        who = "local"
        if not trusted and operation.scope is not None:
            who = house.tokens.require(request.headers.get("Authorization"), operation.scope).name
        answer = await operation.handler(Call(house, request, operation, values, who, bounds))
        response = answer if isinstance(answer, web.StreamResponse) else _json(answer, operation.status)
        if not response.prepared:
            response.headers.update(HEADERS)
        return response

    return handle


def _json(value: object, status: int) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")
