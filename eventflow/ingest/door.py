"""The public listener's table: `/events` and one path for each configured source. Nothing else is there.

Paths are compared as they came: `//events`, `/events/`, `/%65vents` and `/Events` are other paths, and there is nothing
at them. A request for nothing is answered before its body is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventflow.web.problems import refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from aiohttp import web

    Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class PublicDoor:
    """The handler of the public listener: `doors` is path → who takes what is posted there."""

    def __init__(self, doors: Mapping[str, Handler]) -> None:
        """The table is fixed."""
        self._doors = dict(doors)

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Hand the request to its door. Raises `Refused` (404, 405)."""
        door = self._doors.get(request.raw_path.partition("?")[0])
        if door is None:
            if request.raw_path.startswith("/in/"):
                raise refused("not-found", "no source has this path; look at the names under sources: in the settings")
            raise refused("not-found", "there is nothing at this path; events go to /events")
        if request.method != "POST":
            raise refused("method", "only POST is taken here", headers={"Allow": "POST"})
        return await door(request)
