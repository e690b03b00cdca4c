"""An event loop whose time is virtual and whose order is drawn from a seed.

It runs the real router, executor and stores, one handle at a time. Every handle belongs to a node (a simulated process,
told by a context variable); a killed node's handles are never run again: no `finally`, no `except CancelledError`, as
under `kill -9`. Time passes a little with every step, so that an await which takes no time cannot hide a fault, and
jumps to the next timer when nothing is ready.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Coroutine

NODE: contextvars.ContextVar[str] = contextvars.ContextVar("node", default="")


class Stuck(Exception):
    """Nothing is ready, no timer is set, and what was waited for has not come; or it took too many steps."""


class NoSelector:
    """There is no outside: real sockets and threads are refused loudly."""

    def select(self, timeout: float | None = None) -> list[Any]:
        return []

    def close(self) -> None:
        pass


class SimLoop(asyncio.BaseEventLoop):
    """A loop for `world.World`; `rng` decides what runs next."""

    def __init__(self, rng: random.Random, *, max_steps: int = 3_000_000) -> None:
        super().__init__()
        self._selector = NoSelector()
        self._clock_resolution = 1e-9
        self.rng = rng
        self.now = 1_000.0
        self.steps = 0
        self.max_steps = max_steps
        self.node_steps: dict[str, int] = {}
        self.dead: set[str] = set()
        self.graveyard: list[Any] = []
        self.on_step: Callable[[str, int], None] | None = None
        self.trace = 0

    def time(self) -> float:
        return self.now

    def _process_events(self, event_list: list[Any]) -> None:
        pass

    def _write_to_self(self) -> None:
        pass

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """Inline: there are no threads in a simulation."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it goes to whoever waits, as from a thread
            future.set_exception(error)
        return future

    def _run_once(self) -> None:
        while self._scheduled and self._scheduled[0]._cancelled:
            heapq.heappop(self._scheduled)._scheduled = False
        if not self._ready:
            if not self._scheduled:
                raise Stuck(f"nothing is ready and no timer is set at {self.now:.6f} after {self.steps} steps")
            self.now = max(self.now, self._scheduled[0]._when)
        while self._scheduled and self._scheduled[0]._when <= self.now:
            handle = heapq.heappop(self._scheduled)
            handle._scheduled = False
            self._ready.append(handle)
        handle = self._draw()
        if handle._cancelled:
            return
        node = handle._context.get(NODE, "")
        if node in self.dead:
            self.graveyard.append(handle)
            return
        self._count(node)
        if node in self.dead:
            self.graveyard.append(handle)
            return
        handle._run()

    def _draw(self) -> Any:
        index = self.rng.randrange(len(self._ready))
        self._ready.rotate(-index)
        handle = self._ready.popleft()
        self._ready.rotate(index)
        return handle

    def _count(self, node: str) -> None:
        self.steps += 1
        if self.steps > self.max_steps:
            raise Stuck(f"still not over after {self.steps} steps, at {self.now:.3f}")
        self.now += self.rng.random() * (0.0002 if self.rng.random() < 0.9 else 0.02)
        self.trace = hash((self.trace, node, round(self.now, 9)))
        if node:
            count = self.node_steps[node] = self.node_steps.get(node, 0) + 1
            if self.on_step is not None:
                self.on_step(node, count)


def run(loop: SimLoop, work: Coroutine[Any, Any, Any]) -> Any:
    """Run `work` to its end and leave the loop unclosed for looking at."""
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(work)
    finally:
        asyncio.set_event_loop(None)
