"""An event loop whose time is virtual and whose order is drawn from a seed.

It runs the real router, executor and stores, one handle at a time. Every handle belongs to a node (a simulated process,
told by a context variable); a killed node's handles are never run again: no `finally`, no `except CancelledError`, as
under `kill -9`. A frozen node's handles are kept aside until it thaws, as under SIGSTOP. Time passes a little with
every step, so that an await which takes no time cannot hide a fault, and jumps to the next timer when nothing is ready.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Coroutine

NODE: contextvars.ContextVar[str] = contextvars.ContextVar("node", default="")
"""Which simulated process a handle belongs to; empty for the world outside."""


class Stuck(Exception):
    """Nothing is ready, no timer is set, and what was waited for has not come; or it took too many steps."""


class Killed(BaseException):
    """The process ends in the middle of a step. Nothing of it runs again, so nobody ever catches this for long."""


class NoSelector:
    """There is no outside: real sockets and threads are refused loudly."""

    def select(self, timeout: float | None = None) -> list[Any]:
        return []

    def close(self) -> None:
        pass


class SimLoop(asyncio.BaseEventLoop):
    """A loop for `world.World`; `rng` decides what runs next and how long it took."""

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
        self.frozen: dict[str, list[Any]] = {}
        self.graveyard: list[Any] = []
        self.errors: list[dict[str, Any]] = []
        self.on_step: Callable[[str, int], None] | None = None
        self.trace = 0
        self._born: list[asyncio.Task[Any]] = []
        self._prune_at = 256
        self.set_task_factory(SimLoop._task)
        self.set_exception_handler(SimLoop._note)

    def time(self) -> float:
        return self.now

    # --- nodes -------------------------------------------------------------------------------------------------------

    def spawn(self, node: str, work: Coroutine[Any, Any, Any], name: str = "") -> asyncio.Task[Any]:
        """Start `work` as a part of `node`."""
        context = contextvars.copy_context()
        context.run(NODE.set, node)
        return self.create_task(work, name=name or node, context=context)

    def thaw(self, node: str) -> None:
        """Run what a frozen node has missed."""
        self._ready.extend(self.frozen.pop(node, ()))

    def _task(self, work: Coroutine[Any, Any, Any], **named: Any) -> asyncio.Task[Any]:
        """Keep every task: one that nobody holds any more would be closed, and a killed one must not clean up."""
        task: asyncio.Task[Any] = asyncio.Task(work, loop=self, **named)
        if len(self._born) > self._prune_at:
            self._born = [one for one in self._born if not one.done()]
            self._prune_at = 2 * len(self._born) + 256
        self._born.append(task)
        return task

    def _note(self, context: dict[str, Any]) -> None:
        """An exception that nobody took. Those of dead nodes are their own business."""
        if not isinstance(context.get("exception"), Killed):
            self.errors.append(context)

    # --- steps -------------------------------------------------------------------------------------------------------

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
        if node in self.frozen:
            self.frozen[node].append(handle)
            return
        if node not in self.dead:
            self._count(node)
        if node in self.dead:
            self.graveyard.append(handle)
            return
        handle._run()

    def _draw(self) -> Any:
        ready = self._ready
        if len(ready) == 1:
            return ready.popleft()
        index = int(self.rng.random() * len(ready))
        ready.rotate(-index)
        handle = ready.popleft()
        ready.rotate(index)
        return handle

    def _count(self, node: str) -> None:
        self.steps += 1
        if self.steps > self.max_steps:
            raise Stuck(f"still not over after {self.steps} steps, at {self.now:.3f}")
        drawn = self.rng.random()
        self.now += drawn * 0.0002 if drawn < 0.9 else (drawn - 0.9) * 0.2
        self.trace = zlib.crc32(f"{node} {self.now:.9f}".encode(), self.trace)
        if node:
            count = self.node_steps[node] = self.node_steps.get(node, 0) + 1
            if self.on_step is not None:
                self.on_step(node, count)

    # --- the end -----------------------------------------------------------------------------------------------------

    def bury(self) -> None:
        """Let every unfinished coroutine end now, quietly: the simulation is over and nothing they do counts."""
        for task in self._born:
            if task.done():
                task.exception() if not task.cancelled() else None
                continue
            task._log_destroy_pending = False
            close(task.get_coro())
        self._born.clear()
        self.graveyard.clear()
        self.frozen.clear()
        self._ready.clear()
        self._scheduled.clear()
        self.close()


def close(coroutine: Any) -> None:
    """End a coroutine, whatever its `finally` blocks still want to wait for."""
    for _ in range(50):
        try:
            coroutine.close()
        except BaseException:  # noqa: BLE001 - it is to end, not to succeed
            continue
        return


def run(loop: SimLoop, work: Coroutine[Any, Any, Any]) -> Any:
    """Run `work` to its end and leave the loop unclosed for looking at."""
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(work)
    finally:
        asyncio.set_event_loop(None)
