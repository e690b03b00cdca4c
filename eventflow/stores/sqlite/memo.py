"""What this process has read and can never change: definitions by hash, of runs in hand the part that is fixed.

What was read in a transaction that came to nothing does no harm: texts are named by their hash, and the first claim of
a run always reads it. Nothing is remembered that was only written: it is JSON from then on, and may read differently.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventflow.stores.sqlite import ledger

if TYPE_CHECKING:
    from eventflow.stores.sqlite.rows import Fixed, Row
    from eventflow.stores.sqlite.sql import Sql


RUNS = 1024
"""How many runs are remembered; beyond, the oldest is read again."""
SMALL = 4096
"""Bytes of JSON up to which a run is remembered: so all of them together stay small."""


class Memo:
    """Things that are read once."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self.definitions: set[str] = set()
        """Hashes known to be in the store."""
        self._texts: dict[str, bytes] = {}
        self._runs: dict[str, tuple[Row, Fixed]] = {}

    def clear(self) -> None:
        """Forget everything."""
        self.definitions.clear()
        self._texts.clear()
        self._runs.clear()

    def definition(self, db: Sql, hash_: str) -> bytes:
        """The text of a definition."""
        text = self._texts.get(hash_)
        if text is None:
            text = self._texts[hash_] = ledger.definition(db, hash_)
        return text

    def keep(self, row: Row, fixed: Fixed) -> None:
        """Remember a run that is about to be taken. Of the row only what never changes may be believed later."""
        if row.id not in self._runs and len(self._runs) >= RUNS:
            self._runs.pop(next(iter(self._runs)))
        self._runs[row.id] = (row, fixed)

    def row(self, run: str) -> Row | None:
        """The row of a run as it was, if remembered."""
        known = self._runs.get(run)
        return None if known is None else known[0]

    def fixed(self, run: str) -> Fixed | None:
        """The fixed part of a run, if remembered."""
        known = self._runs.get(run)
        return None if known is None else known[1]

    def forget(self, run: str) -> Fixed | None:
        """The fixed part of a run that ends or is too large, if remembered."""
        known = self._runs.pop(run, None)
        return None if known is None else known[1]
