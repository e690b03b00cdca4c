"""A node of masks: for many entries, one table look-up and one AND per path, then the few that are left.

Cost per event: paths × (look-up + n/8 bytes) + matches. Entries are cut into blocks, so that the tables grow with n and
not with n².
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from eventflow.match.emit import EXACT_BELOW
from eventflow.match.index.reading import Locals, Reader
from eventflow.match.index.tables import Hits, Values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eventflow.match.index.rules import Rule, Run

BLOCK: Final = 4096
"""Entries per block."""
Path = tuple[str, ...]
_FEW: Final = 24
_SMALL: Final = 512
_LENGTHS: Final = 4
_GATE: Final = 2
"""So few values asked for by all entries are likely to rule all of them out."""


class Masks:
    """Up to BLOCK entries; `source` makes the function for one way of reading."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = rules
        self.all = (1 << len(rules)) - 1
        self.values: dict[tuple[str, ...], Values] = {}
        self.groups: dict[tuple[Any, ...], tuple[int, dict[tuple[str, ...], Hits]]] = {}
        self.refusals: dict[tuple[str, ...], Hits] = {}
        self.rest = self.asked = 0
        for n, rule in enumerate(rules):
            self._take(1 << n, rule)
        for values in self.values.values():
            values.freeze()
        self.positions = [rule.position for rule in rules]

    def _take(self, bit: int, rule: Rule) -> None:
        if rule.rest is not None:
            self.rest |= bit
        if rule.asked:
            self.asked |= bit
        for test in rule.tests:
            if test.path not in self.values:
                self.values[test.path] = Values(self.all)
            self.values[test.path].add(bit, test)
        seen: dict[tuple[tuple[str, ...], ...], int] = {}
        for group in rule.groups:
            paths = tuple(dict.fromkeys(atom.path for atom in group))
            nth = seen[paths] = seen.get(paths, 0) + 1
            bound, hits = self.groups.get((nth, *paths), (0, {}))
            for atom in group:
                hits.setdefault(atom.path, Hits()).add(bit, atom)
            self.groups[nth, *paths] = (bound | bit, hits)
        for atom in rule.refusals:
            self.refusals.setdefault(atom.path, Hits()).add(bit, atom)

    # ------------------------------------------------------------------ the function

    def build(self, reader: Reader) -> Run:
        """See `Run`."""
        names: dict[str, Any] = {"settle": self.settle}
        start, asked = self._big(self.all, names), self._big(self.asked, names)
        lines = ["def run(e, out, more):", f" m = {start}; a = {asked}"]
        place = Locals(reader)
        fresh = [0]
        for kind, key in self._order():
            if kind == "group":
                self._group(key, place, lines, fresh, names)
            elif kind == "values":
                self._values(key, place, lines, fresh, names)
                continue
            else:
                x = place.load(key, lines, " ", fresh)
                name = self._name(self.refusals[key].every, names)
                lines.append(f" m &= ~{name}({x})")
            lines.append(" if not m: return")
        lines.append(" settle(m, a, out, more)")
        names.update(reader.names)
        exec(compile("\n".join(lines), "<index>", "exec"), names)  # noqa: S102 - our own source; data enters it by repr only
        run: Run = names["run"]
        return run

    def _order(self) -> list[tuple[str, Any]]:
        """First what may rule everything out: what all ask for, with few values. Then what has most values."""
        parts: list[tuple[int, float, str, Any]] = []
        for key, (bound, hits) in self.groups.items():
            spread = max(len(h.exact) + len(h.patterns) for h in hits.values())
            gate = 0 if bound == self.all and spread <= _GATE else 3
            parts.append((gate, -bound.bit_count() * min(spread + 1, 50), "group", key))
        for path, values in self.values.items():
            spread = len(values.equal) + len(values.truths) + len(values.prefixes) + bool(values.thresholds)
            gate = 1 if values.bound == self.all and spread <= _GATE else 2 if values.numeric == self.all else 3
            parts.append((gate, -values.own.bit_count() * min(spread + 1, 50), "values", path))
        parts.sort(key=lambda part: part[:2])
        return [(kind, key) for _, _, kind, key in parts] + [("refusal", path) for path in self.refusals]

    @staticmethod
    def _name(value: Any, names: dict[str, Any]) -> str:
        name = f"k{len(names)}"
        names[name] = value
        return name

    def _big(self, mask: int, names: dict[str, Any]) -> str:
        return str(mask) if mask.bit_length() < 60 else self._name(mask, names)

    def _group(self, key: Any, place: Locals, lines: list[str], fresh: list[int], names: dict[str, Any]) -> None:
        bound, hits = self.groups[key]
        parts = []
        for path, table in hits.items():
            x = place.load(path, lines, " ", fresh)
            slow = self._name(table.any, names)
            if table.simple:
                parts.append(f"({self._name(table.exact.get, names)}({x}, 0) if {x}.__class__ is str else {slow}({x}))")
            else:
                parts.append(f"{slow}({x})")
        free = self.all & ~bound
        lines.append(f" m &= {' | '.join([*parts, *([self._big(free, names)] if free else [])])}")

    def _values(self, path: Path, place: Locals, lines: list[str], fresh: list[int], names: dict[str, Any]) -> None:
        values = self.values[path]
        space = " "
        if len(self.rules) <= _SMALL and values.own.bit_count() * 2 < len(self.rules):
            # few bind this path: most events have ruled those out before it need be read
            lines.append(f" if m & {self._big(values.own, names)}:")
            place, space = place.inner(), "  "
        x = place.load(path, lines, space, fresh)
        get = self._name(values.table.get, names)
        default = self._big(values.default, names)
        lines.append(f"{space}c = {x}.__class__")
        word = "if"
        if values.bound or values.textual or values.unequal:
            mask = f"{get}({x}, {default})" if values.table or values.bound else default
            if values.textual:
                mask += f" & {self._prefixed(values, x, names)}"
            ask = values.numeric | values.truth
            extra = f"; a |= {self._big(ask, names)}" if ask else ""
            lines.append(f"{space}{word} c is str: m &= {mask}{extra}")
            word = "elif"
        if values.numeric and not values.textual and not values.truth:
            steps = []
            for (sign, bisect), keys, masks in values.steps:
                place_of = f"{self._name(bisect, names)}({self._name(keys, names)}, {'-' if sign < 0 else ''}{x})"
                steps.append(f"{self._name(masks, names)}[{place_of}]")
            if values.table or values.bound or values.lacks:
                steps.append(f"{get}({x}, {default})")
            number = f"(c is float or c is int) and -{EXACT_BELOW} < {x} < {EXACT_BELOW}"
            lines.append(f"{space}{word} {number}: m &= {' & '.join(steps)}")
            word = "elif"
        general = f"k = {self._name(values.look, names)}({x}); m &= k[0]; a |= k[1]"
        lines.append(f"{space}else: {general}" if word == "elif" else f"{space}{general}")
        lines.append(f"{space}if not m: return")

    def _prefixed(self, values: Values, x: str, names: dict[str, Any]) -> str:
        if len(values.starts) > _LENGTHS:
            return f"{self._name(values.prefixed, names)}({x})"
        tables = [f"{self._name(table.get, names)}({x}[:{length}], 0)" for length, table in values.starts]
        return f"({' | '.join([*tables, self._big(values.not_textual, names)])})"

    def settle(self, m: int, a: int, out: list[int], more: list[Any]) -> None:
        """Append the positions of the bits that are left."""
        left = m & ~(a | self.rest)
        if left:
            _take(left, self.positions, out)
        if m != left:
            a &= m
            if a:
                _take(a, self.positions, more)
            m &= self.rest & ~a
            if m:
                _take(m, self.rules, more)


def _take(mask: int, things: Sequence[Any], into: list[Any]) -> None:
    """Append the things whose bits are set, in any order."""
    if mask.bit_count() < _FEW:
        while mask:
            n = mask.bit_length() - 1
            into.append(things[n])
            mask ^= 1 << n
        return
    text = bin(mask)[:1:-1]
    at = text.find("1")
    while at >= 0:
        into.append(things[at])
        at = text.find("1", at + 1)
