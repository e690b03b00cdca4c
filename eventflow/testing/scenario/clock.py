"""The time of a test: an event loop and a world whose clocks only move when somebody moves them.

The loop runs whatever is ready, one turn after the other, and takes no time over it. When nothing is ready it is
*quiet* and tells whoever waits for that; `jump` moves the clock. Timers know which room set them, so that the clock can
pass over those that only look again every so often.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import heapq
import random
from typing import TYPE_CHECKING, Any, Final

from eventflow.ports import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from eventflow.ports import Micros

ROOM: Final[contextvars.ContextVar[str]] = contextvars.ContextVar("room", default="")
"""The name of the task that a handle belongs to."""
TURNS: Final = 2_000_000
"""Turns after which a test that never comes to rest is given up."""


class Restless(Exception):
    """The test does not come to rest."""


class Quiet:
    """A selector for a loop without an outside."""

    def select(self, _timeout: float | None = None) -> list[Any]:
        """Nothing ever comes."""
        return []

    def close(self) -> None:
        """Nothing is held."""


class VirtualLoop(asyncio.BaseEventLoop):
    """A loop whose time stands still until `jump`."""

    def __init__(self) -> None:
        """At second 0."""
        super().__init__()
        self._selector = Quiet()
        self._clock_resolution = 1e-9
        self._now: Micros = 0
        self._turns = 0
        self._quiet: asyncio.Future[None] | None = None
        self.trouble: list[str] = []
        """What no task took care of."""
        self.set_exception_handler(self._note)

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._now / SECOND

    @property
    def now(self) -> Micros:
        """The same in whole microseconds."""
        return self._now

    def jump(self, to: Micros) -> None:
        """Move the clock forward."""
        self._now = max(self._now, to)

    async def quiet(self) -> None:
        """Wait until there is nothing to do at this moment."""
        self._quiet = self.create_future()
        await self._quiet

    def next_timer(self, passing: Collection[str] = ()) -> Micros | None:
        """When the next timer is due that was set in none of these rooms."""
        due = [one._when for one in self._scheduled if not one._cancelled and one._context.get(ROOM, "") not in passing]  # type: ignore[attr-defined]  # noqa: SLF001
        return None if not due else -int(-min(due) * SECOND // 1)

    def create_task(  # type: ignore[override]
        self, coro: Any, *, name: str | None = None, context: contextvars.Context | None = None
    ) -> asyncio.Task[Any]:
        """A task whose handles know its name as their room; one without a name stays in the room of who starts it."""
        context = context or contextvars.copy_context()
        if name is not None:
            context.run(ROOM.set, name)
        return asyncio.Task(coro, loop=self, name=name, context=context)

    def bury(self) -> None:
        """Let what is still under way end now, quietly; nothing of it counts any more."""
        for task in asyncio.all_tasks(self):
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001
            with contextlib.suppress(BaseException):
                task.get_coro().close()

    def _note(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.trouble.append(str(context.get("exception") or context.get("message")))

    def _run_once(self) -> None:
        self._turns += 1
        if self._turns > TURNS:
            raise Restless(f"the test has not come to rest after {TURNS:,} turns")
        scheduled: list[Any] = self._scheduled  # type: ignore[attr-defined]
        ready: Any = self._ready  # type: ignore[attr-defined]
        while scheduled and (scheduled[0]._cancelled or scheduled[0]._when <= self._now / SECOND + 1e-9):  # noqa: SLF001
            handle = heapq.heappop(scheduled)
            handle._scheduled = False  # noqa: SLF001
            if not handle._cancelled:  # noqa: SLF001
                ready.append(handle)
        if not ready:
            if self._quiet is None or self._quiet.done():
                raise Restless("nothing is left to do, and what was waited for has not come")
            self._quiet.set_result(None)
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled:  # noqa: SLF001
                handle._run()  # noqa: SLF001

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody sleeps."""

    def run_in_executor(  # type: ignore[override]
        self, _executor: Any, func: Callable[..., Any], *args: Any
    ) -> Any:
        """Here and now: there are no threads."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it goes to whoever waits, as from a thread
            future.set_exception(error)
        return future


class VirtualWorld:
    """`ports.World` on a virtual loop: both clocks are the loop's, chance is the same every time."""

    def __init__(self, loop: VirtualLoop, start: Micros) -> None:
        """`start` is the wall clock at the beginning."""
        self._loop, self._start = loop, start
        self._dice = random.Random(1)  # noqa: S311 - a test wants the same every time

    def wall(self) -> Micros:
        """The start and what has passed since."""
        return self._start + self._loop.now

    def boot(self) -> Micros:
        """The same: nobody sets this clock."""
        return self._start + self._loop.now

    def random_bytes(self, n: int) -> bytes:
        """The same in every test."""
        return self._dice.randbytes(n)

    def uniform(self) -> float:
        """The same in every test."""
        return self._dice.random()

    def failpoint(self, name: str) -> None:
        """Nobody dies."""

    def sometimes(self, name: str) -> bool:
        """Never."""
        return False
