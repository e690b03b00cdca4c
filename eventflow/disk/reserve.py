"""Some room kept on the disk, given back when it runs full, so that what was begun can be finished.

A thing of its own because on a full disk the difference between a good and a bad stop is a few megabytes: the engine
can still write down what it did, while the outside is refused.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

CHUNK = b"\0" * (1 << 16)


class Reserve:
    """A file of `size` bytes that stands for room."""

    def __init__(self, path: Path, size: int) -> None:
        """Keep nothing yet."""
        self.path = path
        self.size = size

    @property
    def kept(self) -> bool:
        """Whether the room is there to be given back."""
        try:
            return self.path.stat().st_size == self.size
        except OSError:
            return False

    def keep(self) -> bool:
        """Take the room; False when there is none. Real bytes: a hole in a file is no room."""
        if self.kept:
            return True
        try:
            self.path.touch(mode=0o600)
            with self.path.open("wb", buffering=0) as file:
                for start in range(0, self.size, len(CHUNK)):
                    if file.write(CHUNK[: self.size - start]) != min(len(CHUNK), self.size - start):
                        raise OSError("short write")
                os.fsync(file.fileno())
        except OSError:
            self.give_back()
            return False
        return True

    def give_back(self) -> bool:
        """Free the room; False when there was none."""
        kept = self.kept
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
        return kept
