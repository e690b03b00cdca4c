"""The tree of an expression: one class per form, each knowing its place in the text.

A tree of its own, not the standard's protobuf one: macros stay what they are (a loop is a `Loop`, `has` a `Has`)
instead of being expanded to a general fold, because the compiler, the index and `explain` want to know what the author
meant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field

from eventflow.match.functions.table import Overloads

if TYPE_CHECKING:
    from collections.abc import Iterator


class Node(Struct):
    """A piece of the text from `start` to `end` (code points, end exclusive)."""

    start: int
    end: int


class Const(Node):
    """A literal, or a constant of the environment."""

    value: object


class Ident(Node):
    """A name as written; the resolver replaces it by Var, Local or Const. `absolute`: written with a leading dot."""

    name: str
    absolute: bool = False


class Var(Node):
    """A name of the environment, possibly qualified."""

    name: str


class Local(Node):
    """A variable of a loop or a bind; `slot` is unique in the expression."""

    name: str
    slot: int


class Select(Node):
    """operand.field, or operand.?field."""

    operand: Node
    field: str
    optional: bool = False


class Has(Node):
    """has(operand.field)."""

    operand: Node
    field: str


class At(Node):
    """operand[key], or operand[?key]."""

    operand: Node
    key: Node
    optional: bool = False


class Call(Node):
    """A function, or a method when `target` is set. `at` is where its name stands."""

    name: str
    target: Node | None
    args: list[Node]
    at: int
    overloads: Overloads | None = None


class Binary(Node):
    """Arithmetic, comparison, or `in`. `at` is where the operator stands."""

    op: str
    left: Node
    right: Node
    at: int


class Not(Node):
    """!operand."""

    operand: Node


class Minus(Node):
    """-operand."""

    operand: Node


class And(Node):
    """All of two or more terms; flat, so that a long chain is not deep."""

    terms: list[Node]


class Or(Node):
    """Any of two or more terms; flat like And."""

    terms: list[Node]


class Choice(Node):
    """test ? yes : no."""

    test: Node
    yes: Node
    no: Node


class ListOf(Node):
    """[items]; `optionals` holds the positions written as [?item]."""

    items: list[Node]
    optionals: list[int] = field(default_factory=list)


class MapOf(Node):
    """{key: value}; `optionals` holds the positions written as {?key: value}."""

    keys: list[Node]
    values: list[Node]
    optionals: list[int] = field(default_factory=list)


class Loop(Node):
    """A comprehension: all exists exists_one map filter transformList transformMap transformMapEntry.

    `names` are one or two loop variables, `slots` their numbers; `test` filters (map and transform with three
    arguments), `body` is the predicate or the value.
    """

    kind: str
    over: Node
    names: list[str]
    body: Node
    test: Node | None = None
    slots: list[int] = field(default_factory=list)


class Bind(Node):
    """cel.bind(name, value, body), optMap and optFlatMap (`kind`): body sees value under a name."""

    kind: str
    name: str
    value: Node
    body: Node
    slot: int = 0


class Block(Node):
    """cel.block([values], body): values may name earlier ones by cel.index(n); each is worked out once, when first
    read.
    """

    values: list[Node]
    body: Node
    slots: list[int] = field(default_factory=list)


def children(node: Node) -> list[Node]:
    """The direct parts of a node, in the order of the text."""
    match node:
        case Select() | Has() | Not() | Minus():
            return [node.operand]
        case At():
            return [node.operand, node.key]
        case Call():
            return [node.target, *node.args] if node.target is not None else node.args
        case Binary():
            return [node.left, node.right]
        case And() | Or():
            return node.terms
        case Choice():
            return [node.test, node.yes, node.no]
        case ListOf():
            return node.items
        case MapOf():
            return [n for pair in zip(node.keys, node.values, strict=True) for n in pair]
        case Loop():
            return [node.over, *([node.test] if node.test is not None else []), node.body]
        case Bind():
            return [node.value, node.body]
        case Block():
            return [*node.values, node.body]
        case _:
            return []


def walk(node: Node) -> Iterator[Node]:
    """Every node of the tree, parents first."""
    stack = [node]
    while stack:
        one = stack.pop()
        yield one
        stack.extend(reversed(children(one)))
