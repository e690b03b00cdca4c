"""Speaks HTTP for the API: finds the route, checks who asks, turns values into JSON and errors into problem documents.

The same application serves the private listener (bearer tokens) and the Unix socket (`trusted`: only the user who runs
eventflow can open it). A request that matches no route is refused before its body is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import structlog
from aiohttp import web

from eventflow.console.call import Call
from eventflow.console.routes import ROUTES, Route, pattern
from eventflow.errors import EventflowError, Refused
from eventflow.web.problems import as_refusal, refused, response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from eventflow.console.house import House

log = structlog.get_logger("eventflow.console")
ROUTE: web.AppKey[Route] = web.AppKey("route", Route)
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}


def application(house: House, *, trusted: bool = False, body_limit: int = 16 << 20) -> web.Application:
    """The application with every route. `trusted`: who can open it needs no token (the Unix socket)."""
    made = web.Application(client_max_size=body_limit, middlewares=[_problems])
    for route in ROUTES:
        made.router.add_route(route.method, pattern(route), _handler(house, route, trusted=trusted))
    made.router.add_route("GET", "/", _nothing_yet)
    return made


async def _nothing_yet(_request: web.Request) -> web.StreamResponse:
    raise refused("not-found", "there is no web page yet; the API is at /api/v1, described at /api/openapi.json")


def _handler(house: House, route: Route, *, trusted: bool) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    known = frozenset(route.query) | ({"limit", "after"} if route.many else frozenset())

    async def handle(request: web.Request) -> web.StreamResponse:
        by = "local" if trusted else _who(house, route, request)
        answer = await route.handler(Call(house, request, by, known))
        return answer if isinstance(answer, web.StreamResponse) else _json(answer, route.status)

    return handle


def _who(house: House, route: Route, request: web.Request) -> str:
    """Whoever holds a token with the route's scope. Raises 401 without a token, 403 without the scope."""
    if route.scope is None:
        return "anybody"
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    scopes = house.scopes(token.strip()) if scheme.lower() == "bearer" and token else None
    if scopes is None:
        raise refused("credentials", "send a token: Authorization: Bearer ef_…")
    if route.scope not in scopes and "admin" not in scopes:
        raise refused("scope", f"this needs a token with the scope {route.scope}")
    return "token"


def _json(value: Any, status: int) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")


@web.middleware
async def _problems(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Every answer with safe headers, every error as a problem document."""
    try:
        answer = await handler(request)
    except web.HTTPException as error:
        answer = response(_plain(error), close=True)
    except EventflowError as error:
        answer = response(as_refusal(error))
    except Exception as error:
        log.exception("api.failed", path=request.path, method=request.method)
        answer = response(as_refusal(error))
    answer.headers.update(HEADERS)
    return answer


def _plain(error: web.HTTPException) -> Refused:
    """An HTTP error of the framework in our words."""
    if error.status == 405 and isinstance(error, web.HTTPMethodNotAllowed):
        return refused("method", f"allowed here: {', '.join(sorted(error.allowed_methods))}")
    if error.status == 413:
        return refused("too-large", "the body is larger than what is taken")
    if error.status == 404:
        return refused("not-found", "no such path; see /api/openapi.json")
    return refused("malformed", "the request cannot be read")
