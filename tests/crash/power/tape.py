"""Every write and sync of SQLite on a tape, and from it the states in which a power cut could have left the disk.

`Tape` is a recorder: while it runs, files under a folder are written through a VFS that notes each write, truncation,
sync and deletion in order, and test code marks its acknowledgements between them. `cuts` gives places on the tape, each
with the acknowledgements made before it; `Cut.rebuild` makes the files of one possible disk: what was synced is there,
of what was not synced any part may be, whole or torn, and names of files survive only with a sync of their folder.

`Faults` makes the n-th write or sync fail. A sync that fails loses what it should have written, as Linux does: the next
sync succeeds and nothing of it is on the disk.
"""

import contextlib
import errno
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import apsw

SECTOR = 512
VARIANTS = ("nothing", "all", "prefix", "subset", "torn", "holes")
"""What became of the writes that were not synced."""
CREATES_WITH_FOLDER = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL
"""New files of these kinds bring their folder's sync with their first own sync (SQLite's unix VFS)."""


@dataclass(frozen=True)
class Write:
    path: str
    offset: int
    data: bytes


@dataclass(frozen=True)
class Truncate:
    path: str
    size: int


@dataclass(frozen=True)
class Sync:
    path: str
    failed: bool = False


@dataclass(frozen=True)
class Create:
    path: str


@dataclass(frozen=True)
class Delete:
    path: str


@dataclass(frozen=True)
class SyncFolder:
    """Names of files are safe now."""


@dataclass(frozen=True)
class Mark:
    what: Any


@dataclass
class Faults:
    """Fails the n-th write (`full`, `broken`) or the n-th sync (`sync`), counted from 1, and after it `more` times."""

    kind: str = ""
    at: int = 0
    more: int = 0
    writes: int = 0
    syncs: int = 0
    fired: int = 0

    def on_write(self) -> None:
        self.writes += 1
        if self.kind in {"full", "broken"} and self._hit(self.writes):
            if self.kind == "full":
                raise apsw.FullError("no room")
            raise failure(apsw.SQLITE_IOERR_WRITE)

    def on_sync(self) -> bool:
        self.syncs += 1
        return self.kind == "sync" and self._hit(self.syncs)

    def _hit(self, count: int) -> bool:
        hit = self.at <= count <= self.at + self.more
        self.fired += hit
        return hit


def failure(code: int) -> apsw.IOError:
    """An I/O error with its extended code, as a VFS reports it."""
    error = apsw.IOError("the disk failed")
    error.extendedresult = code
    return error


