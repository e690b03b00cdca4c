"""Masks: for the value at a path, which entries it does not rule out. Bit i of a mask stands for entry i of the node.

`Values` holds the tests of programs on one path, `Hits` the atoms of selectors on one path. Ranges are sorted
thresholds with cumulative masks, prefixes are tables per length, globs are tried once per distinct text and remembered.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Any, Final

import msgspec

from eventflow.match.atoms import Atom, fits, texts
from eventflow.match.emit import EXACT_BELOW
from eventflow.match.functions.own import glob, is_glob
from eventflow.match.index.rules import RANGES
from eventflow.match.values import MISSING

if TYPE_CHECKING:
    from eventflow.match.index.rules import Test

ABSENT: Final = msgspec.UNSET
"""The map is there, the key is not."""
UNREACHED: Final = object()
"""Something on the way is not a map."""
REMEMBERED: Final = 1024


class Values:
    """Tests of programs on one path."""

    def __init__(self, everything: int) -> None:
        self.all = everything
        self.equal: dict[Any, int] = {}
        self.truths: dict[bool, int] = {}
        self.own = self.reads = self.bound = self.has = self.lacks = self.numeric = self.textual = self.truth = 0
        self.unequal: list[tuple[Any, int]] = []
        self.thresholds: dict[str, list[tuple[float, int]]] = {}
        self.prefixes: dict[int, dict[str, int]] = {}

    def add(self, bit: int, test: Test) -> None:
        """Take a test of the entry with this bit."""
        self.own |= bit
        op, value = test.op, test.value
        if op not in {"has", "lacks"}:
            self.reads |= bit
        if op in {"eq", "in"}:
            self.bound |= bit
            for one in value if op == "in" else (value,):
                table: dict[Any, int] = self.truths if one.__class__ is bool else self.equal
                table[one] = table.get(one, 0) | bit
        elif op == "ne":
            self.unequal.append((value, bit))
        elif op == "is":
            self.truth |= bit
            self.truths[value] = self.truths.get(value, 0) | bit
        elif op == "has":
            self.has |= bit
        elif op == "lacks":
            self.lacks |= bit
        elif op == "prefix":
            self.textual |= bit
            table = self.prefixes.setdefault(len(value), {})
            table[value] = table.get(value, 0) | bit
        elif op in RANGES:
            self.numeric |= bit
            self.thresholds.setdefault(op, []).append((value, bit))

    def freeze(self) -> None:
        """Work the tables out; nothing is added afterwards."""
        present = self.all & ~self.lacks
        free = present & ~self.bound
        self.default = free
        self.table = {value: (mask & present) | free for value, mask in self.equal.items()}
        self.truth_table = {
            truth: (self.truths.get(truth, 0) & present) | (free & ~self.truth) for truth in (True, False)
        }
        for value, bit in self.unequal:
            table: dict[Any, int] = self.truth_table if value.__class__ is bool else self.table
            table[value] = table.get(value, free) & ~bit
        self.steps = [self._cumulated(op, atoms) for op, atoms in self.thresholds.items()]
        self.starts = sorted(self.prefixes.items())
        self.not_textual = self.all & ~self.textual
        self.absent = (self.all & ~self.has, self.reads)
        self.unreached = (self.all, self.own)

    def _cumulated(self, op: str, atoms: list[tuple[float, int]]) -> tuple[Any, list[float], list[int]]:
        """For a value v the number of thresholds it passes is bisect(keys, ±v); the mask at that number lets those
        pass.
        """
        atoms.sort(key=lambda a: a[0], reverse=op in {"lt", "le"})
        mask = self.all
        for _, bit in atoms:
            mask &= ~bit
        masks = [mask]
        for _, bit in atoms:
            mask |= bit
            masks.append(mask)
        sign = -1 if op in {"lt", "le"} else 1
        return (sign, bisect_right if op in {"ge", "le"} else bisect_left), [sign * a[0] for a in atoms], masks

    def prefixed(self, text: str) -> int:
        """Which entries' prefixes a text has."""
        mask = self.not_textual
        for length, table in self.starts:
            mask |= table.get(text[:length], 0)
        return mask

    def ranged(self, value: float) -> int:
        """Which entries' ranges hold a number."""
        mask = self.all
        for (sign, bisect), keys, masks in self.steps:
            mask &= masks[bisect(keys, sign * value)]
        return mask

    def look(self, value: Any) -> tuple[int, int]:
        """(not ruled out, to be asked) for any value."""
        cls = value.__class__
        if cls is str:
            return self.table.get(value, self.default) & self.prefixed(value), self.numeric | self.truth
        if value is ABSENT:
            return self.absent
        if value is UNREACHED:
            return self.unreached
        if cls is bool:
            return self.truth_table[value], self.numeric | self.textual
        if cls is float or cls is int:
            if -EXACT_BELOW < value < EXACT_BELOW:
                return self.table.get(value, self.default) & self.ranged(value), self.textual | self.truth
            return self.unreached
        if value is None:
            return self.table.get(None, self.default), self.numeric | self.textual | self.truth
        if cls is dict or cls is list:
            return self.default, self.numeric | self.textual | self.truth
        return self.unreached


