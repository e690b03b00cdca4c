"""Cutting many entries by the text at one path, so that an event meets only those that name its value.

The path is the one whose buckets are smallest on average. Entries that do not bind it go to a node of their own, which
every event meets. Entries bound by a program's test must be asked where the path is absent; they are then kept as a
third node without that test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from eventflow.match.index.masks import BLOCK, Masks
from eventflow.match.index.reading import Locals, Reader
from eventflow.match.index.rules import Rule, Run, Test
from eventflow.match.index.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Sequence

FEW: Final = 12
"""Up to so many entries a generated function is as fast as anything."""
CROSSOVER: Final = 120
"""Up to so many entries it is faster than masks where no cut helps."""
IN_BUCKET: Final = 6
"""In a bucket masks begin earlier: there are many buckets, and a generated function takes ten times as long to make."""
_WORTH: Final = 3
"""Cutting must leave an event at most one in so many entries to meet."""
Parts = dict[str, list[Rule]]


def plan(rules: Sequence[Rule], *, bucket: bool = False) -> Tree | Masks | Cut | Blocks:
    """The node for these entries."""
    if len(rules) <= (IN_BUCKET if bucket else FEW):
        return Tree(rules)
    cut = _best(rules)
    if cut is not None:
        return Cut(cut, rules)
    if len(rules) <= CROSSOVER and not bucket:
        return Tree(rules)
    return (
        Masks(rules)
        if len(rules) <= BLOCK
        else Blocks([Masks(rules[n : n + BLOCK]) for n in range(0, len(rules), BLOCK)])
    )


def bound(rule: Rule) -> dict[tuple[str, ...], tuple[str, ...]]:
    """The paths on which a rule can only hold for certain texts, with those."""
    found: dict[tuple[str, ...], tuple[str, ...]] = {}
    for test in rule.tests:
        values = test.value if test.op == "in" else (test.value,) if test.op == "eq" else ()
        if values and all(v.__class__ is str for v in values):
            found[test.path] = values
    return found


def _best(rules: Sequence[Rule]) -> tuple[str, ...] | None:
    counts: dict[tuple[str, ...], dict[str, int]] = {}
    members: dict[tuple[str, ...], int] = {}
    for rule in rules:
        for path, values in bound(rule).items():
            members[path] = members.get(path, 0) + 1
            table = counts.setdefault(path, {})
            for value in values:
                table[value] = table.get(value, 0) + 1
    best, least = None, len(rules) / _WORTH
    for path, table in counts.items():
        total = sum(table.values())
        cost = len(rules) - members[path] + sum(n * n for n in table.values()) / total
        if cost < least:
            best, least = path, cost
    return best


class Cut:
    """A table from the text at a path to the node of the entries that name it."""

    def __init__(self, path: tuple[str, ...], rules: Sequence[Rule]) -> None:
        self.path = path
        buckets: Parts = {}
        free: list[Rule] = []
        self.bound: list[Rule] = []
        for rule in rules:
            values = bound(rule).get(path)
            if values is None:
                free.append(rule)
                continue
            self.bound.append(rule)
            left = without(rule, path)
            for value in dict.fromkeys(values):
                buckets.setdefault(value, []).append(left)
        self.free = plan(free, bucket=True) if free else None
        self.buckets = {value: plan(bucket, bucket=True) for value, bucket in buckets.items()}

    def build(self, reader: Reader) -> Run:
        """See `Run`. Functions of buckets are made when first needed."""
        lines: list[str] = []
        x = Locals(reader).load(self.path, lines, " ", [0])
        table = _Lazy(self.buckets, reader)
        names: dict[str, Any] = {"make": table.make, "get": table.made.get, "absent": self._absent(reader)}
        free = self.free.build(reader) if self.free is not None else None
        names["free"] = free
        lines = ["def run(e, out, more):", *lines]
        if free is not None:
            lines.append(" free(e, out, more)")
        lines += [
            f" if {x}.__class__ is str:",
            f"  f = get({x}) or make({x})",
            "  if f is not None: f(e, out, more)",
            f" elif {x} is M or {x} is U: absent(e, out, more)",
        ]
        names |= reader.names
        exec(compile("\n".join(lines), "<index>", "exec"), names)  # noqa: S102 - our own source; data enters it by repr only
        run: Run = names["run"]
        return run

    def _absent(self, reader: Reader) -> Run:
        """What to do where the path cannot be read: those of which everything else holds are asked."""
        made: list[Run] = []

        def absent(e: Any, out: list[int], more: list[Any]) -> None:
            if not made:
                asked = [
                    Rule(r.position, without(r, self.path).tests, r.groups, r.refusals, asked=True) for r in self.bound
                ]
                made.append(plan(asked, bucket=True).build(reader))
            made[0](e, out, more)

        return absent


def without(rule: Rule, path: tuple[str, ...]) -> Rule:
    """The rule without the test that binds a path."""

    def binds(test: Test) -> bool:
        return test.path == path and test.op in {"eq", "in"}

    return Rule(
        rule.position,
        [t for t in rule.tests if not binds(t)],
        rule.groups,
        rule.refusals,
        rule.rest,
        rule.part,
        rule.asked,
    )


class _Lazy:
    """Functions of buckets, made at first use."""

    def __init__(self, nodes: dict[str, Any], reader: Reader) -> None:
        self.nodes = nodes
        self.reader = reader
        self.made: dict[str, Run] = {}

    def make(self, value: str) -> Run | None:
        """The function of a value, or None where no entry names it."""
        node = self.nodes.get(value)
        if node is None:
            return None
        run: Run = node.build(self.reader)
        self.made[value] = run
        return run


class Blocks:
    """Several nodes, each met by every event."""

    def __init__(self, nodes: Sequence[Masks]) -> None:
        self.nodes = nodes

    def build(self, reader: Reader) -> Run:
        """See `Run`."""
        runs = [node.build(reader) for node in self.nodes]

        def run(e: Any, out: list[int], more: list[Any]) -> None:
            for one in runs:
                one(e, out, more)

        return run