class Tape:
    """What happened to the files of one folder (names only: no folders within it), in order."""

    def __init__(self, folder: Path, faults: Faults | None = None) -> None:
        self.folder = folder
        self.faults = faults or Faults()
        self.events: list[Any] = []
        self.names: set[str] = set()
        """The files that are there now."""

    def add(self, event: Create | Delete) -> None:
        """Note that a file has come or gone."""
        self.events.append(event)
        if isinstance(event, Create):
            self.names.add(event.path)
        else:
            self.names.discard(event.path)

    def mark(self, what: Any) -> None:
        """Note an acknowledgement (or whatever the test wants to know at a cut)."""
        self.events.append(Mark(what))

    @contextlib.contextmanager
    def recording(self) -> Iterator["Tape"]:
        """SQLite's default VFS records for the length of a block; so do deletions and folder syncs of our own.

        What is in the folder before counts as safe.
        """
        for path in sorted(self.folder.glob("*")):
            if path.is_file() and path.name not in self.names and not path.name.endswith("-shm"):
                self.add(Create(path.name))
                self.events += [Write(path.name, 0, path.read_bytes()), Sync(path.name)]
        self.events.append(SyncFolder())
        before = apsw.vfs_names()[0]
        vfs = _Vfs(self, f"tape-{id(self)}", before)
        fsync, unlink, pwrite = os.fsync, os.unlink, os.pwrite
        os.fsync, os.unlink, os.pwrite = self._fsync(fsync), self._unlink(unlink), self._pwrite(pwrite)
        try:
            yield self
        finally:
            os.fsync, os.unlink, os.pwrite = fsync, unlink, pwrite
            vfs.unregister()
            apsw.set_default_vfs(before)

    def name(self, path: str | None) -> str | None:
        """The name of a file of the folder; None for files that are none of our business."""
        if path is None or Path(path).parent != self.folder or path.endswith("-shm"):
            return None
        return Path(path).name

    def cuts(self, dice: random.Random, after_marks: int, anywhere: int = 0) -> Iterator["Cut"]:
        """`after_marks` disks for each mark, the first at once and the others at places before the next mark, and
        `anywhere` more at places drawn from the whole tape.
        """
        marks = [place + 1 for place, event in enumerate(self.events) if isinstance(event, Mark)]
        places = [dice.randint(0, len(self.events)) for _ in range(anywhere)]
        for mark, following in pairwise([*marks, len(self.events)]):
            places += [mark if not number else dice.randint(mark, following) for number in range(after_marks)]
        for number, place in enumerate(sorted(places)):
            yield self.cut(place, VARIANTS[number % len(VARIANTS)], dice)

    def cut(self, place: int, variant: str, dice: random.Random) -> "Cut":
        """The power fails at this place of the tape."""
        acknowledged = [event.what for event in self.events[:place] if isinstance(event, Mark)]
        return Cut(self, place, acknowledged, variant, random.Random(dice.random()))

    def _fsync(self, real: Any) -> Any:
        def fsync(handle: int) -> None:
            path = Path(f"/proc/self/fd/{handle}").readlink()
            if path == self.folder:
                self.events.append(SyncFolder())
            if (name := self.name(str(path))) and name in self.names:
                self._sync(name)
            real(handle)

        return fsync

    def _pwrite(self, real: Any) -> Any:
        def pwrite(handle: int, data: bytes, offset: int) -> int:
            name = self.name(str(Path(f"/proc/self/fd/{handle}").readlink()))
            if name and name in self.names:
                self.faults.on_write()
                self.events.append(Write(name, offset, bytes(data)))
            return real(handle, data, offset)

        return pwrite

    def _sync(self, name: str) -> None:
        failed = self.faults.on_sync()
        self.events.append(Sync(name, failed))
        if failed:
            raise OSError(errno.EIO, "the disk failed")

    def _unlink(self, real: Any) -> Any:
        def unlink(path: Any, **named: Any) -> None:
            real(path, **named)
            if name := self.name(os.fspath(path)):
                self.add(Delete(name))

        return unlink


class _Vfs(apsw.VFS):
    """SQLite's own VFS with a tape beside it."""

    def __init__(self, tape: Tape, name: str, base: str) -> None:
        self.tape, self.base = tape, base
        super().__init__(name, base, makedefault=True)

    def xOpen(self, name: Any, flags: list[int]) -> Any:  # noqa: N802 - SQLite's name
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        ours = self.tape.name(path)
        new = ours is not None and not Path(path).exists()
        file = _File(self.tape, ours, self.base, name, flags, new=new)
        if ours is not None and ours not in self.tape.names:  # or it was made, empty, by another way
            self.tape.add(Create(ours))
        return file

    def xDelete(self, name: str, syncdir: bool) -> None:  # noqa: N802
        super().xDelete(name, syncdir)
        if ours := self.tape.name(name):
            self.tape.add(Delete(ours))
            if syncdir:
                self.tape.events.append(SyncFolder())


