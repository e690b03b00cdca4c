"""The door of the SQLite store: each method is one function over a transaction that it shares with whoever comes along.

Writes go through the one `Writer`: router and executor, leases and settings of one turn of the loop are parts of one
physical transaction and share its sync; a part that is refused (`Fenced`, `Unread`) undoes itself only. Reads see what
is committed, at once.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar, cast

from eventflow.disk import Database, Hold, Writer, read_migrations
from eventflow.disk.copying import copy_database
from eventflow.disk.faults import translated
from eventflow.plugin.store import DEAD_LETTERS
from eventflow.stores.sqlite import dead, history, journal, ledger, retention
from eventflow.stores.sqlite.memo import Memo
from eventflow.stores.sqlite.statements import folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from eventflow.model.commit import Commit, Recalled
    from eventflow.model.event import Micros
    from eventflow.model.outcome import DeadCount, DeadLetter, Outcome
    from eventflow.model.record import Ref
    from eventflow.model.run import EventCopy, InboxItem, Run
    from eventflow.plugin.store import Admitted, Append, Appended, Claim, JournalLine, Lease, OpenWait
    from eventflow.stores.sqlite.sql import Sql


T = TypeVar("T")
CACHE_KIB = 8192
"""Pages kept in memory: what a thousand runs in flight touch."""


class SqliteStore:
    """The `Store` in one file. One process holds it at a time; a second one is refused with the first one's name."""

    name = "sqlite"

    def __init__(self, path: Path, *, dead_letters: int = DEAD_LETTERS) -> None:
        """Only remember the file's path; `open` does it. `dead_letters` bounds them for one trigger; see `dead`."""
        self._dead_letters = dead_letters
        self._database = Database(path, read_migrations(folder()), failpoint="commit")
        self._hold = Hold(path.parent, f"{path.name}.lock")
        self._writer = Writer(self._database)
        self._memo = Memo()
        self._listeners: dict[str, Callable[[], object]] = {}
        self._db: Sql
        """The connection, from `open` on; whoever uses it is inside a transaction of the writer."""

    async def open(self) -> None:
        """Be ready, migrations done. Raises `StorageHeld`, `StorageDamaged`."""
        self._hold.take()
        try:
            self._database.open()
        except BaseException:
            self._hold.release()
            raise
        self._db = cast("Sql", self._database.raw)
        self._db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        self._writer = Writer(self._database)
        self._memo = Memo()

    async def close(self) -> None:
        """Finish what was begun and let go; safe to call twice."""
        try:
            self._writer.close()
            self._database.close()
        finally:
            self._hold.release()

    async def copy(self, folder: Path) -> None:
        """Copy the store into `folder` while it is used."""
        await copy_database(self._database.raw, folder / self._database.path.name)

    def _read(self, work: Callable[[Sql], T]) -> T:
        """Do `work` on what is committed."""
        with translated(self._database.path):
            return work(cast("Sql", self._database.raw))

    # --- router ------------------------------------------------------------------------------------------------------

    async def recall(self, partition: int) -> Recalled:
        """See `Ledger.recall`."""
        return self._read(partial(ledger.recall, partition=partition))

    async def commit(self, commit: Commit) -> Admitted:
        """See `Ledger.commit`."""
        work = partial(ledger.commit, self._db, commit, self._memo, self._dead_letters)
        if self._listeners and (commit.firings or commit.reruns):
            return await self._writer.share(work, self._tell)
        return await self._writer.run(work)

    async def partitions(self) -> Mapping[int, tuple[int, int, Micros]]:
        """See `Ledger.partitions`."""
        return self._read(ledger.partitions)

    async def earliest_deadline(self) -> Micros | None:
        """See `Ledger.earliest_deadline`."""
        return self._read(ledger.earliest_deadline)

    async def activate(self, definitions: Mapping[str, bytes], at: Micros) -> int:
        """See `Ledger.activate`."""
        return await self._writer.run(partial(ledger.activate, self._db, definitions, at))

    async def catalogue(self, number: int | None = None) -> tuple[int, dict[str, bytes]]:
        """See `Ledger.catalogue`."""
        return self._read(lambda db: ledger.catalogue(db, number))

    async def open_definitions(self) -> dict[str, bytes]:
        """See `Ledger.open_definitions`."""
        return self._read(ledger.open_definitions)

    async def definition(self, hash_: str) -> bytes:
        """See `Ledger.definition`."""
        return self._read(lambda db: ledger.definition(db, hash_))

    async def outbox(self, limit: int) -> list[tuple[int, bytes]]:
        """See `Ledger.outbox`."""
        rows = self._read(lambda db: ledger.outbox(db, limit))
        if rows:  # what is published must not be taken back by a power cut
            self._writer.settle()
        return rows

    async def outbox_done(self, ids: Sequence[int]) -> None:
        """See `Ledger.outbox_done`."""
        await self._writer.run(partial(ledger.outbox_done, self._db, ids))

    async def setting(self, name: str, value: str) -> str:
        """See `Ledger.setting`."""
        return await self._writer.run(partial(ledger.setting, self._db, name, value))

    async def prune(self, runs_before: Micros, now: Micros) -> int:
        """See `Ledger.prune`."""
        removed = 0
        while portion := await self._writer.run(partial(retention.prune, self._db, runs_before, now, self._memo)):
            removed += portion
        return removed

    async def lease(self, name: str, worker: str, ttl: Micros, now: Micros) -> bool:
        """See `Store.lease`."""
        return await self._writer.run(partial(ledger.lease, self._db, name, worker, ttl, now))

    # --- executor ----------------------------------------------------------------------------------------------------

    async def claim(self, worker: str, limit: int, lease: Micros, now: Micros) -> list[Claim]:
        """See `Journal.claim`. Not synced: a claim counts only for the appends after it, which are."""
        work = partial(journal.claim, self._db, worker, limit, now + lease, now, self._memo)
        return await self._writer.run(work, synced=False)

    async def renew(self, leases: Sequence[Lease], until: Micros) -> list[Lease]:
        """See `Journal.renew`. Not synced: after a power cut nobody holds a lease."""
        return await self._writer.run(partial(journal.renew, self._db, leases, until), synced=False)

    async def append(self, lease: Lease, append: Append) -> Appended:
        """See `Journal.append`."""
        return await self._writer.run(partial(journal.append, self._db, lease, append, self._memo))

    async def release(self, worker: str) -> None:
        """See `Journal.release`."""
        await self._writer.run(partial(journal.release, self._db, worker))

    def listen(self, worker: str, call: Callable[[], object] | None) -> None:
        """See `Journal.listen`: a commit that makes runs shares the sync of their first appends."""
        if call is not None:
            self._listeners[worker] = call
        else:
            self._listeners.pop(worker, None)

    def _tell(self) -> None:
        for call in list(self._listeners.values()):
            call()

    async def next_wake(self, now: Micros) -> Micros | None:
        """See `Journal.next_wake`."""
        return self._read(lambda db: journal.next_wake(db, now))

    # --- readers -----------------------------------------------------------------------------------------------------

    async def runs(
        self,
        limit: int,
        after: str | None = None,
        *,
        workflow: str | None = None,
        status: Sequence[str] = (),
        event: Ref | None = None,
    ) -> list[Run]:
        """See `History.runs`."""
        return self._read(lambda db: history.runs(db, limit, after, workflow, status, event))

    async def run(self, run: str) -> Run:
        """See `History.run`."""
        return self._read(lambda db: history.run(db, run))

    async def read(self, run: str) -> list[JournalLine]:
        """See `History.read`."""
        return self._read(lambda db: history.read(db, run))

    async def inbox(self, run: str) -> list[InboxItem]:
        """See `History.inbox`."""
        return self._read(lambda db: history.inbox(db, run))

    async def run_events(self, run: str) -> list[EventCopy]:
        """See `History.run_events`."""
        return self._read(lambda db: history.run_events(db, run))

    async def questions(self, limit: int, after: str | None = None) -> list[OpenWait]:
        """See `History.questions`."""
        return self._read(lambda db: history.questions(db, limit, after))

    async def outcomes(self, ref: Ref) -> list[Outcome]:
        """See `History.outcomes`."""
        return self._read(lambda db: history.outcomes(db, ref))

    async def dead(self, limit: int, after: str | None = None) -> list[tuple[str, DeadLetter]]:
        """See `History.dead`."""
        return self._read(lambda db: history.dead(db, limit, after))

    async def dead_beyond(self) -> list[DeadCount]:
        """See `History.dead_beyond`."""
        return self._read(dead.beyond)

    async def counts(self) -> dict[tuple[str, str], int]:
        """See `History.counts`."""
        return self._read(history.counts)
