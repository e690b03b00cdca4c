"""The macros: calls that are forms of the language because they bind a name or look at a field without reading it."""

from __future__ import annotations

from typing import Final

from eventflow.match.problems import ExpressionError, problem
from eventflow.match.syntax import Bind, Block, Call, Const, Has, Ident, ListOf, Loop, Node, Select

# name -> numbers of loop variables and of arguments after them, in the forms that exist
_LOOPS: Final[dict[str, tuple[tuple[int, int], ...]]] = {
    "all": ((1, 1), (2, 1)),
    "exists": ((1, 1), (2, 1)),
    "exists_one": ((1, 1), (2, 1)),
    "existsOne": ((1, 1), (2, 1)),
    "map": ((1, 1), (1, 2)),
    "filter": ((1, 1),),
    "sortBy": ((1, 1),),
    "transformList": ((2, 1), (2, 2)),
    "transformMap": ((2, 1), (2, 2)),
    "transformMapEntry": ((2, 1), (2, 2)),
}
LOOP_NAMES: Final = frozenset(_LOOPS)


def expand(text: str, call: Call) -> Node:
    """The form that a call stands for, or the call itself."""
    target, name, args = call.target, call.name, call.args
    if target is None:
        return _has(text, call) if name == "has" and len(args) == 1 else call
    if isinstance(target, Ident) and target.name == "cel" and not target.absolute:
        return _cel(text, call)
    if name in _LOOPS:
        return _loop(text, call, target)
    if name in {"optMap", "optFlatMap"} and len(args) == 2:
        return Bind(call.start, call.end, name, _variable(text, args[0], name), target, args[1])
    return call


def _has(text: str, call: Call) -> Node:
    inner = call.args[0]
    if isinstance(inner, Select) and not inner.optional:
        return Has(call.start, call.end, inner.operand, inner.field)
    raise ExpressionError(
        text,
        (
            problem(
                text, inner.start, "E311 macro", "has() asks for one field of something", "write has(event.data.field)"
            ),
        ),
    )


def _loop(text: str, call: Call, target: Node) -> Node:
    args = call.args
    for variables, rest in _LOOPS[call.name]:
        if len(args) == variables + rest:
            names = [_variable(text, a, call.name) for a in args[:variables]]
            if len(set(names)) < variables:
                break
            kind = "exists_one" if call.name == "existsOne" else call.name
            test = args[-2] if rest == 2 else None
            return Loop(call.start, call.end, kind, target, names, args[-1], test)
    if not any(isinstance(a, Ident) for a in args[:1]) and call.name == "sortBy":
        return call
    forms = {1: f"list.{call.name}(x, … x …)", 2: f"map.{call.name}(key, value, …)"}
    shown = " or ".join(forms[v] for v in dict.fromkeys(v for v, _ in _LOOPS[call.name]))
    raise ExpressionError(
        text, (problem(text, call.at, "E311 macro", f"{call.name} does not take these arguments", f"write {shown}"),)
    )


def _variable(text: str, node: Node, macro: str) -> str:
    if isinstance(node, Ident) and not node.absolute:
        return node.name
    raise ExpressionError(
        text,
        (
            problem(
                text, node.start, "E311 macro", f"the first argument of {macro} is a name for the loop",
                f"write {macro}(x, … x …)", node.end - node.start,
            ),
        ),
    )  # fmt: skip


def _cel(text: str, call: Call) -> Node:
    args = call.args
    if call.name == "bind" and len(args) == 3:
        return Bind(call.start, call.end, "bind", _variable(text, args[0], "bind"), args[1], args[2])
    if call.name == "block" and len(args) == 2 and isinstance(args[0], ListOf):
        return Block(call.start, call.end, args[0].items, args[1])
    numbers = [a.value for a in args if isinstance(a, Const) and a.value.__class__ is int]
    if call.name == "index" and len(numbers) == len(args) == 1:
        return Ident(call.start, call.end, f"@index{numbers[0]}")
    if call.name == "iterVar" and len(numbers) == len(args) == 2:
        return Ident(call.start, call.end, f"@it:{numbers[0]}:{numbers[1]}")
    if call.name == "accuVar" and len(numbers) == len(args) == 2:
        return Ident(call.start, call.end, f"@ac:{numbers[0]}:{numbers[1]}")
    return call
