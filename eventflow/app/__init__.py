"""The only place that knows everybody: builds the house from settings, opens and closes it.

`house` is `Eventflow` itself; `rooms` makes bus and store, `workflows` and `actions` what runs need, `doors` the
listeners, `readings` what metrics read. What needs no house (`documents`, `components`) does not load it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eventflow.app.house import Eventflow

__all__ = ["Eventflow"]


def __getattr__(name: str) -> Any:
    """Load the house when somebody asks for it."""
    if name != "Eventflow":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from eventflow.app.house import Eventflow

    return Eventflow