class Hits:
    """Atoms of selectors on one path: which entries have one that fits."""

    def __init__(self) -> None:
        self.exact: dict[str, int] = {}
        self.patterns: dict[str, int] = {}
        self.starts: dict[str, int] = {}
        self.others: list[tuple[Atom, int]] = []
        self.known: dict[str, int] = {}

    def add(self, bit: int, atom: Atom) -> None:
        """Take an atom (its plain form, also for a refusal)."""
        op = atom.op.removeprefix("not_")
        if op in {"glob", "eq", "in", "prefix"}:
            values = texts(atom.value) if op in {"glob", "prefix"} else atom.value if op == "in" else (atom.value,)
            for value in values:
                if value.__class__ is not str:
                    self.others.append((Atom(atom.path, "eq", value), bit))
                elif op == "prefix":
                    self.starts[value] = self.starts.get(value, 0) | bit
                else:
                    table = self.patterns if op == "glob" and is_glob(value) else self.exact
                    table[value] = table.get(value, 0) | bit
        else:
            self.others.append((atom, bit))

    @property
    def simple(self) -> bool:
        """Whether a text is all that can fit, by one look-up."""
        return not (self.patterns or self.starts or self.others)

    def text(self, value: str) -> int:
        """The hits of a text."""
        return self._text(value) | self._others(value)

    def _text(self, value: str) -> int:
        if not (self.patterns or self.starts):
            return self.exact.get(value, 0)
        mask = self.known.get(value)
        if mask is None:
            mask = self.exact.get(value, 0)
            for pattern, bits in self.patterns.items():
                if glob(value, pattern):
                    mask |= bits
            for start, bits in self.starts.items():
                if value.startswith(start):
                    mask |= bits
            if len(self.known) >= REMEMBERED:
                self.known.clear()
            self.known[value] = mask
        return mask

    def _others(self, value: Any) -> int:
        mask = 0
        for atom, bit in self.others:
            if fits(atom, value):
                mask |= bit
        return mask

    def any(self, value: Any) -> int:
        """The hits of any value; of a list, those of any member."""
        if value.__class__ is str:
            return self.text(value)
        if value is ABSENT or value is UNREACHED:
            return self._others(MISSING)
        mask = self._others(value)
        if value.__class__ is list:
            for member in value:
                if member.__class__ is str:
                    mask |= self._text(member)
        return mask

    def every(self, value: Any) -> int:
        """For refusals: the hits of a single value, or those that all members of a list have."""
        if value.__class__ is not list:
            return self.any(value)
        mask = -1 if value else 0
        for member in value:
            mask &= self.any(member) if member.__class__ is not list else 0
        return mask
