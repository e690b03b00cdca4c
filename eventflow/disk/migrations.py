"""Numbered SQL files that bring a database up to date, each once, each in one transaction, each with its checksum.

A thing of its own and not a library: what is needed is one table and one loop, and the refusals in plain words.
Files are named `0001_what_it_does.sql`; numbers follow each other without a hole.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec

from eventflow import ports
from eventflow.errors import StorageDamaged, StorageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.resources.abc import Traversable

    from eventflow.disk.database import Database

APPLICATION = 0x45_46_4C_57
"""`PRAGMA application_id` of our files: "EFLW"."""
TABLE = """CREATE TABLE IF NOT EXISTS migration (
  number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum BLOB NOT NULL, applied INTEGER NOT NULL
) STRICT"""


class Migration(msgspec.Struct, frozen=True):
    """One step from a version of the schema to the next."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> bytes:
        """Tells this text from every other."""
        return blake2b(self.sql.encode(), digest_size=16, person=b"migration").digest()


def read_migrations(folder: Traversable) -> list[Migration]:
    """The migrations of a folder in order, for instance `importlib.resources.files("eventflow.stores") / "sql"`.

    Files whose name has another form are left alone. Raises `StorageError` when a number is missing or taken twice.
    """
    names = ((file, re.fullmatch(r"(\d{4})_(\w+)\.sql", file.name)) for file in folder.iterdir())
    found = [Migration(int(name[1]), name[2], file.read_text(encoding="utf-8")) for file, name in names if name]
    found.sort(key=lambda migration: migration.number)
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise StorageError(f"{folder}: migrations are not numbered 0001, 0002, … without a hole")
    return found


def migrate(database: Database, migrations: Sequence[Migration]) -> None:
    """Apply what is missing. Raises `StorageDamaged` for a newer database or an edited migration."""
    applied = _applied(database)
    _refuse(database, applied, migrations)
    for migration in migrations[len(applied) :]:
        with database.transaction():
            if migration.number == 1:
                database.raw.execute(f"PRAGMA application_id={APPLICATION}")
            database.execute(TABLE)
            database.raw.execute(migration.sql)
            row = (migration.number, migration.name, migration.checksum, ports.wall())
            database.execute("INSERT INTO migration VALUES (?, ?, ?, ?)", row, changes=1)


def _applied(database: Database) -> dict[int, bytes]:
    if database.row("SELECT 1 FROM sqlite_schema WHERE name = 'migration'") is None:
        return {}
    return dict(database.rows("SELECT number, checksum FROM migration ORDER BY number"))


def _refuse(database: Database, applied: dict[int, bytes], migrations: Sequence[Migration]) -> None:
    if len(applied) > len(migrations):
        raise StorageDamaged(
            f"{database.path}: written by a newer eventflow (schema {len(applied)}, this one knows {len(migrations)}); "
            "start that version, or restore a backup made before the upgrade"
        )
    for migration in migrations[: len(applied)]:
        if applied.get(migration.number) != migration.checksum:
            raise StorageDamaged(
                f"{database.path}: migration {migration.number:04} {migration.name} is not the one that was applied; "
                "install the version of eventflow that wrote the file"
            )
