"""The stored events, asked of the running server page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eventflow.cli.tail import since_time
from eventflow.model.event import ENGINE, Event, parse_time

if TYPE_CHECKING:
    from eventflow.cli.doors import Door

PAGE = 200


def stored(door: Door, since: str) -> list[Event]:
    """All events since then, oldest first; those of the engine left out. Raises `NoServer`."""
    events: list[Event] = []
    query: dict[str, Any] = {"since": since_time(since)}
    while True:
        page = door.request("GET", "/feed", query={**query, "wait": 0, "limit": PAGE})
        events += [_event(item["event"]) for item in page["items"] if item["event"]["source"] != ENGINE]
        if page["next"] == query.get("after"):
            return events
        query = {"after": page["next"]}


def _event(shown: dict[str, Any]) -> Event:
    """An event as the API shows it."""
    return Event(
        id=shown["id"], source=shown["source"], type=shown["type"], kind=shown["kind"] or shown["type"],
        subject=shown.get("subject") or "", time=parse_time(shown["time"]), data=shown["data"],
        extensions=shown.get("extensions") or {},
    )  # fmt: skip
