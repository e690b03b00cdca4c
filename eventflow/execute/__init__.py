"""Takes runs under lease, asks `advance` what is next, does it, writes it down."""

from __future__ import annotations

from eventflow.execute.executor import Executor
from eventflow.execute.turn import Frontier

__all__ = ["Executor", "Frontier"]