class _File(apsw.VFSFile):
    def __init__(self, tape: Tape, ours: str | None, base: str, name: Any, flags: list[int], *, new: bool) -> None:
        self.tape, self.ours = tape, ours
        self.folder_too = new and bool(flags[0] & CREATES_WITH_FOLDER)
        super().__init__(base, name, flags)

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802
        if self.ours:
            self.tape.faults.on_write()
            self.tape.events.append(Write(self.ours, offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:  # noqa: N802
        if self.ours:
            self.tape.events.append(Truncate(self.ours, size))
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:  # noqa: N802
        if self.ours:
            failed = self.tape.faults.on_sync()
            self.tape.events.append(Sync(self.ours, failed))
            if failed:
                raise failure(apsw.SQLITE_IOERR_FSYNC)
            if self.folder_too:
                self.folder_too = False
                self.tape.events.append(SyncFolder())
        # The tape knows what would be on the disk; the test's own disk need not.


@dataclass
class _OnDisk:
    """One file: what is safe, and what has been done to it since."""

    safe: bytearray = field(default_factory=bytearray)
    pending: list[Any] = field(default_factory=list)


@dataclass
class Cut:
    """The power fails at one place of the tape."""

    tape: Tape
    place: int
    acknowledged: list[Any]
    variant: str
    dice: random.Random

    def rebuild(self, folder: Path) -> None:
        """Write the files of one disk that is possible now into an empty folder."""
        safe_names: dict[str, _OnDisk] = {}
        names: dict[str, _OnDisk] = {}
        for event in self.tape.events[: self.place]:
            self._play(event, names, safe_names)
        folder.mkdir(parents=True)
        for name, file in self._names_left(names, safe_names).items():
            (folder / name).write_bytes(self._content(file))

    def _play(self, event: Any, names: dict[str, _OnDisk], safe_names: dict[str, _OnDisk]) -> None:
        match event:
            case Create(path):
                names[path] = _OnDisk()
            case Delete(path):
                names.pop(path, None)
            case Write(path) | Truncate(path):
                names[path].pending.append(event)
            case Sync(path, failed):
                file = names[path]
                if not failed:
                    for done in file.pending:
                        apply(file.safe, done)
                file.pending = []
            case SyncFolder():
                safe_names.clear()
                safe_names.update(names)

    def _names_left(self, names: dict[str, _OnDisk], safe_names: dict[str, _OnDisk]) -> dict[str, _OnDisk]:
        """The folder as it was synced, with some of the changes since, in their order up to some point."""
        if self.variant == "all":
            return names
        if self.variant == "nothing" or self.dice.random() < 0.5:
            return safe_names
        changed = {name for name in names.keys() | safe_names.keys() if names.get(name) is not safe_names.get(name)}
        kept = {name for name in sorted(changed) if self.dice.random() < 0.5}
        both = [(name, names.get(name) if name in kept else safe_names.get(name)) for name in names | safe_names]
        unchanged = {name: file for name, file in names.items() if name not in changed}
        return unchanged | {name: file for name, file in both if file is not None}

    def _content(self, file: _OnDisk) -> bytes:
        content, pending, dice = bytearray(file.safe), file.pending, self.dice
        match self.variant:
            case "nothing":
                pending = []
            case "prefix":
                pending = pending[: dice.randint(0, len(pending))]
            case "subset" | "holes":
                kept = [dice.random() < 0.6 for _ in pending]
                if self.variant == "holes" and pending:  # the size was written, the data was not
                    size = max(event.offset + len(event.data) if isinstance(event, Write) else 0 for event in pending)
                    content.extend(bytes(max(0, size - len(content))))
                pending = [event for event, keep in zip(pending, kept, strict=True) if keep]
            case "torn":
                pending = [piece for event in pending for piece in torn(event, dice)]
        for event in pending:
            apply(content, event)
        return bytes(content)


def apply(content: bytearray, event: Write | Truncate) -> None:
    """Do one change to a file's bytes."""
    if isinstance(event, Truncate):
        del content[event.size :]
        content.extend(bytes(event.size - len(content)))
        return
    content.extend(bytes(max(0, event.offset - len(content))))
    content[event.offset : event.offset + len(event.data)] = event.data


def torn(event: Write | Truncate, dice: random.Random) -> list[Write | Truncate]:
    """The sectors of a write that happened to reach the disk."""
    if isinstance(event, Truncate):
        return [event] if dice.random() < 0.5 else []
    start, pieces = event.offset, []
    while start < event.offset + len(event.data):
        end = min((start // SECTOR + 1) * SECTOR, event.offset + len(event.data))
        if dice.random() < 0.6:
            pieces.append(Write(event.path, start, event.data[start - event.offset : end - event.offset]))
        start = end
    return pieces
