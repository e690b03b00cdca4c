"""The functions an expression may call, one file per group; importing this package fills the table."""

from __future__ import annotations

from eventflow.match.functions import (  # noqa: F401 - each fills the table
    conversions,
    encode,
    formatting,
    lists,
    network,
    numbers,
    optionals,
    own,
    texts,
    times,
)
from eventflow.match.functions.table import ENTRIES, FUNCTIONS, METHODS, Entry, Overload, Overloads

__all__ = ["ENTRIES", "FUNCTIONS", "METHODS", "Entry", "Overload", "Overloads"]
