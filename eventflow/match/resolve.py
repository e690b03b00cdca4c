"""What each name means: a name of the environment, a loop variable, a constant, a type, or a function in a namespace.

Names are settled once, at load, so that evaluation never looks a name up by trial. Unknown ones become problems, all at
once, each with the nearest known name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from eventflow.match.functions import FUNCTIONS, METHODS
from eventflow.match.macros import LOOP_NAMES
from eventflow.match.problems import Problem, problem
from eventflow.match.syntax import (
    And,
    At,
    Binary,
    Bind,
    Block,
    Call,
    Choice,
    Const,
    Has,
    Ident,
    ListOf,
    Local,
    Loop,
    MapOf,
    Minus,
    Node,
    Not,
    Or,
    Select,
    Var,
)
from eventflow.match.values import Type
from eventflow.match.wording import closest

if TYPE_CHECKING:
    from eventflow.match.env import Env

TYPES: Final = {
    name: Type(name)
    for name in (
        "bool", "int", "uint", "double", "string", "bytes", "list", "map", "null_type", "type", "optional_type",
        "google.protobuf.Timestamp", "google.protobuf.Duration", "net.IP", "net.CIDR",
    )
}  # fmt: skip
_ELSEWHERE: Final = {
    "len": "size", "length": "size", "count": "size", "str": "string", "float": "double", "integer": "int",
    "boolean": "bool",
    "lower": "lowerAscii", "upper": "upperAscii", "toLowerCase": "lowerAscii", "toUpperCase": "upperAscii",
    "tolower": "lowerAscii",
    "toLower": "lowerAscii", "toUpper": "upperAscii", "includes": "contains", "match": "matches", "strip": "trim",
    "some": "exists", "any": "exists",
    "every": "all", "regex": "matches", "test": "matches", "find": "indexOf", "substr": "substring",
    "date": "timestamp", "time": "timestamp",
    "datetime": "timestamp", "interval": "duration", "hour": "getHours", "weekday": "getDayOfWeek", "keys": "map",
    "abs": "math.abs",
    "max": "math.greatest", "min": "math.least", "round": "math.round", "floor": "math.floor", "ceil": "math.ceil",
    "hasKey": "has",
    "exist": "exists", "defined": "has", "coalesce": "get", "cidr_match": "in_cidr", "fnmatch": "glob",
    "isEmpty": "size",
}  # fmt: skip
_NOT_PURE: Final = frozenset(("now", "today", "random", "uuid", "env", "getenv"))


class Resolver:
    """One pass over one tree; `problems` holds what it found."""

    def __init__(self, text: str, env: Env) -> None:
        self.text = text
        self.env = env
        self.problems: list[Problem] = []
        self.scope: list[tuple[str, int]] = []
        self.slots = 0

    # ------------------------------------------------------------------ names

    def local(self, name: str) -> int | None:
        """The slot of a loop variable of this name, innermost first."""
        for known, slot in reversed(self.scope):
            if known == name:
                return slot
        return None

    def named(self, node: Node) -> Node | None:
        """An identifier or a chain of fields that begins with one, settled; None if it is something else."""
        parts: list[Select] = []
        root = node
        while isinstance(root, Select) and not root.optional:
            parts.append(root)
            root = root.operand
        if not isinstance(root, Ident):
            return None
        parts.reverse()
        start: Node | None = None
        used = 0
        slot = None if root.absolute else self.local(root.name)
        if slot is not None:
            start = Local(root.start, root.end, root.name, slot)
        else:
            for used in range(len(parts), -1, -1):
                end = parts[used - 1].end if used else root.end
                start = self.meaning(".".join([root.name, *(p.field for p in parts[:used])]), root, end)
                if start is not None:
                    break
        if start is None:
            self.unknown(root, parts)
            return Const(node.start, node.end, None)
        for part in parts[used:]:
            start = Select(part.start, part.end, start, part.field)
        return start

    def meaning(self, name: str, root: Ident, end: int) -> Node | None:
        """What a full name means in the environment."""
        env = self.env
        for full in [name] if root.absolute else env.candidates(name):
            if full in env.constants:
                return Const(root.start, end, env.constants[full])
            if full in env.names:
                return Var(root.start, end, full)
            if full in TYPES:
                return Const(root.start, end, TYPES[full])
        return None

    def unknown(self, root: Ident, parts: list[Select]) -> None:
        """Note an unknown name, with the nearest known one."""
        name = root.name
        known = [*self.env.names, *self.env.constants, *(n for n, _ in self.scope)]
        near = closest(name, known)
        whole = ".".join([name, *(p.field for p in parts)])
        if near:
            hint = f"did you mean '{near}'?"
        elif name in {"True", "False"}:
            hint = f"write {name.lower()}"
        elif name in {"None", "nil", "undefined", "NULL", "Null"}:
            hint = "write null"
        elif name in {"labels", "data", "type", "source", "kind", "subject", "body"} and "event" in self.env.names:
            hint = f"write event.{whole if name != 'labels' else 'data.' + whole}"
        elif not parts:
            hint = f"if it is text, put it in quotes: '{name}'; known names: {', '.join(known) or 'none'}"
        else:
            hint = f"known names: {', '.join(known) or 'none'}"
        self.problems.append(
            problem(self.text, root.start, "E320 unknown-name", f"no name '{name}' here", hint, root.end - root.start)
        )

    # ------------------------------------------------------------------ the tree

    def resolve(self, node: Node) -> Node:
        """The node with all names settled; problems are collected on the way."""
        match node:
            case Ident() | Select():
                found = self.named(node)
                if found is not None:
                    return found
                if isinstance(node, Select):
                    node.operand = self.resolve(node.operand)
            case Has():
                node.operand = self.resolve(node.operand)
            case Call():
                return self.call(node)
            case Loop():
                self.loop(node)
            case Bind():
                node.value = self.resolve(node.value)
                node.slot = self.open(node.name)
                node.body = self.resolve(node.body)
                self.scope.pop()
            case Block():
                for n, value in enumerate(node.values):
                    node.values[n] = self.resolve(value)
                    node.slots.append(self.open(f"@index{n}"))
                node.body = self.resolve(node.body)
                del self.scope[len(self.scope) - len(node.values) :]
            case And() | Or():
                node.terms = [self.resolve(t) for t in node.terms]
            case Binary():
                node.left = self.resolve(node.left)
                node.right = self.resolve(node.right)
            case Not() | Minus():
                node.operand = self.resolve(node.operand)
            case At():
                node.operand = self.resolve(node.operand)
                node.key = self.resolve(node.key)
            case Choice():
                node.test = self.resolve(node.test)
                node.yes = self.resolve(node.yes)
                node.no = self.resolve(node.no)
            case ListOf():
                node.items = [self.resolve(i) for i in node.items]
            case MapOf():
                node.keys = [self.resolve(k) for k in node.keys]
                node.values = [self.resolve(v) for v in node.values]
        return node

    def open(self, name: str) -> int:
        """A new slot for a variable, visible from here on."""
        self.slots += 1
        self.scope.append((name, self.slots))
        return self.slots

    def loop(self, node: Loop) -> None:
        """Settle a loop; its variables are visible inside only."""
        node.over = self.resolve(node.over)
        node.slots = [self.open(name) for name in node.names]
        if node.test is not None:
            node.test = self.resolve(node.test)
        node.body = self.resolve(node.body)
        del self.scope[len(self.scope) - len(node.names) :]

    def call(self, node: Call) -> Node:
        """Settle a call: a function, a method, or a function in a namespace."""
        space = _path(node.target) if node.target is not None else ""
        if space and self.local(space.partition(".")[0]) is None and space.partition(".")[0] not in self.env.names:
            for full in self.env.candidates(f"{space}.{node.name}"):
                if full in FUNCTIONS:
                    node.name, node.target = full, None
                    break
        if node.target is not None:
            if space and self.namespace(node, space):
                node.args = [self.resolve(a) for a in node.args]
                return node
            node.target = self.resolve(node.target)
        node.args = [self.resolve(a) for a in node.args]
        table = FUNCTIONS if node.target is None else METHODS
        node.overloads = table.get(node.name)
        if node.overloads is None:
            self.unknown_function(node)
        return node

    def namespace(self, node: Call, space: str) -> bool:
        """A misspelt function of a namespace: say so instead of 'no name math'."""
        if space in self.env.names or self.local(space) is not None:
            return False
        inside = [f for f in FUNCTIONS if f.startswith(space + ".")]
        if not inside:
            return False
        near = closest(f"{space}.{node.name}", inside)
        hint = f"did you mean {near}()?" if near else f"there are {', '.join(inside)}"
        self.problems.append(
            problem(
                self.text, node.at, "E321 unknown-function", f"no function {space}.{node.name}()", hint, len(node.name)
            )
        )
        return True

    def unknown_function(self, node: Call) -> None:
        """Note an unknown function, with what to write instead."""
        name, method = node.name, node.target is not None
        other = FUNCTIONS if method else METHODS
        if name in _NOT_PURE:
            hint = "an expression sees only the event: for the time write event.time"
        elif not method and name in LOOP_NAMES:
            hint = f"write list.{name}(x, … x …)"
        elif name in {"lower", "upper", "toLower", "toUpper", "toLowerCase", "toUpperCase"} and name in _ELSEWHERE:
            hint = f"write text.{_ELSEWHERE[name]}()"
        elif name == "isEmpty":
            hint = "write size(x) == 0"
        elif name in {"sum", "avg", "mean"}:
            hint = "there is no sum over a list; detectors count and average"
        elif name in other:
            hint = f"write {other[name].usage()}"
        else:
            near = _ELSEWHERE.get(name) or closest(
                name, [*(METHODS if method else FUNCTIONS), *(LOOP_NAMES if method else ())]
            )
            if near in METHODS and not method and near not in FUNCTIONS:
                hint = f"write {METHODS[near].usage()}"
            elif near in FUNCTIONS and method and near not in METHODS:
                hint = f"write {FUNCTIONS[near].usage()}"
            elif near == "has":
                hint = "write has(event.data.field)"
            else:
                hint = f"did you mean {near}()?" if near else "the reference page 'expressions' lists all functions"
        kind = "method" if method else "function"
        self.problems.append(
            problem(self.text, node.at, "E321 unknown-function", f"no {kind} {name}()", hint, len(name))
        )


def _path(node: Node) -> str:
    parts: list[str] = []
    while isinstance(node, Select) and not node.optional:
        parts.append(node.field)
        node = node.operand
    return ".".join([node.name, *reversed(parts)]) if isinstance(node, Ident) else ""
