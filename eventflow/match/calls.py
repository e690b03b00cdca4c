"""Calls at load: whether any overload takes arguments of these kinds, and whether constant arguments can work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from eventflow.match.fold import folded
from eventflow.match.functions.network import network
from eventflow.match.functions.own import RANKS, SAME, SCALES, glob_pattern
from eventflow.match.functions.table import fits
from eventflow.match.functions.texts import pattern
from eventflow.match.functions.times import zone
from eventflow.match.kinds import with_article as a
from eventflow.match.problems import EvaluationError
from eventflow.match.syntax import Call, Node, children
from eventflow.match.wording import closest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from eventflow.match.functions.table import Overload

_CALENDAR: Final = frozenset(
    (
        "getFullYear",
        "getMonth",
        "getDayOfYear",
        "getDayOfMonth",
        "getDate",
        "getDayOfWeek",
        "getHours",
        "getMinutes",
        "getSeconds",
        "getMilliseconds",
    )
)


def called(node: Call, kinds: list[str], texts: list[str]) -> tuple[str, str] | None:
    """What is wrong with the kinds of the arguments, and what to write; None if some overload may take them."""
    overloads = node.overloads
    if overloads is None or not overloads.items or any(_may(one, kinds) for one in overloads.items):
        return None
    same = [one for one in overloads.items if len(one.params) == len(kinds)]
    if not same:
        given = len(kinds) - (node.target is not None)
        return f"{node.name}() does not take {given} argument{'s' * (given != 1)}", f"write {overloads.usage()}"
    for n, kind in enumerate(kinds):
        if kind != "dyn" and not any(_takes(one.params[n], kind) for one in same):
            options = list(dict.fromkeys(one.params[n].partition("(")[0] for one in same))
            wanted = " or ".join(options)
            return f"{node.name}() takes {a(wanted)} here, {texts[n]} is {a(kind)}", _converted(
                node, wanted, texts[n], kind, overloads.usage()
            )
    return f"{node.name}() does not work on {' and '.join(kinds)}", f"write {overloads.usage()}"


def _converted(node: Call, wanted: str, text: str, kind: str, usage: str) -> str:
    if wanted == "string" and kind in {"int", "uint", "double", "bool", "number"}:
        return f"write string({text})"
    if kind == "list" and node.name == "contains" and len(node.args) == 1:
        return f"write {_text(node.args[0])} in {text}"
    if wanted == "string" and kind == "list":
        return f"look at one element: {text}.exists(x, x.…)"
    return f"write {usage}"


def _text(node: Node) -> str:
    value = folded(node)
    return repr(value) if value.__class__ is str else "the element"


def _may(one: Overload, kinds: list[str]) -> bool:
    return len(one.params) == len(kinds) and all(_takes(p, k) for p, k in zip(one.params, kinds, strict=True))


def _takes(param: str, kind: str) -> bool:
    return kind in {"dyn", "null"} or fits(param, kind) or (kind == "number" and param in {"int", "uint", "double"})


def constant_argument(node: Call) -> Iterator[tuple[Node, str]]:
    """Constant arguments that fail whatever the event: patterns, networks, zones, floors."""
    parts = children(node)
    reads: dict[str, Callable[[str], object]] = {
        "matches": pattern,
        "glob": glob_pattern,
        "in_cidr": network,
        "at_least": _floor,
    }
    read = zone if node.name in _CALENDAR else reads.get(node.name)
    if read is None or len(parts) != 2:
        return
    value = folded(parts[1])
    for text in value if value.__class__ is list else [value]:
        if text.__class__ is str:
            try:
                read(text)
            except EvaluationError as error:
                yield parts[1], error.message


def _floor(word: str) -> None:
    if not any(SAME.get(word.lower(), word.lower()) in ranks for ranks in RANKS):
        known = [w for scale in SCALES for w in scale]
        near = closest(word, known)
        hint = f"did you mean '{near}'?" if near else f"there are {', '.join(dict.fromkeys(known))}"
        raise EvaluationError("argument", f"'{word}' is on no scale of severities; {hint}")
