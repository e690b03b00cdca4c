"""Many callers, one commit: whoever comes within one turn of the loop shares the cost of one sync.

A thing of its own because every durable write of the embedded house waits for the disk, and a disk that syncs 300 times
a second serves 30,000 events a second only in groups.

The commit runs inline, on the loop. A thread would have to win the interpreter from a busy loop first and takes seconds
to do so where the sync takes a millisecond; inline, a commit starts one turn after it was asked for, however many
callbacks are ready. While it runs, the next callers gather: the group grows by itself with the load. Whoever has many
small callers may let it grow on while each further turn brings more of them (`gather`): a commit costs as much CPU for
one as for fifty.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from eventflow import ports
from eventflow.errors import Overloaded, StorageBusy, StorageError, StorageLost
from eventflow.ports import Micros

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")
R = TypeVar("R")
BUSY_PAUSE = 0.005
"""Seconds between two tries while another process holds the file."""


class _Waiting(msgspec.Struct):
    """One caller's item."""

    item: Any
    size: int
    since: Micros
    future: asyncio.Future[Any]


class GroupCommit(Generic[T, R]):
    """`await add(item, size)` returns the item's result once its group is committed.

    `commit(items)` writes all of them in one transaction and returns one result, or one exception, for each; when it
    raises, nothing was written and all callers get that. At most `group_bytes` go into one group. What waits is
    bounded by `queue_bytes` and by time: an item that would wait longer than `patience` seconds is refused with
    `Overloaded`. A locked database is tried again for `busy` seconds. After `StorageLost` nothing more is taken.
    `gather` (seconds): how long a group may wait on while it grows with every turn; who is alone, and was, never does.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[T]], Sequence[R | Exception]],
        *,
        group_bytes: int = 4 << 20,
        queue_bytes: int = 64 << 20,
        patience: float = 2.0,
        busy: float = 5.0,
        gather: float = 0.0,
    ) -> None:
        """Nobody waits yet."""
        self._commit = commit
        self._group_bytes = group_bytes
        self._queue_bytes = queue_bytes
        self._unasked = min(group_bytes, queue_bytes)
        self._patience = int(patience * ports.SECOND)
        self._busy = int(busy * ports.SECOND)
        self._gather = int(gather * ports.SECOND)
        self._gathered = self._together = 0
        """How many waited in the last turn, while they gather; and how many the last group held."""
        self._queue: deque[_Waiting] = deque()
        self._bytes = 0
        self._pace = 0.0
        """Microseconds that a group took lately."""
        self._due = False
        self._behind = False
        """Whether the last turn left something over."""
        self._now: Micros = 0
        """When the next turn was asked for: near enough for everybody who comes before it."""
        self._closed: StorageError | None = None

    @property
    def waiting_bytes(self) -> int:
        """How much waits to be committed."""
        return self._bytes

    async def add(self, item: T, size: int = 0, *, urgent: bool = False) -> R:
        """Commit `item` with whoever else is waiting and return its result; see `put`."""
        return await self.put(item, size, urgent=urgent)

    def put(self, item: T, size: int = 0, *, urgent: bool = False) -> asyncio.Future[R]:
        """What `add` waits for: the item is in the queue when this returns.

        `urgent` is never refused for being too much; it keeps its place in the order all the same. Raises `Overloaded`
        (not tried), `StorageFull` and `StorageBusy` (nothing was written), `StorageLost` (unknown). A caller that is
        cancelled does not take its item back.
        """
        if self._closed is not None:
            raise type(self._closed)(str(self._closed))
        if not self._due:
            self._due = True
            self._now = ports.boot()
            ports.soon(self._turn)
        if not urgent and (self._behind or self._bytes + size > self._unasked):
            self._refuse_excess(size)
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(item, size, self._now, future))
        self._bytes += size
        return future

    def flush(self) -> None:
        """Commit what waits, now; callers hear of it in the loop's next turn."""
        while self._queue and self._closed is None and self._once():
            pass

    def close(self, reason: StorageError | None = None) -> None:
        """Commit what waits and take nothing more; what cannot be committed fails with `reason`."""
        self.flush()
        self._fail_all(reason or StorageError("closed: nothing more is taken"))

    def _refuse_excess(self, size: int) -> None:
        """Only asked for when the next group will not take everything."""
        if not self._queue:
            return
        groups = min((self._bytes + size) / self._group_bytes, len(self._queue) + 1)
        ahead, oldest = groups * self._pace, self._now - self._queue[0].since
        if self._bytes + size > self._queue_bytes or max(ahead, oldest) > self._patience:
            wait = max(1, round(max(ahead, oldest) / ports.SECOND))
            raise Overloaded("more comes in than the disk can take; come back later", retry_after=min(wait, 60))

    def _turn(self) -> None:
        """One group; the rest waits for the next turn, so that the loop serves others in between."""
        if self._gather and self._is_growing():
            ports.soon(self._turn)
            return
        self._due = False
        if not self._queue or self._closed is not None:
            return
        again = self._once()
        self._behind = bool(self._queue)
        if self._behind and self._closed is None:
            self._due = True
            self._now = ports.boot()
            if again:
                ports.soon(self._turn)
            else:
                ports.later(BUSY_PAUSE, self._turn)

    def _is_growing(self) -> bool:
        """Whether more wait than a turn ago, with room and time for others, who are to be expected."""
        before, self._gathered = self._gathered, len(self._queue)
        if (
            before < self._gathered
            and max(self._gathered, self._together) > 1
            and self._bytes < self._group_bytes
            and ports.boot() - self._now < self._gather
        ):
            return True
        self._together, self._gathered = self._gathered, 0
        return False

    def _once(self) -> bool:
        """Commit one group and tell its callers. False when the database is locked and a later try is worth it."""
        group = self._take()
        started = ports.boot()
        try:
            results = self._commit([waiting.item for waiting in group])
        except StorageBusy as error:
            return self._put_back(group, error)
        except StorageLost as error:
            self._fail(group, error)
            self._fail_all(error)
            return True
        except Exception as error:  # noqa: BLE001 - whatever it is, who waits must hear it
            self._fail(group, error)
            return True
        took = ports.boot() - started
        self._pace = took if not self._pace else self._pace * 0.8 + took * 0.2
        for waiting, result in zip(group, results, strict=True):
            if waiting.future.done():
                continue
            if isinstance(result, Exception):
                waiting.future.set_exception(result)
            else:
                waiting.future.set_result(result)
        return True

    def _take(self) -> list[_Waiting]:
        group = [self._queue.popleft()]
        size = group[0].size
        while self._queue and size + self._queue[0].size <= self._group_bytes:
            size += self._queue[0].size
            group.append(self._queue.popleft())
        self._bytes -= size
        return group

    def _put_back(self, group: list[_Waiting], error: StorageBusy) -> bool:
        """Let who has waited long enough go, the others keep their place."""
        now = ports.boot()
        patient = [waiting for waiting in group if now - waiting.since < self._busy]
        self._fail([waiting for waiting in group if now - waiting.since >= self._busy], error)
        self._queue.extendleft(reversed(patient))
        self._bytes += sum(waiting.size for waiting in patient)
        return not patient

    def _fail(self, group: Sequence[_Waiting], error: Exception) -> None:
        for waiting in group:
            if not waiting.future.done():
                waiting.future.set_exception(error)

    def _fail_all(self, error: StorageError) -> None:
        if self._closed is None:
            self._closed = error
        group, self._bytes = list(self._queue), 0
        self._queue.clear()
        self._fail(group, error)
