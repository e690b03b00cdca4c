"""A node of few entries: one generated function that reads each path at most once and tests what most entries share
first.

The source is a tree of ifs. Entries with the same condition lie in one block behind it; a value of a kind that the
tests on its path do not expect sends the entries concerned to be asked.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from eventflow.match.atoms import Atom, fits, texts
from eventflow.match.emit import EXACT_BELOW
from eventflow.match.functions.own import glob, is_glob
from eventflow.match.index.reading import Locals, Reader
from eventflow.match.index.rules import RANGES, Rule, Run, Test
from eventflow.match.index.tables import ABSENT, REMEMBERED, UNREACHED
from eventflow.match.values import MISSING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_SIGNS: Final = {"lt": "<", "le": "<=", "gt": ">", "ge": ">="}


class Entry:
    """A rule with the conditions that are still to be tested."""

    __slots__ = ("groups", "refusals", "rule", "tests")

    def __init__(
        self, rule: Rule, tests: Sequence[Test], groups: Sequence[tuple[Atom, ...]], refusals: Sequence[Atom]
    ) -> None:
        self.rule = rule
        self.tests = tests
        self.groups = groups
        self.refusals = refusals


class Tree:
    """A few entries; `build` makes the function for one way of reading."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = rules

    def build(self, reader: Reader) -> Run:
        """See `Run`."""
        run: Run = self._made(_Writer(reader), "def run(e, out, more):", [])
        return run

    def build_whole(self, reader: Reader, cls: type, names: dict[str, Any]) -> Callable[[Any], Any]:
        """The index's `match` itself, for events of one class: no list is made where nothing matches.

        names: `other` (match for events of other classes), `Matched`, `ids`, `settled`, `nothing`.
        """
        writer = _Writer(reader)
        writer.whole = True
        writer.names |= {**names, "cls": cls}
        writer.lines += [" if e.__class__ is not cls: return other(e)", " out = more = None"]
        ending = [
            " if more is not None: return settled(e, out or [], more)",
            " if out is None: return nothing",
            " if len(out) > 1: out = sorted(set(out))",
            " return Matched([ids[n] for n in out], [])",
        ]
        match: Callable[[Any], Any] = self._made(writer, "def run(e):", ending)
        return match

    def _made(self, writer: _Writer, head: str, ending: list[str]) -> Any:
        entries = [Entry(r, r.tests, r.groups, r.refusals) for r in self.rules]
        writer.block(entries, Locals(writer.reader), " ")
        names = writer.names | writer.reader.names
        source = "\n".join([head, *writer.lines, *ending, " return"])
        exec(compile(source, "<index>", "exec"), names)  # noqa: S102 - our own source; data enters it by repr only
        return names["run"]


