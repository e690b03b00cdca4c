"""The broker's clock as far as it shows: log times are the broker's, and our own clock may differ from it (W4).

Nobody can be asked for the time in Kafka; each acknowledgement carries the broker's stamp. A stamp seen at a moment
says that the broker's clock was at least there, so the estimate never runs ahead of it by more than the answer took.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from eventflow import ports

if TYPE_CHECKING:
    from eventflow.model.event import Micros

_KNOWN_FOR: Final[Micros] = 60 * ports.SECOND


class BrokerClock:
    """Starts at our wall clock, follows the broker's stamps, never goes back and never stands still."""

    def __init__(self) -> None:
        """Know nothing of the broker."""
        self._wall = ports.wall() - ports.boot()
        self._base: Micros | None = None
        self._based_at: Micros = 0
        self._said: Micros = 0
        self._said_at: Micros = ports.boot()
        self._last: Micros = 0

    @property
    def ahead(self) -> Micros:
        """By how much the broker's clock is ahead of ours; 0 before anything was acknowledged."""
        return 0 if self._base is None else self._base - (ports.wall() - ports.boot())

    def acknowledged(self, stamp: Micros) -> None:
        """The broker gave this stamp just now. Its stamps are whole milliseconds."""
        now = ports.boot()
        base = stamp - now
        if self._base is None or base > self._base or now - self._based_at > _KNOWN_FOR:
            self._base, self._based_at = base, now
        self.seen(stamp)

    def seen(self, stamp: Micros) -> None:
        """A record with this stamp was read."""
        self._last = max(self._last, stamp)

    def now(self) -> Micros:
        """Never less than a stamp seen; where the estimate falls back it goes on at half speed meanwhile."""
        boot = ports.boot()
        estimate = max((self._wall if self._base is None else self._base) + boot, self._last)
        slow = self._said + (boot - self._said_at) // 2
        self._said, self._said_at = max(estimate, slow if self._said else 0), boot
        return self._said
