"""eventflow turns events into action: a durable, event-driven trigger router (door 1: embedding).

    from eventflow import Eventflow

    async with Eventflow({"workflows": ["workflows"]}) as flow:
        await flow.emit(flow.event("order.created", {"total": 12}))

Names are loaded on first use, so that `import eventflow` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eventflow.app import Eventflow
    from eventflow.errors import EventflowError
    from eventflow.model.event import Event

__version__ = "0.1.0"
__all__ = ["Event", "Eventflow", "EventflowError", "__version__"]


def __getattr__(name: str) -> Any:
    """`Eventflow`, `Event` and `EventflowError`, from where they live."""
    if name == "Eventflow":
        from eventflow.app import Eventflow

        return Eventflow
    if name == "Event":
        from eventflow.model.event import Event

        return Event
    if name == "EventflowError":
        from eventflow.errors import EventflowError

        return EventflowError
    raise AttributeError(f"module 'eventflow' has no attribute {name!r}")
