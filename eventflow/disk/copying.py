"""A copy of a database while it is used: some pages at a time, so that nobody waits long for it.

SQLite's online backup. What is written meanwhile by the same connection goes into the copy too, so the copy is the
database of the moment in which it is finished. (https://www.sqlite.org/backup.html)
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import apsw

from eventflow import ports
from eventflow.disk.faults import file_errors, translated

if TYPE_CHECKING:
    from pathlib import Path

PAGES: Final = 256
"""Pages between two turns of the loop: a millisecond or two."""


async def copy_database(source: apsw.Connection, target: Path) -> None:
    """Copy an open database into a new file, for this user only, synced. Raises `StorageFull`, `StorageLost`."""
    with file_errors(target):
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with translated(target):
        connection = apsw.Connection(str(target))
        try:
            connection.execute("PRAGMA synchronous=OFF")
            with connection.backup("main", source, "main") as copying:
                while not copying.done:
                    copying.step(PAGES)
                    await ports.breathe()
        finally:
            connection.close()
    with file_errors(target):
        handle = os.open(target, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
