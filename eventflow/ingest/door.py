"""The public listener's table: `/events` and one path for each configured source. Nothing else is there.

Paths are compared as they came: `//events`, `/events/`, `/%65vents` and `/Events` are other paths, and there is nothing
at them. A request for nothing is answered before its body is read. What a door refuses is told in the log, once a
minute for each door and reason: a sender with a wrong secret is the first thing that somebody looks for there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from eventflow import ports
from eventflow.errors import Refused
from eventflow.web.problems import refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from aiohttp import web

    Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

log = structlog.get_logger("eventflow.ingest")
TELL: Final = 60 * ports.SECOND
"""A door's refusals for one reason are told once in so long; those between are counted."""


class PublicDoor:
    """The handler of the public listener: `doors` is path → who takes what is posted there."""

    def __init__(self, doors: Mapping[str, Handler]) -> None:
        """The table is fixed."""
        self._doors = dict(doors)
        self._told: dict[tuple[str, str], tuple[int, int]] = {}
        """(path, code) → when it was told, how many since."""

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Hand the request to its door. Raises `Refused` (404, 405)."""
        path = request.raw_path.partition("?")[0]
        door = self._doors.get(path)
        if door is None:
            if request.raw_path.startswith("/in/"):
                raise refused("not-found", "no source has this path; look at the names under sources: in the settings")
            raise refused("not-found", "there is nothing at this path; events go to /events")
        if request.method != "POST":
            raise refused("method", "only POST is taken here", headers={"Allow": "POST"})
        try:
            return await door(request)
        except Refused as refusal:
            self._tell(path, refusal)
            raise

    def _tell(self, path: str, refusal: Refused) -> None:
        """Log a refusal; overload is told by who has no room."""
        if refusal.status >= 500 or refusal.status == 429:
            return
        now = ports.boot()
        told, since = self._told.get((path, refusal.code), (now - TELL, 0))
        if now - told < TELL:
            self._told[path, refusal.code] = told, since + 1
            return
        self._told[path, refusal.code] = now, 0
        log.warning(
            "door.refused", door=path, code=refusal.code, status=refusal.status, why=refusal.detail, more=since or None
        )
