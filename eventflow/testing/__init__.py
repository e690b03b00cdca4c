"""Door 3: the contract suites, for whoever writes a component.

    from eventflow.testing import SourceContract

    class TestMySource(SourceContract): ...

Names are loaded on first use: importing this package needs neither pytest nor hypothesis, using a suite does. The tool
for CEL conformance is started by its own name, `python -m eventflow.testing.cel`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from eventflow.testing.action import ActionContract
    from eventflow.testing.bus import BusContract
    from eventflow.testing.detector import DetectorContract
    from eventflow.testing.source import PullContract, SourceContract
    from eventflow.testing.store import StoreContract

__all__ = ["ActionContract", "BusContract", "DetectorContract", "PullContract", "SourceContract", "StoreContract"]

_ROOMS: Final = {
    "ActionContract": "eventflow.testing.action",
    "BusContract": "eventflow.testing.bus",
    "DetectorContract": "eventflow.testing.detector",
    "PullContract": "eventflow.testing.source",
    "SourceContract": "eventflow.testing.source",
    "StoreContract": "eventflow.testing.store",
}


def __getattr__(name: str) -> Any:
    """A suite, from where it lives."""
    if name not in _ROOMS:
        raise AttributeError(f"module 'eventflow.testing' has no attribute {name!r}")
    return getattr(import_module(_ROOMS[name]), name)
