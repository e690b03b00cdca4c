"""What one sender may send: a bucket of tokens that fills up steadily and holds two seconds' worth."""

from __future__ import annotations

from eventflow import ports
from eventflow.web.problems import refused

BURST_SECONDS = 2.0


class Rate:
    """`per_second` events; None is no bound."""

    def __init__(self, per_second: float | None) -> None:
        """Full."""
        self._per_second = per_second
        self._most = (per_second or 0) * BURST_SECONDS
        self._left = self._most
        self._at = ports.boot()

    def check(self) -> None:
        """Raise `Refused` (429) while the bucket is empty. A batch may overdraw it, and is paid for by waiting."""
        if self._per_second is None:
            return
        now = ports.boot()
        self._left = min(self._most, self._left + (now - self._at) / ports.SECOND * self._per_second)
        self._at = now
        if self._left < 1:
            wait = max(1, round((1 - self._left) / self._per_second))
            raise refused("rate", "this sender sends more than it may", headers={"Retry-After": str(wait)})

    def charge(self, events: int) -> None:
        """Take for events that were accepted."""
        self._left -= events
