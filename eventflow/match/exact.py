"""The exact evaluator: walks the tree and does what the standard says, to the letter.

It is the meaning of an expression. The compiled form is only a faster way to the same answer and comes back here
whenever it meets something its guards do not cover. Work is counted, not timed: each round of a loop and each long text
costs steps from a budget, so an expression stops at the same place on every machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from eventflow.match import loops as _loops  # noqa: F401 - it fills in its form
from eventflow.match import operators as ops
from eventflow.match.frame import FORMS, STEPS, Frame, OverBudget, map_key, value_of
from eventflow.match.problems import EvaluationError
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
    MapOf,
    Minus,
    Node,
    Not,
    Or,
    Select,
    Var,
)
from eventflow.match.values import MISSING, NONE, Optional, kind_of, make_map, map_get

if TYPE_CHECKING:
    from collections.abc import Mapping

_LAZY: Final = frozenset(("or", "orValue"))
"""Their argument is worked out only where the optional is empty."""
_COMPARISONS: Final = frozenset(("<", "<=", ">", ">="))


def evaluate(node: Node, names: Mapping[str, object], steps: int = STEPS) -> Any:
    """The value of a resolved tree. Raises EvaluationError with the place of the part that failed."""
    try:
        return value_of(node, Frame(names, steps))
    except OverBudget:
        raise EvaluationError("budget", f"the expression took more than {steps} steps", node.start) from None
    except RecursionError:
        raise EvaluationError("budget", "the values are nested too deeply", node.start) from None


def _const(node: Const, _: Frame) -> Any:
    return node.value


def _var(node: Var, frame: Frame) -> Any:
    value = frame.names.get(node.name, MISSING)
    if value is MISSING:
        raise EvaluationError("unbound", f"'{node.name}' has no value here", node.start)
    return value


def _local(node: Local, frame: Frame) -> Any:
    value = frame.slots[node.slot]
    if value.__class__ is _Later:
        value = frame.slots[node.slot] = value_of(value.node, frame)
    return value


def _select(node: Select, frame: Frame) -> Any:
    holder = value_of(node.operand, frame)
    if node.optional:
        return _optional_entry(holder, node.field, node)
    if holder.__class__ is Optional:
        return _optional_entry(holder, node.field, node) if holder.present else NONE
    return field_of(holder, node.field, node.end - len(node.field))


def field_of(holder: Any, name: str, at: int) -> Any:
    """holder.name, for maps."""
    if kind_of(holder) != "map":
        raise EvaluationError("type", f"a {kind_of(holder)} has no field '{name}'", at)
    value = map_get(holder, name)
    if value is MISSING:
        raise EvaluationError("absent", f"there is no field '{name}'", at)
    return value


def _optional_entry(holder: Any, key: Any, node: Node) -> Optional:
    if holder.__class__ is Optional:
        if not holder.present:
            return NONE
        holder = holder.value
    kind = kind_of(holder)
    if kind == "list" and key.__class__ is not str:
        position = _position(key, node.start)
        return Optional(holder[position]) if 0 <= position < len(holder) else NONE
    if kind != "map":
        raise EvaluationError("type", f"a {kind} has no field '{key}'", node.start)
    value = map_get(holder, key)
    return NONE if value is MISSING else Optional(value)


def _has(node: Has, frame: Frame) -> bool:
    holder = value_of(node.operand, frame)
    if holder.__class__ is Optional:
        if not holder.present:
            return False
        holder = holder.value
    if kind_of(holder) != "map":
        raise EvaluationError("type", f"a {kind_of(holder)} has no fields", node.start)
    return map_get(holder, node.field) is not MISSING


def _at(node: At, frame: Frame) -> Any:
    holder = value_of(node.operand, frame)
    key = value_of(node.key, frame)
    if node.optional or holder.__class__ is Optional:
        return _optional_entry(holder, key, node)
    kind = kind_of(holder)
    if kind == "map":
        value = map_get(holder, key)
        if value is MISSING:
            raise EvaluationError("absent", f"there is no key {key!r}", node.key.start)
        return value
    if kind == "list":
        position = _position(key, node.key.start)
        if 0 <= position < len(holder):
            return holder[position]
        raise EvaluationError("index", f"position {position} is outside a list of {len(holder)}", node.key.start)
    raise EvaluationError("type", f"a {kind} has no elements", node.start)


def _position(key: Any, at: int) -> int:
    kind = kind_of(key)
    if kind in {"int", "uint"} or (kind == "double" and key == key // 1):
        return int(key)
    raise EvaluationError("type", f"a position in a list is a whole number, not {kind}", at)


def _call(node: Call, frame: Frame) -> Any:
    args: list[Any] = []
    if node.target is not None:
        args.append(value_of(node.target, frame))
        if node.name in _LAZY and args[0].__class__ is Optional and args[0].present and len(node.args) == 1:
            return args[0].value if node.name == "orValue" else args[0]
    args += [value_of(a, frame) for a in node.args]
    if frame.inside:
        for arg in args:
            frame.count(arg)
    overloads = node.overloads
    if overloads is None:
        raise EvaluationError("type", f"there is no function {node.name}()", node.at)
    try:
        value = overloads.call(args)
    except EvaluationError as error:
        if error.offset < 0:
            error.offset = node.at
        raise
    frame.count(value)
    return value


def _binary(node: Binary, frame: Frame) -> Any:
    left = value_of(node.left, frame)
    right = value_of(node.right, frame)
    op = node.op
    try:
        if op in {"==", "!="}:
            if frame.inside:
                frame.count(left)
            return ops.equal(left, right) == (op == "==")
        if op in _COMPARISONS:
            return ops.compare(left, right, op)
        if op == "in":
            if frame.inside:
                frame.count(right)
            return ops.contains(left, right)
        value = ops.arithmetic(op, left, right)
        frame.count(value)
        return value
    except EvaluationError as error:
        if error.offset < 0:
            error.offset = node.at
        raise


def _not(node: Not, frame: Frame) -> bool:
    value = value_of(node.operand, frame)
    if value.__class__ is not bool:
        raise EvaluationError("type", f"'!' does not work on {kind_of(value)}", node.start)
    return not value


def _minus(node: Minus, frame: Frame) -> Any:
    try:
        return ops.negate(value_of(node.operand, frame))
    except EvaluationError as error:
        if error.offset < 0:
            error.offset = node.start
        raise


def _logic(terms: list[Node], frame: Frame, decider: bool, sign: str) -> bool:  # noqa: FBT001 - the deciding value
    """&& or ||: the deciding value wins over errors; otherwise the first error does."""
    failed: EvaluationError | None = None
    for term in terms:
        try:
            value = value_of(term, frame)
        except EvaluationError as error:
            failed = failed or error
            continue
        if value is decider:
            return bool(value)
        if value.__class__ is not bool:
            failed = failed or EvaluationError(
                "type", f"'{sign}' joins conditions, this is a {kind_of(value)}", term.start
            )
    if failed is not None:
        raise failed
    return not decider


def _and(node: And, frame: Frame) -> bool:
    return _logic(node.terms, frame, False, "&&")


def _or(node: Or, frame: Frame) -> bool:
    return _logic(node.terms, frame, True, "||")


def _choice(node: Choice, frame: Frame) -> Any:
    test = value_of(node.test, frame)
    if test.__class__ is not bool:
        raise EvaluationError("type", f"before '?' stands a condition, this is a {kind_of(test)}", node.test.start)
    return value_of(node.yes if test else node.no, frame)


def _list(node: ListOf, frame: Frame) -> list[Any]:
    if not node.optionals:
        return [value_of(i, frame) for i in node.items]
    out = []
    for n, item in enumerate(node.items):
        value = value_of(item, frame)
        if n in node.optionals:
            if value.__class__ is not Optional:
                raise EvaluationError("type", f"[?…] takes an optional, this is a {kind_of(value)}", item.start)
            if value.present:
                out.append(value.value)
        else:
            out.append(value)
    return out


def _map(node: MapOf, frame: Frame) -> dict[Any, Any]:
    pairs: list[tuple[Any, Any]] = []
    for n, (key_node, value_node) in enumerate(zip(node.keys, node.values, strict=True)):
        key = map_key(value_of(key_node, frame), key_node.start)
        value = value_of(value_node, frame)
        if n in node.optionals:
            if value.__class__ is not Optional:
                raise EvaluationError("type", f"{{?…}} takes an optional, this is a {kind_of(value)}", value_node.start)
            if not value.present:
                continue
            value = value.value
        pairs.append((key, value))
    out = make_map(pairs)
    if len(out) != len(pairs):
        raise EvaluationError("key", "a key stands twice in the map", node.start)
    return out


class _Later:
    """A bound value that is worked out when it is first read."""

    __slots__ = ("node",)

    def __init__(self, node: Node) -> None:
        self.node = node


def _bind(node: Bind, frame: Frame) -> Any:
    if node.kind == "bind":
        frame.slots[node.slot] = _Later(node.value)
        return value_of(node.body, frame)
    holder = value_of(node.value, frame)
    if holder.__class__ is not Optional:
        raise EvaluationError("type", f"{node.kind} works on an optional, this is a {kind_of(holder)}", node.start)
    if not holder.present:
        return NONE
    frame.slots[node.slot] = holder.value
    value = value_of(node.body, frame)
    if node.kind == "optMap":
        return Optional(value)
    if value.__class__ is not Optional:
        raise EvaluationError("type", f"optFlatMap needs an optional, this is a {kind_of(value)}", node.body.start)
    return value


def _block(node: Block, frame: Frame) -> Any:
    for slot, value in zip(node.slots, node.values, strict=True):
        frame.slots[slot] = _Later(value)
    return value_of(node.body, frame)


FORMS.update(
    {
    Const: _const, Var: _var, Local: _local, Select: _select, Has: _has, At: _at, Call: _call, Binary: _binary,
    Not: _not,
    Minus: _minus, And: _and, Or: _or, Choice: _choice, ListOf: _list, MapOf: _map, Bind: _bind, Block: _block,
}
)  # fmt: skip
