"""Which events a stateful trigger has counted before: identity × trigger, remembered for seven days of log time (W13).

A thing of its own because of its size: ten million identities must fit and a look-up must cost about a microsecond.
A fingerprint has 66 bits: ten choose one of 1,024 shards, 56 are kept, with the age in the low byte of the same 64-bit
word, in an open-addressed `array('Q')`; so an identity takes 12 to 23 bytes. The age is counted in units of three
hours, modulo 256.

In the store a shard's table is one row (`base`), and what came since is rows of new words (`delta`), which only grow in
number: a checkpoint writes what is new, not the table. When there are many deltas, tables are rewritten a few per
checkpoint, and then the deltas before that round go. A row is made into a table when its shard is first touched.
"""

from __future__ import annotations

import sys
from array import array
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from eventflow.model.event import Micros

UNIT: Final[Micros] = 3 * 3_600_000_000
WINDOW_UNITS: Final = 57
"""Seven days are 56 units; one more, since the first and the last are not whole."""
SHARDS: Final = 1024
PREFIX: Final = "seen/"
_FEW: Final = 8
_ROUND: Final = 4
_ROUND_UNITS: Final = 60
_SWEEP: Final = 16


class _Head(msgspec.Struct):
    """What is not in the tables: the age, the bound that was moved, the counts per unit, the numbers of rows."""

    unit: int = 0
    horizon: int = 0
    counts: dict[int, int] = {}
    row: int = 0
    round_at: int = -1
    round_row: int = 0
    round_unit: int = 0
    fresh: int = 0


