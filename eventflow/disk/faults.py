"""What SQLite reports, in our words: which errors wrote nothing, which leave the effect unknown.

A thing of its own because bus and store must judge alike: the difference between "nothing was written" and "nobody
knows" decides whether a caller may try again or the process has to stop.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING

import apsw

from eventflow.errors import StorageBusy, StorageDamaged, StorageError, StorageFull, StorageLost

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def translate(error: apsw.Error, path: Path) -> StorageError | None:
    """Our exception for SQLite's; None for a mistake of the program (syntax, constraint), which stays as it is.

    Every I/O error counts as lost: of a failed write or sync nobody can say what reached the disk, and a failed read
    of a file that we alone write means that the disk cannot be trusted any more.
    """
    match error:
        case apsw.FullError():
            return StorageFull(f"{path}: the disk is full; nothing was written. Free some room: it goes on by itself")
        case apsw.BusyError() | apsw.LockedError():
            return StorageBusy(f"{path}: another process has it locked; nothing was written. Look for who has it open")
        case apsw.CorruptError() | apsw.NotADBError():
            return StorageDamaged(f"{path}: this is not what was written ({error}); restore it from a backup")
        case apsw.IOError():
            return StorageLost(
                f"{path}: the disk failed ({error}, {_cause(error)}); what was written last is unknown. "
                "The process must stop; the next start recovers what is on the disk"
            )
        case apsw.CantOpenError() | apsw.ReadOnlyError() | apsw.PermissionsError():
            return StorageError(f"{path}: cannot be opened for writing ({error}); check who owns it and its folder")
        case apsw.NoMemError():
            return StorageError(f"{path}: there is no memory left for SQLite; nothing was written")
        case _:
            return None


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise SQLite's errors as ours for the length of a `with` block."""
    try:
        yield
    except apsw.Error as error:
        ours = translate(error, path)
        if ours is None:
            raise
        raise ours from error


@contextlib.contextmanager
def file_errors(path: Path) -> Iterator[None]:
    """The same for plain files: no room is `StorageFull`, a failed write or sync is `StorageLost`."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise StorageFull(f"{path}: the disk is full. Free some room: it goes on by itself") from error
        if error.errno == errno.EIO:
            raise StorageLost(f"{path}: the disk failed ({error.strerror}); the process must stop") from error
        raise StorageError(f"{path}: {error.strerror or error}") from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut. Raises `StorageFull`, `StorageLost`."""
    with file_errors(folder):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def sync_file(path: Path) -> None:
    """Make what others have written into a file survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def rewrite(path: Path) -> None:
    """Write every byte of a file again in its place, and sync: only then is what can be read there on the disk."""
    handle = os.open(path, os.O_RDWR)
    try:
        offset = 0
        while piece := os.pread(handle, 1 << 20, offset):
            offset += os.pwrite(handle, piece, offset)
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path) -> None:
    """Make a private folder (0700) that survives a power cut, with its parents."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    with file_errors(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in missing:
        sync_folder(path.parent)


def _cause(error: apsw.Error) -> str:
    code = getattr(error, "extendedresult", 0)
    return str(apsw.mapping_extended_result_codes.get(code, code))
