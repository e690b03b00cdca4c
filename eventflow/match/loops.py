"""Loops of the exact evaluator: all, exists, exists_one, filter, map, sortBy and the transformations of maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from eventflow.match.frame import FORMS, Frame, map_key, value_of
from eventflow.match.problems import EvaluationError
from eventflow.match.syntax import Loop, Node, walk
from eventflow.match.values import kind_of, make_map, map_items, map_keys

if TYPE_CHECKING:
    from collections.abc import Callable


def loop_cost(node: Loop) -> int:
    """Steps of one round: the size of what is evaluated in it."""
    return sum(1 for part in (node.body, node.test) if part is not None for _ in walk(part))


def rounds(node: Loop, frame: Frame) -> list[tuple[Any, ...]]:
    """What the loop variables stand for in each round."""
    holder = value_of(node.over, frame)
    kind = kind_of(holder)
    if kind == "list":
        return list(enumerate(holder)) if len(node.names) == 2 else [(v,) for v in holder]
    if kind == "map":
        return map_items(holder) if len(node.names) == 2 else [(k,) for k in map_keys(holder)]
    raise EvaluationError("type", f"{node.kind} goes over a list or a map, this is a {kind}", node.over.start)


def loop(node: Loop, frame: Frame) -> Any:
    """The value of a loop."""
    over = rounds(node, frame)
    cost = loop_cost(node)
    frame.inside += 1
    try:
        return _rounds(node, frame, over, cost)
    finally:
        frame.inside -= 1


def _rounds(node: Loop, frame: Frame, over: list[tuple[Any, ...]], cost: int) -> Any:
    slots = frame.slots
    if node.kind in {"all", "exists"}:
        return _quantifier(node, frame, over, cost)
    collect = _COLLECT[node.kind]
    out: list[Any] = []
    for bound in over:
        frame.spend(cost)
        for slot, value in zip(node.slots, bound, strict=True):
            slots[slot] = value
        if node.test is not None and not _condition(node.test, frame):
            continue
        collect(node, frame, bound, out)
    value = _FINISH[node.kind](node, out)
    frame.count(value)
    return value


def _condition(node: Node, frame: Frame) -> bool:
    value = value_of(node, frame)
    if value.__class__ is not bool:
        raise EvaluationError("type", f"a condition is needed here, this is a {kind_of(value)}", node.start)
    return bool(value)


def _quantifier(node: Loop, frame: Frame, over: list[tuple[Any, ...]], cost: int) -> bool:
    decider = node.kind == "exists"
    failed: EvaluationError | None = None
    for bound in over:
        frame.spend(cost)
        for slot, value in zip(node.slots, bound, strict=True):
            frame.slots[slot] = value
        try:
            value = value_of(node.body, frame)
        except EvaluationError as error:
            failed = failed or error
            continue
        if value is decider:
            return bool(value)
        if value.__class__ is not bool:
            failed = failed or EvaluationError(
                "type", f"{node.kind} needs a condition, this is a {kind_of(value)}", node.body.start
            )
    if failed is not None:
        raise failed
    return not decider


def _collect_one(node: Loop, frame: Frame, _: tuple[Any, ...], out: list[Any]) -> None:
    if _condition(node.body, frame):
        out.append(True)


def _collect_filter(node: Loop, frame: Frame, bound: tuple[Any, ...], out: list[Any]) -> None:
    if _condition(node.body, frame):
        out.append(bound[0])


def _collect_value(node: Loop, frame: Frame, _: tuple[Any, ...], out: list[Any]) -> None:
    out.append(value_of(node.body, frame))


def _collect_pair(node: Loop, frame: Frame, bound: tuple[Any, ...], out: list[Any]) -> None:
    out.append((map_key(bound[0], node.start), value_of(node.body, frame)))


def _collect_entry(node: Loop, frame: Frame, _: tuple[Any, ...], out: list[Any]) -> None:
    value = value_of(node.body, frame)
    if kind_of(value) != "map":
        raise EvaluationError("type", f"transformMapEntry needs a map, this is a {kind_of(value)}", node.body.start)
    out.extend(map_items(value))


def _collect_sort(node: Loop, frame: Frame, bound: tuple[Any, ...], out: list[Any]) -> None:
    out.append((value_of(node.body, frame), bound[0]))


def _finish_map(node: Loop, out: list[Any]) -> Any:
    value = make_map(out)
    if len(value) != len(out):
        raise EvaluationError("key", "a key comes twice in the new map", node.start)
    return value


def _finish_sort(node: Loop, out: list[Any]) -> Any:
    from eventflow.match.functions.lists import sorted_values

    try:
        order = sorted_values([key for key, _ in out])
    except EvaluationError as error:
        error.offset = node.body.start
        raise
    return [out[i][1] for i in order]


_COLLECT: Final[dict[str, Callable[[Loop, Frame, tuple[Any, ...], list[Any]], None]]] = {
    "exists_one": _collect_one, "filter": _collect_filter, "map": _collect_value, "transformList": _collect_value,
    "transformMap": _collect_pair, "transformMapEntry": _collect_entry, "sortBy": _collect_sort,
}  # fmt: skip
_FINISH: Final[dict[str, Callable[[Loop, list[Any]], Any]]] = {
    "exists_one": lambda _, out: len(out) == 1, "filter": lambda _, out: out, "map": lambda _, out: out,
    "transformList": lambda _, out: out, "transformMap": _finish_map, "transformMapEntry": _finish_map,
    "sortBy": _finish_sort,
}  # fmt: skip
FORMS[Loop] = loop
