"""From a tree to Python source: the fast way to the same answer.

The source does what a person would write by hand, plus the few guards without which Python would answer differently
(True == 1, `in` on a text, an int beyond 2^53 against a double). Whatever a guard or Python itself refuses – an absent
key, a list where a text was expected, a long text inside a loop – leaves by an exception, and the caller asks the exact
evaluator. So every line below has to be right only when it gives a value; it never has to raise the right error.

Loops are emitted only where their work is sure to be inside the step budget of the exact evaluator.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from eventflow.match import fast
from eventflow.match.emit_calls import BOOLEAN, SPECIAL
from eventflow.match.fold import FAILED, folded
from eventflow.match.reads import path_of
from eventflow.match.sharing import certain, shared
from eventflow.match.syntax import (
    And,
    At,
    Binary,
    Bind,
    Call,
    Choice,
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
    children,
    walk,
)
from eventflow.match.values import Uint

if TYPE_CHECKING:
    from collections.abc import Callable

    from eventflow.match.index.projection import Shape

EXACT_BELOW: Final = 2**53
"""Below it Python's comparison of int and float and the standard's (both as doubles) agree."""
_LITERALS: Final = frozenset((type(None), bool, int, float, str, bytes))
_ORDER: Final = frozenset(("<", "<=", ">", ">="))
_LOOPS: Final = frozenset(("all", "exists", "exists_one", "filter", "map", "transformList"))


class Unsupported(Exception):
    """A form that only the exact evaluator does."""


class Emitter:
    """Writes one function; `names` maps names in the source to objects it needs."""

    def __init__(self, tree: Node, shape: Shape | None = None) -> None:
        self.names: dict[str, Any] = dict(fast.NAMES)
        self.known: dict[tuple[str, ...], str] = {}
        self.lines: list[str] = []
        self.fresh = 0
        self.inside = 0
        self.plain: set[int] = set()
        self.tree = tree
        self.shape = shape
        self.loops = sum(1 for n in walk(tree) if isinstance(n, Loop))
        self.shared = shared(tree)

    # ------------------------------------------------------------------ the function

    def source(self, head: str, slow: str) -> str:
        """The whole function; `slow` is the call of the exact evaluator."""
        body = self.tree
        terms = body.terms if isinstance(body, And) else [body]
        for n, term in enumerate(terms):
            self.hoist(term)
            code, boolean = self.node(term)
            last = n == len(terms) - 1
            if isinstance(body, And):
                self.lines += self.term(code, boolean=boolean, last=last, slow=slow)
            else:
                self.lines.append(f"return {code}")
        inner = "\n".join(f"  {line}" for line in self.lines)
        return f"{head}\n try:\n{inner}\n except Exception: return {slow}"

    @staticmethod
    def term(code: str, *, boolean: bool, last: bool, slow: str) -> list[str]:
        """The lines of one conjunct."""
        if boolean:
            return [f"return {code}"] if last else [f"if not {code}: return False"]
        check = ["if v is False: return False", f"if v is not True: return {slow}"]
        return [f"v = {code}", *check, *(["return True"] if last else [])]

    def hoist(self, term: Node) -> None:
        """Read what several terms share once, where this term reads it anyway."""
        for path in certain(term):
            for n in range(2, len(path) + 1):
                part = path[:n]
                if part in self.shared and part not in self.known:
                    name = self.name()
                    self.lines.append(f"{name} = {self.path(part)}")
                    self.known[part] = name

    def data(self, node: Node) -> bool:
        """Whether the value can only be of a kind that data has (a type as a value could pass for a text)."""
        if isinstance(node, Local):
            return node.slot in self.plain
        return path_of(node) is not None or (isinstance(node, (Select, At)) and self.data(node.operand))

    def name(self) -> str:
        """A new local name."""
        self.fresh += 1
        return f"x{self.fresh}"

    def constant(self, value: Any) -> str:
        """A name for an object."""
        name = f"k{len(self.names)}"
        self.names[name] = value
        return name

    def path(self, path: tuple[str, ...]) -> str:
        """The source that reads a path, from the longest part already read."""
        for n in range(len(path), 0, -1):
            known = self.known.get(path[:n])
            if known is not None:
                return self.steps(known, path, n)
        return self.steps(f"n_{path[0]}", path, 1)

    def steps(self, code: str, path: tuple[str, ...], start: int) -> str:
        """The source that goes on from a holder; through the attributes of a projected event, then by keys."""
        part = self.shape.at(path[1:start]) if self.shape is not None and path[0] == "event" else None
        projected = False
        for key in path[start:]:
            if part is None:
                code = self.there(code) if projected else code
                projected = False
                code += f"[{key!r}]"
                continue
            if key not in part.names:
                return "R()"
            code += f".{part.names[key]}"
            part, projected = part.inner.get(key), True
        return self.there(code) if projected else code

    def there(self, code: str) -> str:
        """A projected field that must not be absent."""
        name = self.name()
        return f"({name} if ({name} := {code}) is not U else R())"

    # ---------------------------------------------------------- nodes: (source, whether it is sure to be a bool)

    def node(self, node: Node) -> tuple[str, bool]:
        """The source of a node."""
        value = folded(node)
        if value is not FAILED:
            return self.literal(value), value.__class__ is bool
        path = path_of(node)
        if path is not None:
            if not path[0].isidentifier():
                raise Unsupported
            return self.path(path), False
        form: Callable[[Any], tuple[str, bool]] | None = getattr(self, f"on_{type(node).__name__.lower()}", None)
        if form is None:
            raise Unsupported
        return form(node)

    def code(self, node: Node) -> str:
        """The source of a node as a value."""
        return self.node(node)[0]

    def condition(self, node: Node) -> str:
        """The source of a node that must be a bool."""
        code, boolean = self.node(node)
        name = self.name()
        return code if boolean else f"(({name} := {code}) is True or ({name} is not False and R()))"

    def literal(self, value: Any) -> str:
        """A constant."""
        cls = value.__class__
        if cls in _LITERALS and not (cls is float and not math.isfinite(value)):
            return f"({value!r})" if cls is int or cls is float else repr(value)
        if cls is list:
            return "[" + ", ".join(self.literal(v) for v in value) + "]"
        return self.constant(value)

    def on_local(self, node: Local) -> tuple[str, bool]:
        """A variable of a loop or bind."""
        return f"l{node.slot}", False

    def on_select(self, node: Select) -> tuple[str, bool]:
        """A field of something that is no path."""
        if node.optional or folded(node.operand) is not FAILED:
            raise Unsupported
        return f"{self.code(node.operand)}[{node.field!r}]", False

    def on_has(self, node: Has) -> tuple[str, bool]:
        """has()."""
        path = path_of(node.operand)
        part = self.shape.at(path[1:]) if self.shape is not None and path is not None and path[0] == "event" else None
        if part is not None and path is not None:
            known = part.names.get(node.field)
            return (f"({self.path(path)}.{known} is not U)" if known is not None else "R()"), True
        name = self.name()
        return f"({node.field!r} in {name} if ({name} := {self.code(node.operand)}).__class__ is dict else R())", True

    def on_at(self, node: At) -> tuple[str, bool]:
        """An element."""
        if node.optional:
            raise Unsupported
        return f"AT({self.code(node.operand)}, {self.code(node.key)})", False

    def on_not(self, node: Not) -> tuple[str, bool]:
        """!a."""
        code, boolean = self.node(node.operand)
        name = self.name()
        return (f"(not {code})" if boolean else f"(({name} := {code}) is False or ({name} is not True and R()))"), True

    def on_minus(self, node: Minus) -> tuple[str, bool]:
        """-a."""
        return f"NEG({self.code(node.operand)})", False

    def on_and(self, node: And) -> tuple[str, bool]:
        """A && b."""
        return "(" + " and ".join(self.condition(t) for t in node.terms) + ")", True

    def on_or(self, node: Or) -> tuple[str, bool]:
        """A || b."""
        return "(" + " or ".join(self.condition(t) for t in node.terms) + ")", True

    def on_choice(self, node: Choice) -> tuple[str, bool]:
        """A ? b : c."""
        (yes, b1), (no, b2) = self.node(node.yes), self.node(node.no)
        return f"({yes} if {self.condition(node.test)} else {no})", b1 and b2

    def on_listof(self, node: ListOf) -> tuple[str, bool]:
        """A list."""
        if node.optionals:
            raise Unsupported
        return "[" + ", ".join(self.code(i) for i in node.items) + "]", False

    def on_mapof(self, node: MapOf) -> tuple[str, bool]:
        """A map."""
        if node.optionals:
            raise Unsupported
        pairs = ", ".join(f"({self.code(k)}, {self.code(v)})" for k, v in zip(node.keys, node.values, strict=True))
        return f"MAP([{pairs}])", False

    def on_bind(self, node: Bind) -> tuple[str, bool]:
        """cel.bind; worked out at once, which shows in nothing but an error, and errors leave anyway."""
        if node.kind != "bind" or self.inside:
            raise Unsupported
        value = self.code(node.value)
        body, boolean = self.node(node.body)
        return f"((l{node.slot} := {value}), {body})[1]", boolean

    # ------------------------------------------------------------------ operators

    def on_binary(self, node: Binary) -> tuple[str, bool]:
        """Arithmetic, order, equality, membership."""
        op = node.op
        if op in {"==", "!="}:
            return self.equation(node), True
        if op in _ORDER:
            return self.order(node), True
        if op == "in":
            return self.member(node), True
        left, right = folded(node.left), folded(node.right)
        a, b = self.code(node.left), self.code(node.right)
        for fixed, other, text in ((left, b, a), (right, a, b)):
            if fixed.__class__ is float and op != "%" and not (op == "/" and (fixed is left or fixed == 0.0)):
                name = self.name()
                sides = f"{text} {op} {name}" if fixed is left else f"{name} {op} {text}"
                slow = f"AR({op!r}, {text}, {name})" if fixed is left else f"AR({op!r}, {name}, {text})"
                return f"({sides} if ({name} := {other}).__class__ is float else {slow})", False
        return f"AR({op!r}, {a}, {b})", False

    def equation(self, node: Binary) -> str:
        """A == b, a != b."""
        op = node.op
        for side, other in ((node.right, node.left), (node.left, node.right)):
            value = folded(side)
            if value is FAILED:
                continue
            cls = value.__class__
            code = self.code(other)
            if cls is str or cls is bytes:
                return f"({code} {op} {value!r})"
            if value is None or cls is bool:
                return f"({code} {'is' if op == '==' else 'is not'} {value!r})"
            if cls in {int, Uint, float} and abs(value) < EXACT_BELOW:
                number = repr(value) if cls is float else repr(int(value))
                if value not in {0, 1}:
                    return f"({code} {op} ({number}))"
                name = self.name()
                same = f"(({name} := {code}) == {number} and {name} is not {bool(value)!r})"
                return same if op == "==" else f"(not {same})"
            break
        same = f"{'EQ1' if self.inside else 'EQ'}({self.code(node.left)}, {self.code(node.right)})"
        return same if op == "==" else f"(not {same})"

    def order(self, node: Binary) -> str:
        """A < b and its kin."""
        left, right, op = node.left, node.right, node.op
        low, high = folded(left), folded(right)
        fixed, other = (high, left) if high is not FAILED else (low, right)
        if fixed is not FAILED:
            cls = fixed.__class__
            code = self.code(other)
            text = repr(fixed) if cls is not Uint else repr(int(fixed))

            def sides(x: str) -> str:
                return f"{x} {op} {text}" if fixed is high else f"{text} {op} {x}"

            if cls is str and self.data(other):
                return f"({sides(code)})"
            if cls in {int, Uint, float} and abs(fixed) < EXACT_BELOW:
                if code.isidentifier():
                    return f"({sides(code)} if {code} is not True and {code} is not False else R())"
                name = self.name()
                return f"({sides(name)} if ({name} := {code}) is not True and {name} is not False else R())"
        return f"CMP({self.code(left)}, {self.code(right)}, {op!r})"

    def member(self, node: Binary) -> str:
        """A in b."""
        items, item = folded(node.right), folded(node.left)
        if items.__class__ is list and all(_hashable(v) for v in items):
            code = self.code(node.left)
            members = "{" + ", ".join(repr(v) for v in items) + "}" if items else "()"
            return f"({code} in {members})"
        if item.__class__ is str and self.data(node.right):
            name = self.name()
            guard = f"({name} := {self.code(node.right)}).__class__ is list or {name}.__class__ is dict"
            short = f" and len({name}) < 1024" if self.inside else ""
            return f"({item!r} in {name} if ({guard}){short} else R())"
        return f"{'IN1' if self.inside else 'IN'}({self.code(node.left)}, {self.code(node.right)})"

    # ------------------------------------------------------------------ calls and loops

    def on_call(self, node: Call) -> tuple[str, bool]:
        """A function or method."""
        special = SPECIAL.get(node.name)
        code = special(self, node) if special is not None else None
        if code is not None:
            return code, node.name in BOOLEAN
        if node.overloads is None:
            raise Unsupported
        run = self.constant(node.overloads.call)
        listed = ", ".join(self.code(a) for a in children(node))
        return (f"CALL1({run}, [{listed}])" if self.inside else f"CALL({run}, [{listed}])"), False

    def on_loop(self, node: Loop) -> tuple[str, bool]:
        """A loop as a comprehension, if its list is short enough for the budget."""
        from eventflow.match.frame import STEPS
        from eventflow.match.loops import loop_cost

        if node.kind not in _LOOPS or self.inside:
            raise Unsupported
        most = STEPS // (2 * self.loops * loop_cost(node))
        over = f"OVER{len(node.names)}({self.code(node.over)}, {most})"
        if ":=" in over:
            raise Unsupported
        if self.data(node.over):
            self.plain.update(node.slots)
        self.inside += 1
        variables = ", ".join(f"l{slot}" for slot in node.slots)
        test = f" if {self.condition(node.test)}" if node.test is not None else ""
        body = self.code(node.body) if node.kind in {"map", "transformList"} else self.condition(node.body)
        self.inside -= 1
        each = f"for {variables} in {over}"
        return {
            "all": f"all([{body} {each}])" if ":=" in body else f"all({body} {each})",
            "exists": f"any([{body} {each}])" if ":=" in body else f"any({body} {each})",
            "exists_one": f"(sum([1 {each} if {body}]) == 1)",
            "filter": f"[{variables.split(',')[0]} {each} if {body}]",
            "map": f"SHORT([{body} {each}{test}])",
            "transformList": f"SHORT([{body} {each}{test}])",
        }[node.kind], node.kind in {"all", "exists", "exists_one"}


def _hashable(value: Any) -> bool:
    """A constant for which Python's set membership is CEL's equality."""
    cls = value.__class__
    return cls is str or value is None or (cls in {int, float} and value not in {0, 1} and abs(value) < EXACT_BELOW)
