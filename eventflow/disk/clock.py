"""The log clock of a bus that stamps its own records (W4).

A thing of its own because everything that measures time by the log relies on three sentences: it never goes back, it
never stands still, and a wall clock that somebody sets changes nothing while the process runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventflow import ports

if TYPE_CHECKING:
    from eventflow.model.event import Micros


class LogClock:
    """Starts at the wall clock or the last stamp, whichever is later, and goes on with boot time, suspend included."""

    def __init__(self, last: Micros = 0) -> None:
        """`last` is the last stamp that was ever given."""
        self._last = last
        self._base = max(ports.wall(), last) - ports.boot()

    @property
    def last(self) -> Micros:
        """The last stamp given."""
        return self._last

    def now(self) -> Micros:
        """Never less than a stamp given so far."""
        return max(self._base + ports.boot(), self._last)

    def stamp(self) -> Micros:
        """A stamp later than all before."""
        self._last = max(self._base + ports.boot(), self._last + 1)
        return self._last
