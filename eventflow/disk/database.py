"""One SQLite file with one connection: a commit that returns survives a power cut; else the caller hears of it.

A thing of its own because these settings and the handling of a failing disk must be the same for every file:

* WAL with `synchronous=FULL`: COMMIT returns after the sync.
* After an I/O error the database is *lost*: nothing more is tried, for a sync that fails once may succeed the second
  time without having written anything. Checkpoints are run here and not by SQLite, which would swallow their errors.
* Waiting for a lock blocks the event loop, so it is kept short; who can wait longer does it on the loop (`Writer`).
"""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

import apsw

from eventflow import ports
from eventflow.disk.faults import file_errors, make_folder, rewrite, sync_file, sync_folder, translate, translated
from eventflow.disk.migrations import APPLICATION, migrate
from eventflow.errors import StorageDamaged, StorageError, StorageLost

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from eventflow.disk.migrations import Migration

Value = None | int | float | str | bytes
OPEN_BUSY = 5.0
"""Seconds that opening waits for a lock: nothing else is going on yet."""
SMALL = 4 << 20
"""Bytes up to which a file is checked whole when it is opened (some milliseconds)."""


class Database:
    """One SQLite file. All calls are synchronous and belong on the thread of the event loop.

    `failpoint` names the places `<name>.before` and `<name>.after` around COMMIT. `busy` is how many seconds a
    transaction may block waiting for another process. `exclusive` keeps every other process out of the file for as
    long as it is open (and needs no shared memory file). A WAL of `checkpoint_pages` pages is copied into the file.
    """

    def __init__(
        self,
        path: Path,
        migrations: Sequence[Migration] = (),
        *,
        failpoint: str = "commit",
        busy: float = 0.002,
        exclusive: bool = False,
        read_only: bool = False,
        page_size: int = 4096,
        checkpoint_pages: int = 1000,
    ) -> None:
        """Only remember; `open` does it."""
        self.path = path
        self.created = False
        self._migrations = migrations
        self._before, self._after = f"{failpoint}.before", f"{failpoint}.after"
        self._busy = int(busy * 1000)
        self._exclusive = exclusive
        self._read_only = read_only
        self._page_size = page_size
        self._checkpoint_pages = self._checkpoint_at = checkpoint_pages
        self._wal_pages = 0
        self.logged = 0
        """How many transactions have written something."""
        self._lost = ""
        self._connection: apsw.Connection | None = None

    # --- life ------------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Open or create the file and bring it up to date.

        Raises `StorageDamaged` for what is damaged or newer than this version, `StorageBusy`, `StorageFull`.
        """
        self.created = not self.path.exists()
        wal = self._wal_path()
        unsafe = wal.exists() and wal.stat().st_size > 0
        if not self._read_only:
            make_folder(self.path.parent)
            if self.created:  # for this user only from its first moment: WAL and shared memory file take its mode
                self.path.touch(mode=0o600)
        flags = apsw.SQLITE_OPEN_READONLY
        if not self._read_only:
            flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        with translated(self.path):
            self._connection = apsw.Connection(str(self.path), flags=flags, statementcachesize=256)
        try:
            with translated(self.path):
                self._configure(self._connection)
                self._check(self._connection)
            if not self._read_only:
                if unsafe:
                    self._make_safe()
                migrate(self, self._migrations)
                sync_folder(self.path.parent)  # the process that made the file may have died before it could
            self._connection.set_busy_timeout(self._busy)
        except BaseException:
            self.abandon()
            raise

    def close(self) -> None:
        """Copy the WAL into the file and let go; twice is fine. A lost database is only let go."""
        if self._connection is None:
            return
        if self._lost:
            self.abandon()
            return
        connection, self._connection = self._connection, None
        with translated(self.path):
            connection.close()

    def abandon(self) -> None:
        """Let go as a dying process would: an open transaction is rolled back, nothing is copied or synced."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        with contextlib.suppress(apsw.Error):
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        with contextlib.suppress(apsw.Error):
            connection.close(True)  # forced

    @property
    def lost(self) -> bool:
        """Whether an I/O error happened: nothing works any more."""
        return bool(self._lost)

    def check_lost(self) -> None:
        """Raise `StorageLost` after an I/O error."""
        if self._lost:
            raise StorageLost(self._lost)

    @property
    def raw(self) -> apsw.Connection:
        """The connection. Raises `StorageLost` after an I/O error, `StorageError` when it is not open."""
        self.check_lost()
        if self._connection is None:
            raise StorageError(f"{self.path}: not open")
        return self._connection

    # --- work ------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def transaction(self, *, synced: bool = True) -> Iterator[Database]:
        """A write transaction: committed and synced at the end of the block, rolled back when it raises.

        Without `synced` it survives the process at once, and a power cut as soon as the next synced one does: the log
        is written in order, so nothing that builds on it can survive without it.

        Raises `StorageFull` and `StorageBusy` (nothing was written), `StorageLost` (unknown), `StorageDamaged`.
        """
        connection = self.raw
        if connection.in_transaction:
            raise StorageError(f"{self.path}: a transaction is already open; nothing may wait inside of one")
        if not synced:
            connection.execute("PRAGMA synchronous=NORMAL")
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield self
            ports.failpoint(self._before)
            connection.execute("COMMIT")
        except BaseException as error:
            self._roll_back(connection)
            self._raise_ours(error)
            raise
        finally:
            if not synced:
                connection.execute("PRAGMA synchronous=FULL")
        ports.failpoint(self._after)
        if self._wal_pages >= self._checkpoint_at:
            self._checkpoint(connection)

    @contextlib.contextmanager
    def savepoint(self) -> Iterator[None]:
        """Part of a transaction that can fail by itself: when the block raises, its changes alone are undone."""
        connection = self.raw
        connection.execute("SAVEPOINT part")
        try:
            yield
        except BaseException as error:
            self._raise_ours(error)
            if connection.in_transaction:  # a full disk has rolled back the whole transaction
                connection.execute("ROLLBACK TO part")
                connection.execute("RELEASE part")
            raise
        connection.execute("RELEASE part")

    def execute(self, sql: str, values: Sequence[Value] | dict[str, Value] = (), *, changes: int | None = None) -> None:
        """One statement. With `changes`, raises `StorageDamaged` unless it touched exactly that many rows (W25)."""
        try:
            self.raw.execute(sql, values)
        except apsw.Error as error:
            self._raise_ours(error)
            raise
        if changes is not None:
            self.expect(changes=changes)

    def execute_many(self, sql: str, rows: Iterable[Sequence[Value]], *, changes: int | None = None) -> None:
        """One statement for each row of values; `changes` is the number of rows touched by all of them (W25)."""
        connection = self.raw
        before = connection.total_changes()
        try:
            connection.executemany(sql, rows)
        except apsw.Error as error:
            self._raise_ours(error)
            raise
        if changes is not None:
            self._expect(connection.total_changes() - before, changes)

    def rows(self, sql: str, values: Sequence[Value] | dict[str, Value] = ()) -> list[tuple[Any, ...]]:
        """Every row of a query."""
        try:
            return self.raw.execute(sql, values).fetchall()
        except apsw.Error as error:
            self._raise_ours(error)
            raise

    def row(self, sql: str, values: Sequence[Value] | dict[str, Value] = ()) -> tuple[Any, ...] | None:
        """The first row of a query, None without any."""
        try:
            cursor = self.raw.execute(sql, values)
            first = cursor.fetchone()
            cursor.close()
        except apsw.Error as error:
            self._raise_ours(error)
            raise
        return first

    def each(self, sql: str, values: Sequence[Value] = ()) -> Iterator[tuple[Any, ...]]:
        """The rows of a query one by one; nothing may be written before the loop over them has ended."""
        cursor = self.raw.cursor()
        try:
            yield from cursor.execute(sql, values)
        except apsw.Error as error:
            self._raise_ours(error)
            raise
        finally:
            cursor.close(True)  # forced: the rest of the rows is not wanted

    def expect(self, *, changes: int) -> None:
        """Raise `StorageDamaged` unless the last statement touched exactly this many rows (W25)."""
        self._expect(self.raw.changes(), changes)

    def sync(self) -> None:
        """Make what was committed without a sync survive a power cut, too. Raises `StorageLost`."""
        self.check_lost()
        if self._connection is None:  # closing has copied and synced it all
            return
        try:
            with file_errors(self.path):
                sync_file(self._wal_path())
        except StorageError as error:  # after a sync that failed, nobody knows; not even when the disk was only full
            self._lost = str(error)
            raise StorageLost(self._lost) from error

    def checkpoint(self) -> None:
        """Copy the WAL into the file now, as far as no other process reads from it. Raises `StorageLost`."""
        self._checkpoint(self.raw)
        self.check_lost()

    # --- inside ----------------------------------------------------------------------------------------------------

    def _expect(self, found: int, expected: int) -> None:
        if found != expected:
            raise StorageDamaged(
                f"{self.path}: a statement touched {found} rows and should have touched {expected}; "
                "the transaction was rolled back. This is a fault of eventflow or of the file: please report it"
            )

    def _configure(self, connection: apsw.Connection) -> None:
        connection.set_busy_timeout(int(OPEN_BUSY * 1000))
        connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
        connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0)
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)  # else other values mean planning again, 6 µs each time
        pragmas = ["cell_size_check=ON", "foreign_keys=ON", "temp_store=MEMORY"]
        if not self._read_only:
            if self._exclusive:
                pragmas.append("locking_mode=EXCLUSIVE")
            if self.created:
                pragmas.append(f"page_size={self._page_size}")
            if sys.platform == "darwin":  # fsync there does not reach the disk's platter
                pragmas += ["fullfsync=ON", "checkpoint_fullfsync=ON"]
            pragmas += ["journal_mode=WAL", "synchronous=FULL", f"journal_size_limit={64 << 20}"]
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}").fetchall()
        connection.wal_autocheckpoint(0)
        connection.set_wal_hook(self._wal_grew)

    def _check(self, connection: apsw.Connection) -> None:
        """What can be seen for little: that the file is ours, and its pages if there are few."""
        [(mode,)] = connection.execute("PRAGMA journal_mode").fetchall()
        [(application,)] = connection.execute("PRAGMA application_id").fetchall()
        [(tables,)] = connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
        if not self._read_only and mode != "wal":
            raise StorageError(f"{self.path}: this file system cannot hold a write-ahead log (mode {mode})")
        if tables and application != APPLICATION:
            raise StorageDamaged(f"{self.path}: this SQLite file is not one of eventflow's; move it away")
        if tables and self.path.stat().st_size <= SMALL:
            [(answer,)] = connection.execute("PRAGMA quick_check(1)").fetchall()
            if answer != "ok":
                raise StorageDamaged(f"{self.path}: damaged ({answer}); restore it from a backup")

    def _wal_path(self) -> Path:
        return self.path.with_name(self.path.name + "-wal")

    def _make_safe(self) -> None:
        """After a crash: make the disk hold what the last process left, before anything is built on it.

        What we read may be in the system's memory only. Frames after a sync that failed stay there, marked as written,
        and no later sync writes them: the log would go on behind a hole. So every byte is written again and synced.
        """
        with self.transaction(), file_errors(self.path):
            rewrite(self._wal_path())

    def _wal_grew(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self._wal_pages = pages
        self.logged += 1
        return 0

    def _checkpoint(self, connection: apsw.Connection) -> None:
        """Never fails the commit before it, which is safe in the WAL; an I/O error makes the database lost."""
        try:
            pages, copied = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.Error as error:
            ours = translate(error, self.path)
            if isinstance(ours, StorageLost):
                self._lost = str(ours)
            elif ours is None:
                raise
            pages, copied = self._wal_pages, 0
        self._checkpoint_at = self._checkpoint_pages + (pages if copied < pages else 0)
        self._wal_pages = 0

    def _roll_back(self, connection: apsw.Connection) -> None:
        """Undo what is open. SQLite may already have done it itself (full disk, I/O error)."""
        if not connection.in_transaction:
            return
        try:
            connection.execute("ROLLBACK")
        except apsw.Error as error:
            self._lost = f"{self.path}: a transaction could not be rolled back ({error}); the process must stop"

    def _raise_ours(self, error: BaseException) -> None:
        """Raise our exception for SQLite's and remember an I/O error; return quietly for everything else."""
        if isinstance(error, apsw.Error):
            ours = translate(error, self.path)
            if isinstance(ours, StorageLost):
                self._lost = str(ours)
            if ours is not None:
                raise ours from error