class _Writer:
    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.lines: list[str] = []
        self.names: dict[str, Any] = {}
        self.fresh = [0]
        self.whole = False

    def add(self, target: str, what: str, indent: str, *, many: bool = False) -> None:
        """A line that notes a position or rule."""
        if not self.whole:
            self.lines.append(f"{indent}{target}.{'extend' if many else 'append'}({what})")
            return
        fresh = f"[*{what}]" if many else f"[{what}]"
        self.lines.append(f"{indent}if {target} is None: {target} = {fresh}")
        self.lines.append(f"{indent}else: {target}.{'extend' if many else 'append'}({what})")

    def name(self, value: Any) -> str:
        name = f"k{len(self.names)}"
        self.names[name] = value
        return name

    def block(self, entries: list[Entry], place: Locals, indent: str) -> None:
        """The lines that decide these entries."""
        done = [x for x in entries if not (x.tests or x.groups or x.refusals)]
        self.decided(done, indent)
        left = [x for x in entries if x.tests or x.groups or x.refusals]
        while left:
            left = self.step(left, place, indent)

    def decided(self, entries: list[Entry], indent: str) -> None:
        """Entries whose conditions all hold."""
        for entry in entries:
            rule = entry.rule
            if rule.asked:
                self.add("more", str(rule.position), indent)
            elif rule.rest is not None:
                self.add("more", self.name(rule), indent)
            else:
                self.add("out", str(rule.position), indent)

    def step(self, entries: list[Entry], place: Locals, indent: str) -> list[Entry]:
        """Test the condition or the path that most entries have; give back the entries that do not have it."""
        counts: Counter[Any] = Counter()
        for entry in entries:
            counts.update(("group", _key(g)) for g in dict.fromkeys(entry.groups))
            counts.update(("path", p) for p in dict.fromkeys(t.path for t in entry.tests))
            counts.update(("refusal", _key((a,))) for a in dict.fromkeys(entry.refusals))
        (kind, key), _ = max(counts.items(), key=lambda item: (item[1], item[0][0] == "group"))
        if kind == "path":
            return self.by_path(entries, key, place, indent)
        return self.by_atoms(entries, kind, key, place, indent)

    # ------------------------------------------------------------------ groups and refusals

    def by_atoms(self, entries: list[Entry], kind: str, key: Any, place: Locals, indent: str) -> list[Entry]:
        """A group that several entries share word for word, or a refusal."""
        inside: list[Entry] = []
        outside: list[Entry] = []
        atoms: tuple[Atom, ...] = ()
        for x in entries:
            if kind == "group":
                mine = next((g for g in x.groups if _key(g) == key), None)
                kept = Entry(x.rule, x.tests, [g for g in x.groups if g is not mine], x.refusals)
            else:
                one = next((a for a in x.refusals if _key((a,)) == key), None)
                mine = (one,) if one is not None else None
                kept = Entry(x.rule, x.tests, x.groups, [a for a in x.refusals if a is not one])
            if mine is None:
                outside.append(x)
            else:
                atoms = mine
                inside.append(kept)
        parts = [self.fits(atom, place.load(atom.path, self.lines, indent, self.fresh)) for atom in atoms]
        self.lines.append(f"{indent}if {' or '.join(parts)}:")
        self.block(inside, place.inner(), indent + " ")
        return outside

    def fits(self, atom: Atom, x: str) -> str:
        """The source that tests an atom."""
        values = (
            texts(atom.value) if atom.op in {"glob", "prefix"} else (atom.value,) if atom.op == "eq" else atom.value
        )
        slow = self.name(Tried(atom))
        if atom.op in {"glob", "eq", "in"} and not any(
            v.__class__ is not str or (atom.op == "glob" and is_glob(v)) for v in values
        ):
            test = f"{x} == {values[0]!r}" if len(values) == 1 else f"{x} in {{{', '.join(map(repr, values))}}}"
            return f"({test} if {x}.__class__ is str else {slow}({x}))"
        return f"{slow}({x})"

    # ------------------------------------------------------------------ tests of programs

    def by_path(self, entries: list[Entry], path: tuple[str, ...], place: Locals, indent: str) -> list[Entry]:
        """All tests on one path, by the kind of the value."""
        mine = [x for x in entries if any(t.path == path for t in x.tests)]
        others = [x for x in entries if not any(t.path == path for t in x.tests)]
        x = place.load(path, self.lines, indent, self.fresh)
        split: dict[tuple[Any, ...], tuple[list[Test], list[Entry]]] = {}
        for entry in mine:
            tests = [t for t in entry.tests if t.path == path]
            left = Entry(entry.rule, [t for t in entry.tests if t.path != path], entry.groups, entry.refusals)
            split.setdefault(tuple(t.key for t in tests), (tests, []))[1].append(left)
        bunches = list(split.values())
        word = "if"
        for kind, guard in (("text", f"{x}.__class__ is str"), ("number", self.number(x))):
            if any(_certain(tests, kind) for tests, _ in bunches):
                self.lines.append(f"{indent}{word} {guard}:")
                self.bunches(bunches, x, kind, place, indent + " ")
                word = "elif"
        self.odd(mine, bunches, x, indent, word)
        return others

    @staticmethod
    def number(x: str) -> str:
        return f"({x}.__class__ is float or {x}.__class__ is int) and -{EXACT_BELOW} < {x} < {EXACT_BELOW}"

    def bunches(
        self, bunches: list[tuple[list[Test], list[Entry]]], x: str, kind: str, place: Locals, indent: str
    ) -> None:
        """The tests for a value of one kind."""
        before = len(self.lines)
        single = all(len(tests) == 1 and tests[0].op == "eq" for tests, _ in bunches)
        word = "if"
        for tests, left in bunches:
            codes = [_code(t, x, kind) for t in tests]
            if "False" in codes:
                continue
            if None in codes:
                self.asks([entry.rule for entry in left], indent)
                continue
            shown = [c for c in codes if c not in {None, "True"}]
            self.lines.append(f"{indent}{word} {' and '.join(map(str, shown)) or 'True'}:")
            self.block(left, place.inner(), indent + " ")
            word = "elif" if single else "if"
        if len(self.lines) == before:
            self.lines.append(f"{indent}pass")

    def odd(
        self, mine: list[Entry], bunches: list[tuple[list[Test], list[Entry]]], x: str, indent: str, word: str
    ) -> None:
        """A value of another kind: whatever is not plainly false is asked."""
        head = f"{indent}else:" if word == "elif" else f"{indent}if True:"
        self.lines.append(head)
        equal = all(_plain(t) for tests, _ in bunches for t in tests)
        inner = indent + " "
        if equal:  # only a value that cannot be read is not plainly false
            self.lines.append(f"{inner}if {x} is M or {x} is U:")
            inner += " "
        self.asks([entry.rule for entry in mine], inner)

    def asks(self, rules: list[Rule], indent: str) -> None:
        """Let these be asked."""
        positions = tuple(dict.fromkeys(rule.position for rule in rules))
        self.add("more", repr(positions), indent, many=True)


