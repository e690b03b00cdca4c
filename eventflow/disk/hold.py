"""One process holds a directory at a time, and the second is told by name who the first is (W24).

A thing of its own because a lock that only says "locked" sends people searching. The lock is the operating system's
(`flock`), so it ends with the process, however that ends; the text in the file only serves the message.
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

import msgspec

from eventflow import ports
from eventflow.disk.faults import file_errors, make_folder
from eventflow.errors import StorageHeld
from eventflow.model.event import format_time, from_micros

if TYPE_CHECKING:
    from pathlib import Path


class Holder(msgspec.Struct, frozen=True):
    """Who has it."""

    pid: int
    since: str
    address: str = ""

    def __str__(self) -> str:
        """As a message names it."""
        return f"process {self.pid}, started {self.since}" + (f", at {self.address}" if self.address else "")


class Hold:
    """The right to a directory: `<directory>/lock` under `flock` for as long as it is held."""

    def __init__(self, directory: Path, name: str = "lock") -> None:
        """Hold nothing yet."""
        self.path = directory / name
        self._handle: int | None = None
        self._since = ""

    def take(self, address: str = "") -> None:
        """Take it. Raises `StorageHeld`, naming the holder's process, start and address."""
        make_folder(self.path.parent)
        with file_errors(self.path):
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = self._holder(handle)
            os.close(handle)
            raise StorageHeld(
                f"{self.path.parent} is in use by {holder}; stop it first, or choose another data_dir"
            ) from error
        self._handle = handle
        self._since = format_time(from_micros(ports.wall()).replace(microsecond=0))
        self.tell(address)

    def tell(self, address: str) -> None:
        """Write where this process can be reached, for who comes second."""
        if self._handle is None:
            return
        text = msgspec.json.encode(Holder(os.getpid(), self._since, address)) + b"\n"
        with file_errors(self.path):
            os.ftruncate(self._handle, 0)
            os.pwrite(self._handle, text, 0)

    def release(self) -> None:
        """Let go; twice is fine. The file stays: to remove it would let two processes hold two files of one name."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    @staticmethod
    def _holder(handle: int) -> str:
        try:
            return str(msgspec.json.decode(os.pread(handle, 4096, 0), type=Holder))
        except (msgspec.MsgspecError, OSError):
            return "another process"
