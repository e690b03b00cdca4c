"""The checker: what can be known to be wrong at load, against the schemas of the names.

It never guesses: where a type is not known everything is allowed, so what it reports is always a mistake – an unknown
field, a comparison that can never be true, arguments that no function takes, a constant part that always fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from eventflow.match.calls import called, constant_argument
from eventflow.match.exact import evaluate
from eventflow.match.fields import missing_field
from eventflow.match.fold import FAILED, folded
from eventflow.match.functions.own import RANKS
from eventflow.match.kinds import NUMBERS, alike
from eventflow.match.kinds import with_article as a
from eventflow.match.problems import EvaluationError, Problem, problem
from eventflow.match.reads import path_of
from eventflow.match.schema import ATTRIBUTES, BOOL, DYN, Schema
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
    children,
)
from eventflow.match.values import kind_of
from eventflow.match.wording import closest

if TYPE_CHECKING:
    from eventflow.match.env import Env

_WORDS: Final = frozenset(word for ranks in RANKS for word in ranks)
_ARITHMETIC: Final = {
    "+": {"int", "uint", "double", "string", "bytes", "list", "timestamp", "duration"},
    "-": {"int", "uint", "double", "timestamp", "duration"},
    "*": {"int", "uint", "double"}, "/": {"int", "uint", "double"}, "%": {"int", "uint"},
}  # fmt: skip


class Checker:
    """One pass over a resolved tree; `problems` holds what it found."""

    def __init__(self, text: str, env: Env) -> None:
        self.text = text
        self.env = env
        self.problems: list[Problem] = []
        self.slots: dict[int, Schema] = {}

    def note(self, node: Node, code: str, message: str, hint: str = "", at: int | None = None) -> None:
        """Add a problem at a node."""
        start = node.start if at is None else at
        self.problems.append(problem(self.text, start, code, message, hint, max(1, node.end - node.start)))

    def source(self, node: Node) -> str:
        """A node's text, for hints."""
        return self.text[node.start : node.end]

    def infer(self, node: Node) -> Schema:
        """The schema of a node's value; problems inside are noted."""
        before = len(self.problems)
        found = self.form(node)
        if len(self.problems) == before and not isinstance(node, (Const, ListOf, MapOf)) and folded(node) is FAILED:
            self.fails(node)
        return found

    def fails(self, node: Node) -> None:
        """A part without names that has no value is wrong whatever the event."""
        if not isinstance(node, (Binary, Call, Minus)) or not all(
            isinstance(c, (Const, ListOf)) for c in children(node)
        ):
            return
        if any(isinstance(c, ListOf) and folded(c) is FAILED for c in children(node)):
            return
        try:
            evaluate(node, {}, 1_000)
        except EvaluationError as error:
            self.note(node, "E347 always-fails", error.message)

    def form(self, node: Node) -> Schema:  # one case per form
        """The schema by the form of the node."""
        match node:
            case Const():
                return Schema(kind_of(node.value))
            case Var():
                known = self.env.names.get(node.name)
                return known if known is not None else ATTRIBUTES if node.name == "event" else DYN
            case Local():
                return self.slots.get(node.slot, DYN)
            case Select():
                return self.select(node, node.field, node.optional)
            case Has():
                self.select(node, node.field, optional=False)
                return BOOL
            case At():
                return self.element(node)
            case Call():
                return self.call(node)
            case Binary():
                return self.binary(node)
            case And() | Or():
                for term in node.terms:
                    self.condition(term)
                return BOOL
            case Not():
                self.condition(node.operand)
                return BOOL
            case Minus():
                return Schema(self.infer(node.operand).kind)
            case Choice():
                self.condition(node.test)
                yes, no = self.infer(node.yes), self.infer(node.no)
                return yes if yes == no else DYN
            case Loop():
                return self.loop(node)
            case ListOf():
                inner = [self.infer(i) for i in node.items]
                return Schema("list", element=inner[0] if inner and all(i == inner[0] for i in inner) else None)
            case MapOf():
                values = [self.infer(v) for v in [*node.keys, *node.values]][len(node.keys) :]
                return Schema("map", element=values[0] if values and all(v == values[0] for v in values) else None)
            case Bind():
                value = self.infer(node.value)
                self.slots[node.slot] = value if node.kind == "bind" else DYN
                body = self.infer(node.body)
                return body if node.kind == "bind" else DYN
            case Block():
                for slot, part in zip(node.slots, node.values, strict=True):
                    self.slots[slot] = self.infer(part)
                return self.infer(node.body)
        return DYN

    # ------------------------------------------------------------------ fields and elements

    def select(self, node: Select | Has, name: str, optional: bool) -> Schema:  # noqa: FBT001 - how it is written
        """A field of a value."""
        holder = self.infer(node.operand)
        if optional or holder.kind in {"dyn", "optional"}:
            return DYN
        if holder.kind != "map":
            hint = f"a {holder.kind} is a value without fields"
            self.note(
                node,
                "E340 unknown-field",
                f"{self.source(node.operand)} is {a(holder.kind)} and has no field '{{name}}'",
                hint,
            )
            return DYN
        if name in holder.fields:
            return holder.fields[name]
        hint = missing_field(holder, name, self.source(node.operand), path_of(node.operand))
        if hint:
            end = node.end - (isinstance(node, Has))
            self.note(
                node, "E340 unknown-field", f"{self.source(node.operand)} has no field '{name}'", hint, end - len(name)
            )
        return holder.element or DYN

    def element(self, node: At) -> Schema:
        """An element of a list or map."""
        holder, key = self.infer(node.operand), self.infer(node.key)
        if node.optional or holder.kind in {"dyn", "optional"}:
            return DYN
        if holder.kind == "list":
            if key.kind not in {"dyn", "int", "uint", "double", "number"}:
                self.note(
                    node.key,
                    "E346 wrong-type",
                    f"a position in a list is a whole number, not a {key.kind}",
                    "write list[0] or 'x' in list",
                )
            return holder.element or DYN
        if holder.kind == "map":
            name = folded(node.key)
            if holder.closed and name.__class__ is str and name not in holder.fields:
                hint = missing_field(holder, name, self.source(node.operand), None)
                self.note(node.key, "E340 unknown-field", f"{self.source(node.operand)} has no field '{name}'", hint)
            return holder.fields.get(name, holder.element or DYN) if name.__class__ is str else holder.element or DYN
        self.note(
            node,
            "E346 wrong-type",
            f"a {holder.kind} has no elements",
            "characters of a text are read with text.charAt(n)",
        )
        return DYN

    def condition(self, node: Node) -> None:
        """A part that must be true or false."""
        kind = self.infer(node).kind
        if kind not in {"dyn", "bool"}:
            text = self.source(node)
            hint = f"compare it with something: {text} == …"
            if kind == "string":
                hint = f"compare it with something: {text} == 'text', or {text} != ''"
            self.note(node, "E345 no-condition", f"a condition must be true or false, {text} is {a(kind)}", hint)

    def expected(self, node: Node, kind: str) -> None:
        """The whole is not of the kind that its key wants."""
        if kind == "bool":
            self.condition(node)
            return
        text = self.source(node)
        said = f"{a(kind)} is needed here, {text} is {a(self.infer(node).kind)}"
        self.note(node, "E345 no-condition", said, f"write {kind}({text})")

    def loop(self, node: Loop) -> Schema:
        """A loop: the variables take the elements' schema."""
        over = self.infer(node.over)
        if over.kind not in {"dyn", "list", "map"}:
            self.note(
                node.over,
                "E346 wrong-type",
                f"{node.kind} goes over a list or a map, {{self.source(node.over)}} is a {{over.kind}}",
            )
        inner = (over.element or DYN) if over.kind == "list" else DYN
        for slot, schema in zip(node.slots, (DYN, inner) if len(node.slots) == 2 else (inner,), strict=True):
            self.slots[slot] = schema
        if node.test is not None:
            self.condition(node.test)
        if node.kind in {"all", "exists", "exists_one", "filter"}:
            self.condition(node.body)
            return over if node.kind == "filter" else BOOL
        body = self.infer(node.body)
        return (
            Schema("list", element=body)
            if node.kind in {"map", "transformList"}
            else Schema("map" if "Map" in node.kind else "list")
        )

    def call(self, node: Call) -> Schema:
        """A function or method: its arguments against the table."""
        kinds = [self.infer(child).kind for child in children(node)]
        wrong = called(node, kinds, [self.source(c) for c in children(node)])
        if wrong is not None:
            self.note(node, "E346 wrong-type", wrong[0], wrong[1], node.at)
            return DYN
        for child, message in constant_argument(node):
            self.note(child, "E347 always-fails", message)
        results = (
            {one.result.partition("(")[0] for one in node.overloads.items} if node.overloads is not None else set()
        )
        kind = results.pop() if len(results) == 1 else "dyn"
        return Schema(kind) if kind.isalpha() and len(kind) > 1 else DYN

    # ------------------------------------------------------------------ operators

    def binary(self, node: Binary) -> Schema:
        """A comparison, membership or arithmetic."""
        left, right = self.infer(node.left), self.infer(node.right)
        if node.op in {"==", "!="}:
            self.equation(node, left, right)
            return BOOL
        if node.op == "in":
            self.member(node, left, right)
            return BOOL
        if node.op in {"<", "<=", ">", ">="}:
            self.order(node, left, right)
            return BOOL
        return self.arithmetic(node, left, right)

    def equation(self, node: Binary, left: Schema, right: Schema) -> None:
        """A == b of kinds that are never equal, or with a word that the field never has."""
        if not alike(left.kind, right.kind):
            always = "never be true" if node.op == "==" else "only be true"
            message = f"compares {a(left.kind)} with {a(right.kind)}, which can {always}"
            self.note(node, "E341 never-equal", message, self.other_form(node, left, right), node.at)
            return
        for schema, side, field in ((left, node.right, node.left), (right, node.left, node.right)):
            value = folded(side)
            if schema.enum and value is not FAILED and value not in schema.enum:
                self.never_has(field, side, value, schema)

    def never_has(self, field: Node, side: Node, value: Any, schema: Schema) -> None:
        """A constant that is not among the only values of a field."""
        near = closest(str(value), [str(v) for v in schema.enum])
        hint = f"did you mean '{near}'?" if near else f"it is one of {', '.join(map(str, schema.enum))}"
        self.note(side, "E342 never-has", f"{self.source(field)} is never {self.source(side)}", hint)

    def other_form(self, node: Binary, left: Schema, right: Schema) -> str:
        """How to write a comparison of a text with something else."""
        for schema, side, other in ((left, node.left, right), (right, node.right, left)):
            value = folded(side)
            if schema.kind == "string" and value.__class__ is str and other.kind in NUMBERS and _number(value):
                return f"write it without quotes: {value}"
            if value is not FAILED and other.kind == "string":
                return f"put it in quotes: '{self.source(side)}'"
            if schema.kind == "string" and value.__class__ is str and other.kind in {"timestamp", "duration"}:
                return f"write {other.kind}('{value}')"
        for schema, side, other in ((left, node.left, right), (right, node.right, left)):
            if schema.kind == "string" and other.kind in NUMBERS:
                return f"write int({self.source(side)})"
            if schema.fields and other.kind != "map":
                return f"compare one of its fields: {self.source(side)}.{next(iter(schema.fields))} …"
        return ""

    def order(self, node: Binary, left: Schema, right: Schema) -> None:
        """A < b of kinds without a common order, or of severities as texts."""
        for side, other in ((node.right, node.left), (node.left, node.right)):
            word = folded(side)
            if word.__class__ is str and word.lower() in _WORDS:
                text = self.source(other)
                hint = f"write at_least({text}, '{word}')" if side is node.right else f"write at_least('{word}', "
                "{text})"
                if node.op in {">", "<"}:
                    hint += f" && {text} != '{word}'" if node.op == ">" and side is node.right else ""
                self.note(
                    node,
                    "E344 alphabetical",
                    f"'{node.op}' orders texts by the alphabet, not by severity",
                    hint,
                    node.at,
                )
                return
        if not alike(left.kind, right.kind):
            message = f"'{node.op}' cannot order {a(left.kind)} and {a(right.kind)}"
            self.note(node, "E343 no-order", message, self.other_form(node, left, right), node.at)
        elif left.kind in {"list", "map", "null"} or right.kind in {"list", "map", "null"}:
            self.note(
                node,
                "E343 no-order",
                f"'{node.op}' cannot order {a(left.kind)} and {a(right.kind)}",
                "compare size(…)" if "null" not in {left.kind, right.kind} else "",
                node.at,
            )

    def member(self, node: Binary, left: Schema, right: Schema) -> None:
        """A in b."""
        if right.kind not in {"dyn", "list", "map"}:
            words = folded(node.right)
            hint = "write [a, b] for a list"
            if words.__class__ is str and "," in words:
                hint = f"write {[w.strip() for w in words.split(',')]}"
            elif right.kind == "string":
                hint = f"write {self.source(node.right)}.contains({self.source(node.left)})"
            self.note(
                node, "E346 wrong-type", f"'in' looks into a list or a map, not into {a(right.kind)}", hint, node.at
            )
            return
        items = folded(node.right)
        if items.__class__ is not list:
            return
        for item, part in zip(items, node.right.items if isinstance(node.right, ListOf) else [], strict=False):
            if not alike(left.kind, kind_of(item)):
                message = f"compares {a(left.kind)} with {a(kind_of(item))}, which can never be true"
                self.note(part, "E341 never-equal", message, "put it in quotes" if left.kind == "string" else "")
            elif left.enum and item not in left.enum:
                self.never_has(node.left, part, item, left)

    def arithmetic(self, node: Binary, left: Schema, right: Schema) -> Schema:
        """A + b and its kin."""
        one, two = left.kind, right.kind
        allowed = _ARITHMETIC[node.op]
        times = {"timestamp", "duration"}
        mixed = one != two and "dyn" not in {one, two} and not ({one, two} <= times) and "number" not in {one, two}
        if mixed or not {one, two} <= allowed | {"dyn", "number"}:
            hint = ""
            if "string" in {one, two} and node.op == "+":
                other = node.right if one == "string" else node.left
                hint = f"write string({self.source(other)})"
            elif {one, two} <= NUMBERS:
                side = node.left if one in {"int", "uint"} else node.right
                value = folded(side)
                hint = f"write {value}.0" if value.__class__ is int else f"write double({self.source(side)})"
            elif "null" in {one, two}:
                hint = "a value that may be null is read with get(map, 'path', default)"
            self.note(node, "E346 wrong-type", f"'{node.op}' does not work on {one} and {two}", hint, node.at)
            return DYN
        if {one, two} <= times:
            return Schema("timestamp" if (one == "timestamp") != (two == "timestamp") else "duration")
        return Schema(one) if one == two else DYN


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
