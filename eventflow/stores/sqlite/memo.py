"""What this process has read and can never change: definitions by hash, the fixed part of runs in hand.

What was read in a transaction that came to nothing does no harm: texts are named by their hash, and a run in hand is
remembered anew by the claim that hands it over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventflow.stores.sqlite import ledger

if TYPE_CHECKING:
    from eventflow.stores.sqlite.rows import Fixed
    from eventflow.stores.sqlite.sql import Sql


RUNS = 4096
"""How many runs in hand are remembered; beyond, the oldest is read again when it ends."""


class Memo:
    """Things that are read once."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self.definitions: set[str] = set()
        """Hashes known to be in the store."""
        self._texts: dict[str, bytes] = {}
        self._runs: dict[str, Fixed] = {}

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

    def keep(self, run: str, fixed: Fixed) -> None:
        """Remember the fixed part of a run in hand."""
        if len(self._runs) >= RUNS:
            self._runs.pop(next(iter(self._runs)))
        self._runs[run] = fixed

    def forget(self, run: str) -> Fixed | None:
        """The fixed part of a run that ends, if remembered."""
        return self._runs.pop(run, None)