class Tried:
    """An atom as a function of a value, remembering what it said to texts."""

    __slots__ = ("atom", "known", "patterns")

    def __init__(self, atom: Atom) -> None:
        self.atom = atom
        self.known: dict[str, bool] = {}
        self.patterns = texts(atom.value) if atom.op == "glob" else ()

    def __call__(self, value: Any) -> bool:
        """Whether the value fits; one look-up for a text seen before."""
        if value.__class__ is not str:
            return fits(self.atom, MISSING if value is ABSENT or value is UNREACHED else value)
        found = self.known.get(value)
        if found is None:
            if len(self.known) >= REMEMBERED:
                self.known.clear()
            found = any(glob(value, p) for p in self.patterns) if self.patterns else fits(self.atom, value)
            self.known[value] = found
        return found


def _key(atoms: tuple[Atom, ...]) -> tuple[Any, ...]:
    return tuple((a.path, a.op, repr(a.value)) for a in atoms)


def _certain(tests: list[Test], kind: str) -> bool:
    """Whether tests on a value of this kind are worth a branch: some are neither false nor to be asked at once."""
    codes = [_code(t, "x", kind) for t in tests]
    return "False" not in codes and None not in codes


def _plain(test: Test) -> bool:
    """Whether the test is false for null, truths, lists and maps."""
    values = test.value if test.op == "in" else (test.value,)
    return test.op in {"eq", "in"} and all(v.__class__ in {str, int, float} for v in values)


def _code(test: Test, x: str, kind: str) -> str | None:  # one case per operator
    """The source of a test on a text or number; "False", "True", or None where it must be asked."""
    op, value = test.op, test.value
    if op in {"eq", "ne", "in"}:
        values = [
            v
            for v in (value if op == "in" else (value,))
            if (v.__class__ is str) == (kind == "text") and v is not None and v.__class__ is not bool
        ]
        if not values:
            return "True" if op == "ne" else "False"
        if op == "in" and len(values) > 1:
            return f"{x} in {{{', '.join(map(repr, values))}}}"
        return f"{x} {'!=' if op == 'ne' else '=='} {values[0]!r}"
    if op in RANGES:
        return f"{x} {_SIGNS[op]} {value!r}" if kind == "number" else None
    if op == "prefix":
        return f"{x}.startswith({value!r})" if kind == "text" else None
    if op == "has":
        return "True"
    return "False" if op == "lacks" else None
