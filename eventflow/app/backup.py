"""A copy of everything that eventflow keeps, taken while it runs: store, log, tokens, and a list of what is in it.

The copy looks like a data directory, so restoring is putting it in the place of one. The store is copied before the
log: then the log holds all that the store has decided, and what came after is decided again after a restore, with the
same run ids and the same idempotency keys. Nothing is forgotten meanwhile.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

import msgspec

from eventflow import ports
from eventflow.disk.faults import make_folder
from eventflow.errors import Conflict, NotFound, StorageDamaged
from eventflow.model.event import format_time, from_micros

if TYPE_CHECKING:
    from eventflow.plugin import Bus, Store

MANIFEST: Final = "manifest.json"
BESIDE: Final = ("tokens.json", "admin.token")
"""Files of the data directory that go along; they keep their mode."""


@runtime_checkable
class Copied(Protocol):
    """What can copy itself while it is used: the embedded bus and store."""

    async def copy(self, folder: Path) -> None:
        """Write files into `folder` that are the state of one moment between call and return."""
        ...


class File(msgspec.Struct, frozen=True):
    """One file of a backup."""

    bytes: int
    sha256: str


class Backup(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds. `files` are by name below the folder; `left_out` says what is kept elsewhere."""

    format: int = 1
    made: str
    files: dict[str, File]
    left_out: list[str] = []
    folder: Path = Path()

    @property
    def bytes(self) -> int:
        """Of all files together."""
        return sum(file.bytes for file in self.files.values())


async def backup(bus: Bus, store: Store, data_dir: Path, below: Path) -> Backup:
    """Make a new folder below `below` with a copy of all. Raises `StorageFull` (what was copied is removed again)."""
    made = format_time(from_micros(ports.wall()))
    folder = below / f"{made[:19].replace(':', '')}-{ports.random_bytes(3).hex()}"
    make_folder(folder)
    try:
        left_out = []
        for part, name in ((store, "store"), (bus, "bus")):
            if isinstance(part, Copied):
                await part.copy(folder)
            else:
                left_out.append(name)
        for name in BESIDE:
            if (data_dir / name).exists():
                shutil.copy2(data_dir / name, folder / name)
        files = await ports.in_thread(_files, folder)
        done = Backup(made=made, files=files, left_out=left_out, folder=folder)
        (folder / MANIFEST).write_bytes(_text(done))
        (folder / MANIFEST).chmod(0o600)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return done


def check(folder: Path) -> Backup:
    """Hold a backup against its list. Raises `NotFound`, `StorageDamaged` with the first file that is not as it was."""
    try:
        listed = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Backup)
    except OSError:
        raise NotFound(f"{folder} is no backup: there is no {MANIFEST} in it") from None
    except msgspec.MsgspecError as error:
        raise StorageDamaged(f"{folder / MANIFEST} cannot be read: {error}") from None
    found = _files(folder)
    for name, file in listed.files.items():
        if found.get(name) != file:
            what = "is missing" if name not in found else "is not what it was when the backup was made"
            raise StorageDamaged(f"{folder / name} {what}; take another backup")
    return msgspec.structs.replace(listed, folder=folder)


def empty(folder: Path) -> Path:
    """A folder to put a backup into, made if need be. Raises `Conflict` where something is in it."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Conflict(f"{folder} is there and not empty; name a new folder, so that no backup is written over another")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _files(folder: Path) -> dict[str, File]:
    return {
        path.relative_to(folder).as_posix(): _file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }


def _file(path: Path) -> File:
    with path.open("rb") as file:
        return File(path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())


def _text(done: Backup) -> bytes:
    plain = {"format": done.format, "made": done.made, "files": done.files, "left_out": done.left_out}
    return msgspec.json.format(msgspec.json.encode(plain)) + b"\n"
