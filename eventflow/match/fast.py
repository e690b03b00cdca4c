"""What the emitted source calls: the exact operations by short names, and guards that refuse by raising.

A refusal sends the whole evaluation to the exact evaluator, so nothing here needs a good message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import UNSET

from eventflow.match import operators as ops
from eventflow.match.frame import LONG, map_key
from eventflow.match.functions.own import RANKS, SAME, at_least
from eventflow.match.functions.own import get as get_path
from eventflow.match.problems import EvaluationError
from eventflow.match.values import MISSING, make_map, map_items

if TYPE_CHECKING:
    from collections.abc import Callable


class Slow(Exception):
    """Not a case for the fast way."""


def refuse() -> Any:
    """Leave."""
    raise Slow


def short(value: Any) -> Any:
    """A result that costs no steps."""
    cls = value.__class__
    if (cls is str or cls is list or cls is bytes or cls is dict) and len(value) >= LONG:
        raise Slow
    return value


def call(run: Callable[[list[Any]], Any], args: list[Any]) -> Any:
    """A function outside of loops."""
    return short(run(args))


def call_inside(run: Callable[[list[Any]], Any], args: list[Any]) -> Any:
    """A function inside a loop."""
    for arg in args:
        short(arg)
    return short(run(args))


def arithmetic(op: str, a: Any, b: Any) -> Any:
    """A op b."""
    return short(ops.arithmetic(op, a, b))


def equal_inside(a: Any, b: Any) -> bool:
    """Equality inside a loop; containers are left to the exact evaluator, which counts them."""
    if a.__class__ in _CONTAINERS:
        raise Slow
    return ops.equal(short(a), b)


_CONTAINERS: Final = frozenset((list, dict))


def contains_inside(item: Any, holder: Any) -> bool:
    """Membership inside a loop."""
    return ops.contains(item, short(holder))


def element(holder: Any, key: Any) -> Any:
    """holder[key] in the plain cases."""
    if holder.__class__ is list and key.__class__ is int and key >= 0:
        return holder[key]
    if holder.__class__ is dict and key.__class__ is str:
        return holder[key]
    raise Slow


def over_one(value: Any, most: int) -> Any:
    """What a loop with one variable goes over."""
    if (value.__class__ is list or value.__class__ is dict) and len(value) <= most:
        return value
    raise Slow


def over_two(value: Any, most: int) -> Any:
    """What a loop with two variables goes over."""
    if len(value) <= most:
        if value.__class__ is list:
            return enumerate(value)
        if value.__class__ is dict:
            return map_items(value)
    raise Slow


def get(value: Any, parts: tuple[str, ...], default: Any) -> Any:
    """The function get with a path that was cut at load."""
    for part in parts:
        if value.__class__ is not dict:
            return (
                get_path(value, ".".join(parts[parts.index(part) :]), default) if parts.count(part) == 1 else refuse()
            )
        value = value.get(part, MISSING)
        if value is MISSING:
            return default
    return value


def mapping(pairs: list[tuple[Any, Any]]) -> Any:
    """A map literal."""
    for key, _ in pairs:
        map_key(key, 0)
    made = make_map(pairs)
    return made if len(made) == len(pairs) else refuse()


def reaching(floor: str) -> dict[str, bool]:
    """Every known word and whether it reaches the floor; what is not here is an error or unusually written."""
    table: dict[str, bool] = {}
    for word in {*SAME, *(word for ranks in RANKS for word in ranks)}:
        try:
            table[word] = at_least(word, floor)
        except EvaluationError:
            continue
    return table | {word.upper(): yes for word, yes in table.items()}


NAMES: Final[dict[str, Any]] = {
    "R": refuse,
    "CALL": call,
    "CALL1": call_inside,
    "AR": arithmetic,
    "EQ": ops.equal,
    "EQ1": equal_inside,
    "IN": ops.contains,
    "IN1": contains_inside,
    "CMP": ops.compare,
    "NEG": ops.negate,
    "AT": element,
    "MAP": mapping,
    "GET": get,
    "M": MISSING,
    "U": UNSET,
    "OVER1": over_one,
    "OVER2": over_two,
    "SHORT": short,
}
