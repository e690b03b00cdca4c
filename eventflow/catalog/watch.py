"""Hot reload: noticing that documents have changed, by looking at names, sizes and times of the files.

Looking is a poll, because file events are lost on network and container file systems. A change is told once, when two
looks in a row have seen the same: an editor that writes in pieces, or a checkout of many files, is waited for.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from eventflow.catalog.locate import documents

if TYPE_CHECKING:
    from collections.abc import Iterable

Look = dict[str, tuple[int, int, int]]


class Watch:
    """Watches the documents under some folders; folders may come and go."""

    def __init__(self, folders: Iterable[Path | str]) -> None:
        """What is there now counts as known."""
        self._folders = [Path(folder) for folder in folders]
        self._told = self._before = self._look()

    def changed(self) -> bool:
        """Whether documents have been added, removed or written since this was last true, and lie still now."""
        now = self._look()
        still, self._before = now == self._before, now
        if not still or now == self._told:
            return False
        self._told = now
        return True

    def _look(self) -> Look:
        found: Look = {}
        for folder in self._folders:
            for file, _ in documents(folder):
                try:
                    status = file.stat()
                except OSError:
                    found[str(file)] = (0, 0, 0)
                else:
                    found[str(file)] = (status.st_mtime_ns, status.st_size, status.st_ino)
        return found
