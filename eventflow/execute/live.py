"""One call under way: its time limit, its end, who is told, once; and the places that calls to one host share."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from structlog import get_logger

from eventflow import ports
from eventflow.execute.turn import Return
from eventflow.model.journal import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable

    from eventflow.execute.turn import Call

log = get_logger("eventflow.execute")

GRACE: Final = 5.0
"""Seconds that a cancelled call has to end before nobody waits for it any longer."""


class Live:
    """A call under way."""

    def __init__(self, call: Call, hand_over: Callable[[Return], None]) -> None:
        """Not begun yet; `hand_over` takes its return, once."""
        self.call = call
        self.task: asyncio.Task[None] | None = None
        self.why = ""
        """Why it was cancelled by us: timeout, broken off."""
        self._hand_over: Callable[[Return], None] | None = hand_over
        self._timer: asyncio.TimerHandle | None = None

    def limit(self) -> None:
        """The call itself begins now: its time limit counts from here."""
        if self.call.timeout is not None and not self.why:
            self._timer = ports.later(self.call.timeout / ports.SECOND, self._too_long)

    def drop(self) -> None:
        """Nobody waits for it any more: cancel it and forget what it returns."""
        self._hand_over = None
        self._cancel("broken off")

    def _too_long(self) -> None:
        self._cancel("timeout")
        self._timer = ports.later(GRACE, self._abandon)

    def _cancel(self, why: str) -> None:
        self.why = why
        if self._timer is not None:
            self._timer.cancel()
        if self.task is not None:
            self.task.cancel()

    def _abandon(self) -> None:
        log.error("action does not end when it is cancelled; left behind", action=self.call.uses, path=self.call.path)
        self._give(Return(call=self.call.id, error=self._timeout(" and does not end")))

    def _timeout(self, more: str = "") -> Trouble:
        limit = (self.call.timeout or 0) / ports.SECOND
        return Trouble("timeout", f"{self.call.uses} took longer than {limit:g} s{more}", retryable=True)

    def came_back(self, back: Return | None) -> None:
        """The call is over; None: it was cancelled, by us or by itself."""
        if self._timer is not None:
            self._timer.cancel()
        if self.why == "timeout" and (back is None or back.error is not None):
            back = Return(call=self.call.id, error=self._timeout())
        self._give(
            back or Return(call=self.call.id, error=Trouble("error", f"{self.call.uses} was cancelled from within"))
        )

    def _give(self, back: Return) -> None:
        hand_over, self._hand_over = self._hand_over, None
        if hand_over is not None:
            hand_over(back)


class Pool:
    """The places of one destination, and how many want one."""

    __slots__ = ("places", "users")

    def __init__(self, places: int) -> None:
        self.places, self.users = asyncio.Semaphore(places), 0


class Place:
    """A place in a destination's pool while the block lasts; a pool that nobody uses is forgotten."""

    __slots__ = ("_name", "_pool", "_pools")

    def __init__(self, pools: dict[str, Pool], name: str, pool: Pool) -> None:
        self._pools, self._name, self._pool = pools, name, pool
        pool.users += 1

    async def __aenter__(self) -> None:
        try:
            await self._pool.places.acquire()
        except BaseException:
            self._leave()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._pool.places.release()
        self._leave()

    def _leave(self) -> None:
        self._pool.users -= 1
        if not self._pool.users:
            del self._pools[self._name]
