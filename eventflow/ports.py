"""Time, randomness and tasks: the only module that touches the real ones.

Everything that would make two executions of the same program differ comes through here, so that a simulation can
put its own `World` in place and replay a whole house from a seed. Outside this module the direct calls are banned
(ruff TID251, and a test for what ruff cannot see).

Times are whole microseconds since the Unix epoch (`Micros`); durations are whole microseconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import time
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine, Iterator

Micros = int
"""Microseconds: since the Unix epoch for a point in time, else a duration."""

SECOND: Micros = 1_000_000
T = TypeVar("T")


class World(Protocol):
    """What the outside supplies; a simulation brings its own."""

    def wall(self) -> Micros:
        """The wall clock. It may jump, in both directions."""

    def boot(self) -> Micros:
        """Time since an arbitrary start, suspend included. It never goes back and never jumps."""

    def random_bytes(self, n: int) -> bytes:
        """Unpredictable bytes (predictable in a simulation)."""

    def uniform(self) -> float:
        """A number from [0, 1) for jitter."""

    def failpoint(self, name: str) -> None:
        """A named place where a test may let the process die or raise; nothing in production."""

    def sometimes(self, name: str) -> bool:
        """False in production; a simulation says true now and then, to reach rare paths."""


class RealWorld:
    """The operating system's clocks and randomness.

    `EVENTFLOW_FAILPOINT=name[:n]` in the environment ends the process as `kill -9` would at the n-th passing of the
    failpoint `name`; it serves the crash tests.
    """

    def __init__(self) -> None:
        """Read the failpoint from the environment."""
        name, _, count = os.environ.get("EVENTFLOW_FAILPOINT", "").partition(":")
        self._failpoint, self._passings = name, int(count or 1)

    def wall(self) -> Micros:
        """`CLOCK_REALTIME`."""
        return time.time_ns() // 1000

    def boot(self) -> Micros:
        """`CLOCK_BOOTTIME` where the system has it, else the monotonic clock."""
        if hasattr(time, "CLOCK_BOOTTIME"):
            return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
        return time.monotonic_ns() // 1000

    def random_bytes(self, n: int) -> bytes:
        """From the operating system."""
        return secrets.token_bytes(n)

    def uniform(self) -> float:
        """From the operating system, 53 bits."""
        return int.from_bytes(secrets.token_bytes(7), "big") % (1 << 53) / (1 << 53)

    def failpoint(self, name: str) -> None:
        """End the process here when the environment asked for it."""
        if name == self._failpoint:
            self._passings -= 1
            if self._passings == 0:
                os.kill(os.getpid(), 9)

    def sometimes(self, name: str) -> bool:
        """Never."""
        return False


_world: World = RealWorld()


@contextlib.contextmanager
def use(world: World) -> Iterator[World]:
    """Put another world in place for the length of a `with` block (simulations and tests)."""
    global _world  # noqa: PLW0603 - one process has one world
    before, _world = _world, world
    try:
        yield world
    finally:
        _world = before


def wall() -> Micros:
    """The wall clock; see `World.wall`."""
    return _world.wall()


def boot() -> Micros:
    """Time that never goes back; see `World.boot`."""
    return _world.boot()


def random_bytes(n: int) -> bytes:
    """Unpredictable bytes."""
    return _world.random_bytes(n)


def uniform() -> float:
    """A number from [0, 1)."""
    return _world.uniform()


def failpoint(name: str) -> None:
    """A place where a crash test may end the process: `failpoint("commit.before")`."""
    _world.failpoint(name)


def sometimes(name: str) -> bool:
    """False in production; true now and then in a simulation."""
    return _world.sometimes(name)


async def sleep(seconds: float) -> None:
    """Wait on the loop's clock (virtual in a simulation)."""
    await asyncio.sleep(seconds)


async def breathe() -> None:
    """Give the loop one turn."""
    await asyncio.sleep(0)


def soon(call: Callable[[], object]) -> None:
    """Run `call` in the loop's next turn."""
    asyncio.get_running_loop().call_soon(call)


def later(seconds: float, call: Callable[[], object]) -> asyncio.TimerHandle:
    """Run `call` after `seconds`; cancel by the handle."""
    return asyncio.get_running_loop().call_later(seconds, call)


def deadline(seconds: float | None) -> asyncio.Timeout:
    """An `async with` block that raises `TimeoutError` after `seconds`."""
    return asyncio.timeout(seconds)


async def wait_for(tasks: Collection[asyncio.Task[Any]], seconds: float) -> None:
    """Wait until all have ended, at most so long; neither cancels them nor raises what they raised."""
    if tasks:
        await asyncio.wait(tasks, timeout=seconds)


async def in_thread(call: Callable[..., T], *args: Any) -> T:
    """Run a blocking call outside the loop. Not for anything on the way of an event: a busy loop starves threads."""
    return await asyncio.to_thread(call, *args)


class Tasks:
    """The tasks of one owner: named, never lost, ended together.

    A task that fails calls `on_failure(name, error)`, if given, so that nothing dies in silence.
    """

    def __init__(self, on_failure: Callable[[str, BaseException], None] | None = None) -> None:
        """Own nothing yet."""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._on_failure = on_failure

    def __len__(self) -> int:
        """How many tasks are alive."""
        return len(self._tasks)

    def spawn(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """Start `work` as a task of this owner."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None and self._on_failure is not None:
            self._on_failure(task.get_name(), error)

    async def close(self) -> None:
        """Cancel what is alive and wait until it has ended."""
        alive = list(self._tasks)
        for task in alive:
            task.cancel()
        await asyncio.gather(*alive, return_exceptions=True)
