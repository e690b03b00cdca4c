"""Group commit for work of many kinds: each caller brings a function, all of one turn share one transaction and sync.

A thing of its own beside `GroupCommit`, which knows nothing of SQL: here one caller's refusal (`Fenced`, `Conflict`)
undoes what that caller did and nobody else's.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import apsw

from eventflow import ports
from eventflow.disk.faults import translate
from eventflow.disk.group import GroupCommit

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from eventflow.disk.database import Database

R = TypeVar("R")
GATHER = 0.001
"""Seconds in which work that comes turn by turn may gather for one commit: what a commit takes on a good disk."""
TURNS = 8
"""Turns of the loop for which `share` waits for somebody who syncs."""


class Writer:
    """`await run(work)`: call `work()` inside a transaction of `database`; its result comes back after the sync."""

    def __init__(self, database: Database, *, busy: float = 5.0, group: int = 256) -> None:
        """At most `group` pieces of work share a transaction; a locked database is tried again for `busy` seconds."""
        self._database = database
        self._written = self._safe = self._shared = 0
        """How many transactions have written something, how many of them before the last sync; and the last that waits
        for somebody else to sync it."""
        # Work has no size in bytes, so each piece counts as one.
        self._group: GroupCommit[tuple[Callable[[], Any], bool], Any] = GroupCommit(
            self._commit, group_bytes=group, queue_bytes=1 << 62, busy=busy, gather=GATHER
        )

    def run(self, work: Callable[[], R], *, urgent: bool = True, synced: bool = True) -> asyncio.Future[R]:
        """What to wait for: the result of `work()`, once it is committed and synced. It is in the queue at once.

        Without `synced` the caller asks for no sync: what it wrote counts only for what is written after it, and that
        is synced with it. A group syncs when anybody in it asks for it.

        `work` uses the database's `execute` and `rows`, does not wait for anything, and may be called again after a
        transaction that came to nothing. What it raises undoes its own changes only and is raised here. Raises
        `StorageFull` and `StorageBusy` (nothing was written), `StorageLost` (unknown: stop), and, when not `urgent`,
        `Overloaded`.
        """
        return self._group.put((work, synced), 1, urgent=urgent)

    async def share(self, work: Callable[[], R], written: Callable[[], object]) -> R:
        """The same for work that others go on from at once: what they write shares its sync.

        `written` is called when the work is done and can be seen, before it is synced. Whatever is written and synced
        after it makes it safe, for the log is written in order; if nobody does that within a few turns of the loop, it
        is synced by itself.
        """
        result = await self.run(partial(self._note, work), synced=False)
        number = self._written
        written()
        for _ in range(TURNS):
            if self._safe >= number:
                return result
            await ports.breathe()
        self.settle()
        return result

    def settle(self) -> None:
        """Sync shared work that nobody has made safe yet: before something of it is told to the outside.

        Raises `StorageLost`.
        """
        if self._safe < min(self._shared, self._written):
            number = self._written
            self._database.sync()
            self._safe = max(self._safe, number)

    def _note(self, work: Callable[[], R]) -> R:
        result = work()
        self._shared = self._written + 1
        return result

    def close(self) -> None:
        """Finish what waits and take nothing more."""
        self._group.close()

    def _commit(self, items: Sequence[tuple[Callable[[], Any], bool]]) -> Sequence[Any]:
        database = self._database
        works = [work for work, _ in items]
        synced = any(wanted for _, wanted in items)
        logged = database.logged
        try:
            with database.transaction(synced=synced):
                results = [works[0]()] if len(works) == 1 else [self._try(work) for work in works]
        except _HalfDoneError:
            with database.transaction(synced=synced):
                results = [self._part(work) for work in works]
        self._count(wrote=database.logged > logged, synced=synced)
        return results

    def _count(self, *, wrote: bool, synced: bool) -> None:
        """Who asks for a sync gets it for all that it could see; SQLite does nothing for who has written nothing."""
        self._written += wrote
        if synced:
            if not wrote and self._safe < self._written:
                self._database.sync()
            self._safe = self._written

    def _try(self, work: Callable[[], Any]) -> Any:
        """One piece of work without a savepoint, which costs more than most work does: who is refused has as a rule
        written nothing yet. Who has is done again, with everybody else, under savepoints.
        """
        connection = self._database.raw
        before = connection.total_changes()
        try:
            return work()
        except apsw.Error as error:
            if translate(error, self._database.path) is not None or not connection.in_transaction:
                raise
            raise _HalfDoneError from error
        except Exception as error:
            if self._database.lost or not connection.in_transaction:
                raise
            if connection.total_changes() == before:
                return error
            raise _HalfDoneError from error

    def _part(self, work: Callable[[], Any]) -> Any:
        """One piece of work, or the exception it raised; a full or failing disk ends the whole transaction."""
        database = self._database
        try:
            with database.savepoint():
                return work()
        except Exception as error:
            if database.lost or not database.raw.in_transaction:
                raise
            return error


class _HalfDoneError(Exception):
    """Somebody was refused after having written: the transaction is begun anew, each part with a savepoint."""