class Seen:
    """Remember identities. One `Seen` serves all triggers of a partition."""

    def __init__(self, bound: int = 16_000_000, prefix: str = PREFIX) -> None:
        """Remember at most about `bound` identities; beyond that the oldest three hours are forgotten first.

        The names of its rows begin with `prefix`.
        """
        self.bound = bound
        self._prefix = prefix
        self._head = _Head()
        self._written = b""
        self._tables: list[array[int] | None] = [None] * SHARDS
        self._used = [0] * SHARDS
        self._bases: dict[int, bytes] = {}
        self._deltas: dict[int, memoryview] = {}
        self._stored: set[int] = set()
        self._gone: set[str] = set()
        self._unread: list[bool] = [False] * SHARDS
        self._new: array[int] = array("Q")
        self._new_shards: array[int] = array("H")

    def __len__(self) -> int:
        """How many identities are remembered."""
        return sum(self._head.counts.values())

    @property
    def units(self) -> int:
        """The window that really holds, in units of three hours: less than a week only when the bound was reached."""
        return min(WINDOW_UNITS - 1, self._head.unit - self._head.horizon + 1)

    def add(self, identity: bytes, salt: bytes, log_time: Micros) -> bool:
        """Remember this identity for the trigger that `salt` names; False when it was remembered already."""
        unit = log_time // UNIT
        if unit > self._head.unit:
            self._advance(unit)
        number = int.from_bytes(blake2b(identity, digest_size=9, salt=salt).digest(), "little")
        shard, word = number & (SHARDS - 1), number >> 16 or 1
        if self._unread[shard]:
            self._materialise(shard)
        table = self._tables[shard]
        if table is None or self._used[shard] * 4 >= len(table) * 3:
            table = self._rebuild(shard)
        mask = len(table) - 1
        at = (word >> 10) & mask
        while True:
            found = table[at]
            if found == 0:
                break
            if found >> 8 == word:
                if self._alive(found):
                    return False
                break
            at = (at + 1) & mask
        head = self._head
        self._used[shard] += found == 0
        fresh = word << 8 | head.unit & 255
        table[at] = fresh
        self._new.append(fresh)
        self._new_shards.append(shard)
        head.counts[head.unit] = head.counts.get(head.unit, 0) + 1
        if head.counts[head.unit] & 0xFFF == 0 and len(self) > self.bound:
            self._forget_oldest()
        return True

    def discard(self, identity: bytes, salt: bytes) -> None:
        """Take back the last `add`, which said True (its trigger failed, W17)."""
        shard, word = _place(identity, salt)
        self._new.pop()
        self._new_shards.pop()
        table = self._tables[shard]
        if table is None:
            return
        at = (word >> 10) & (len(table) - 1)
        while table[at] >> 8 != word:
            at = (at + 1) & (len(table) - 1)
        table[at] = word << 8 | (self._head.unit - WINDOW_UNITS) & 255
        self._head.counts[self._head.unit] -= 1

    # --- age ---------------------------------------------------------------------------------------------------------

    def _alive(self, word: int) -> bool:
        return (self._head.unit - word) & 255 <= self._oldest()

    def _oldest(self) -> int:
        """The greatest age that is still remembered."""
        return min(WINDOW_UNITS - 1, self._head.unit - self._head.horizon)

    def _advance(self, unit: int) -> None:
        """A new unit has begun: forget counts that are too old, and sweep some shards before their ages wrap round."""
        head = self._head
        before, head.unit = head.unit, unit
        for old in [old for old in head.counts if old <= unit - WINDOW_UNITS]:
            del head.counts[old]
        if unit - before >= WINDOW_UNITS:
            self._clear()
            return
        for shard in range(before * _SWEEP, unit * _SWEEP):
            if self._unread[shard % SHARDS]:
                self._materialise(shard % SHARDS)
            if self._tables[shard % SHARDS] is not None:
                self._rebuild(shard % SHARDS)

    def _clear(self) -> None:
        """Forget everything, and remember which rows must go."""
        self._gone.update(f"{self._prefix}base/{shard}" for shard in self._stored)
        self._gone.update(f"{self._prefix}delta/{row:012d}" for row in self._deltas)
        self._stored.clear()
        self._deltas.clear()
        self._bases.clear()
        self._new, self._new_shards = array("Q"), array("H")
        self._tables, self._used = [None] * SHARDS, [0] * SHARDS
        self._unread = [False] * SHARDS
        self._head.counts.clear()
        self._head.fresh, self._head.round_at = 0, -1
        self._head.horizon = self._head.unit - WINDOW_UNITS

    def _forget_oldest(self) -> None:
        oldest = min(self._head.counts)
        if oldest == self._head.unit:
            self._clear()
        else:
            del self._head.counts[oldest]
        self._head.horizon = max(self._head.horizon, oldest + 1)

    def _rebuild(self, shard: int) -> array[int]:
        """The table again without what is too old, at most half full."""
        old = self._tables[shard]
        unit, oldest = self._head.unit, self._oldest()
        words = [word for word in old if word and (unit - word) & 255 <= oldest] if old is not None else []
        size = _FEW
        while size < len(words) * 2 + 2:
            size *= 2
        table = array("Q", bytes(8 * size))
        mask = size - 1
        for word in words:
            at = (word >> 18) & mask
            while table[at]:
                at = (at + 1) & mask
            table[at] = word
        self._tables[shard] = table
        self._used[shard] = len(words)
        return table

    # --- rows --------------------------------------------------------------------------------------------------------

    def _materialise(self, shard: int) -> None:
        """Make the shard's rows into its table."""
        self._unread[shard] = False
        base = self._bases.pop(shard, None)
        if base is not None:
            table = _words(base)
            self._tables[shard] = table
            self._used[shard] = len(table) - table.count(0)
        for row in self._deltas.values():
            for word in _part(row, shard):
                self._restore(shard, word)

    def _restore(self, shard: int, word: int) -> None:
        """Put a word of a delta into the table, unless the table knows a younger one: its row may be newer."""
        table = self._tables[shard]
        if table is None or self._used[shard] * 4 >= len(table) * 3:
            table = self._rebuild(shard)
        self._used[shard] += _put(table, word, self._head.unit)

    def load(self, slots: Mapping[str, bytes]) -> None:
        """Take over rows as `dump` wrote them; other slots are ignored. Nothing is decoded but the head."""
        rows = {name.removeprefix(self._prefix): row for name, row in slots.items() if name.startswith(self._prefix)}
        if "head" not in rows:
            return
        self._written = rows.pop("head")
        self._head = msgspec.msgpack.decode(self._written, type=_Head)
        for name, row in sorted(rows.items()):
            kind, _, number = name.partition("/")
            if kind == "base":
                self._bases[int(number)] = row
                self._stored.add(int(number))
                self._unread[int(number)] = True
            else:
                self._deltas[int(number)] = memoryview(row)
        if self._deltas:
            self._unread = [True] * SHARDS

    def dump(self) -> dict[str, bytes | None]:
        """The rows that changed since the last call, None for those that go."""
        slots: dict[str, bytes | None] = dict.fromkeys(self._gone)
        self._gone.clear()
        head = self._head
        if self._new:
            row = _delta(self._new_shards, self._new)
            slots[f"{self._prefix}delta/{head.row:012d}"] = row
            self._deltas[head.row] = memoryview(row)
            head.row += 1
            head.fresh += len(self._new)
            self._new, self._new_shards = array("Q"), array("H")
        many = head.fresh > max(65_536, len(self) // 4) or len(self._deltas) > 4096
        old = (self._deltas or self._stored) and head.unit - head.round_unit >= _ROUND_UNITS
        if head.round_at < 0 and (many or old):
            head.round_at, head.round_row, head.round_unit, head.fresh = 0, head.row, head.unit, 0
        if head.round_at >= 0:
            self._rewrite(slots)
        encoded = msgspec.msgpack.encode(head)
        if encoded != self._written and head.unit:
            slots[self._prefix + "head"] = self._written = encoded
        return slots

    def _rewrite(self, slots: dict[str, bytes | None]) -> None:
        """Write the next tables of the round; at its end the deltas from before it go."""
        head = self._head
        for shard in range(head.round_at, min(head.round_at + _ROUND, SHARDS)):
            if self._unread[shard]:
                self._materialise(shard)
            if self._tables[shard] is None:
                continue
            table = self._rebuild(shard)
            self._stored.add(shard)
            slots[f"{self._prefix}base/{shard}"] = _little(table)
        head.round_at += _ROUND
        if head.round_at >= SHARDS:
            head.round_at = -1
            for row in [row for row in self._deltas if row < head.round_row]:
                del self._deltas[row]
                slots[f"{self._prefix}delta/{row:012d}"] = None

    def image(self) -> bytes:
        """All that is remembered, in a form that tells nothing of when checkpoints were made."""
        found: list[int] = []
        for shard in range(SHARDS):
            if self._unread[shard]:
                self._materialise(shard)
            table = self._tables[shard]
            found.extend(shard << 64 | word for word in table or () if word and self._alive(word))
        state = blake2b(digest_size=16)
        for word in sorted(found):
            state.update(word.to_bytes(10, "big"))
        return state.digest() + msgspec.msgpack.encode((self._head.unit, self._head.horizon, self._head.counts))


def _place(identity: bytes, salt: bytes) -> tuple[int, int]:
    """(shard, 56 bits, never zero) of an identity."""
    number = int.from_bytes(blake2b(identity, digest_size=9, salt=salt).digest(), "little")
    return number & (SHARDS - 1), number >> 16 or 1


def _put(table: array[int], word: int, unit: int = 0) -> bool:
    """Into the table, unless it holds a younger word of the same identity; whether that took a free place."""
    mask = len(table) - 1
    at = (word >> 18) & mask
    while (found := table[at]) and found >> 8 != word >> 8:
        at = (at + 1) & mask
    if not found or (unit - word) & 255 < (unit - found) & 255:
        table[at] = word
    return not found


def _delta(shards: array[int], words: array[int]) -> bytes:
    """New words sorted by shard, with the numbers of words per shard in front."""
    order = sorted(range(len(words)), key=shards.__getitem__)
    ends, at = array("I", bytes(4 * SHARDS)), 0
    for shard in shards:
        ends[shard] += 1
    for shard in range(SHARDS):
        at = ends[shard] = at + ends[shard]
    few = len(words) < SHARDS
    if few:
        return b"\1" + _little(array("H", sorted(shards))) + _little(array("Q", [words[i] for i in order]))
    return b"\0" + _little(ends) + _little(array("Q", [words[i] for i in order]))


def _part(row: memoryview, shard: int) -> Iterable[int]:
    """The words of a delta that belong to the shard."""
    if row[0]:
        count = (len(row) - 1) // 10
        shards, words = array("H"), array("Q")
        shards.frombytes(row[1 : 1 + 2 * count])
        words.frombytes(row[1 + 2 * count :])
        if sys.byteorder == "big":
            shards.byteswap()
            words.byteswap()
        return [word for one, word in zip(shards, words, strict=True) if one == shard]
    ends = array("I")
    ends.frombytes(row[1 : 1 + 4 * SHARDS])
    if sys.byteorder == "big":
        ends.byteswap()
    start = 1 + 4 * SHARDS
    return _words(bytes(row[start + 8 * (ends[shard - 1] if shard else 0) : start + 8 * ends[shard]]))


def _words(raw: bytes) -> array[int]:
    words = array("Q")
    words.frombytes(raw)
    if sys.byteorder == "big":
        words.byteswap()
    return words


def _little(words: array[int]) -> bytes:
    if sys.byteorder == "big":
        words = words[:]
        words.byteswap()
    return words.tobytes()
