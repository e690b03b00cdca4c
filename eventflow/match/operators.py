"""Equality, order, membership and arithmetic exactly as the standard defines them, on exactly the kinds it defines.

Python's own operators differ in ways that matter (True == 1, unbounded integers, floor division, errors where IEEE 754
has a value), so both evaluators take the meaning from here; the compiled one only where its guards say that Python
agrees.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from eventflow.match.problems import EvaluationError
from eventflow.match.values import (
    INT_MAX,
    INT_MIN,
    MISSING,
    TIME_MAX,
    TIME_MIN,
    UINT_MAX,
    Uint,
    instant,
    kind_of,
    map_get,
    map_items,
    nanos_of,
    span,
)

if TYPE_CHECKING:
    from collections.abc import Callable

NUMBERS: Final = frozenset(("int", "uint", "double"))
_ORDERED: Final = frozenset(("string", "bytes", "bool"))
_TIMES: Final = frozenset(("timestamp", "duration"))
TEXT_MAX: Final = 1 << 20
"""No evaluation makes a text, bytes or list longer than this (a whole event has at most as many bytes)."""


def no_overload(what: str, *values: object) -> EvaluationError:
    """The error of an operation that does not know these kinds."""
    kinds = " and ".join(kind_of(v) for v in values)
    return EvaluationError("type", f"{what} does not work on {kinds}")


def equal(a: Any, b: Any) -> bool:
    """Whether two values are the same; values of different kinds are not, numbers compare across kinds."""
    ka, kb = kind_of(a), kind_of(b)
    if ka in NUMBERS:
        return kb in NUMBERS and bool(a == b if ka == kb or "double" not in {ka, kb} else float(a) == float(b))
    if ka != kb:
        return False
    if ka == "list":
        return len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b, strict=True))
    if ka == "map":
        return len(a) == len(b) and all(
            (other := map_get(b, key)) is not MISSING and equal(value, other) for key, value in map_items(a)
        )
    if ka in _TIMES:
        return nanos_of(a) == nanos_of(b)
    if ka == "optional":
        return a.present == b.present and (not a.present or equal(a.value, b.value))
    return bool(a == b)


def compare(a: Any, b: Any, op: str) -> bool:
    """A < b, a <= b, a > b or a >= b; raises where the two have no order."""
    ka, kb = kind_of(a), kind_of(b)
    if ka in _TIMES and ka == kb:
        a, b = nanos_of(a), nanos_of(b)
    elif ka != kb and (ka == "double" or kb == "double") and ka in NUMBERS and kb in NUMBERS:
        a, b = float(a), float(b)  # as the standard's tests want it: beyond 2^53 the comparison is one of doubles
    elif not ((ka in NUMBERS and kb in NUMBERS) or (ka == kb and ka in _ORDERED)):
        raise no_overload(f"'{op}'", a, b)
    if op == "<":
        return bool(a < b)
    if op == "<=":
        return bool(a <= b)
    return bool(a > b) if op == ">" else bool(a >= b)


def contains(item: Any, holder: Any) -> bool:
    """Item in holder: an element of a list, a key of a map."""
    kind = kind_of(holder)
    if kind == "list":
        return any(equal(item, one) for one in holder)
    if kind == "map":
        return map_get(holder, item) is not MISSING
    raise no_overload("'in'", item, holder)


def whole(value: int) -> int:
    """An int that is inside its 64 bits."""
    if INT_MIN <= value <= INT_MAX:
        return value
    raise EvaluationError("overflow", "the result does not fit into a 64-bit integer")


def unsigned(value: int) -> Uint:
    """A uint that is inside its 64 bits."""
    if 0 <= value <= UINT_MAX:
        return Uint(value)
    raise EvaluationError("overflow", "the result does not fit into an unsigned 64-bit integer")


def time_at(nanos: int) -> Any:
    """A timestamp inside the years 1 to 9999."""
    if TIME_MIN <= nanos <= TIME_MAX:
        return instant(nanos)
    raise EvaluationError("range", "the time lies outside the years 1 to 9999")


def time_span(nanos: int) -> Any:
    """A duration inside 64 bits of nanoseconds (292 years)."""
    if INT_MIN <= nanos <= INT_MAX:
        return span(nanos)
    raise EvaluationError("range", "the duration is longer than 292 years")


def joined(a: Any, b: Any) -> Any:
    """Two texts, bytes or lists one after the other, inside the bound on length."""
    if len(a) + len(b) > TEXT_MAX:
        raise EvaluationError("budget", f"the result would be longer than {TEXT_MAX}")
    return a + b if a.__class__ is b.__class__ else [*a, *b]


def divide(a: float, b: float) -> float:
    """IEEE division."""
    if b == 0:
        if a == 0 or math.isnan(a):
            return math.nan
        return math.copysign(math.inf, a) * math.copysign(1.0, b)
    return a / b


def _int_divide(a: int, b: int) -> int:
    if b == 0:
        raise EvaluationError("divide", "division by zero")
    quotient = abs(a) // abs(b)
    return whole(quotient if (a < 0) == (b < 0) else -quotient)


def _int_modulo(a: int, b: int) -> int:
    if b == 0:
        raise EvaluationError("divide", "modulus by zero")
    if a == INT_MIN and b == -1:
        raise EvaluationError("overflow", "the result does not fit into a 64-bit integer")
    rest = abs(a) % abs(b)
    return rest if a >= 0 else -rest


def _uint_divide(a: int, b: int) -> Uint:
    if b == 0:
        raise EvaluationError("divide", "division by zero")
    return Uint(int(a) // int(b))


def _uint_modulo(a: int, b: int) -> Uint:
    if b == 0:
        raise EvaluationError("divide", "modulus by zero")
    return Uint(int(a) % int(b))


ARITHMETIC: Final[dict[tuple[str, str, str], Callable[[Any, Any], Any]]] = {
    ("+", "int", "int"): lambda a, b: whole(a + b),
    ("-", "int", "int"): lambda a, b: whole(a - b),
    ("*", "int", "int"): lambda a, b: whole(a * b),
    ("/", "int", "int"): _int_divide,
    ("%", "int", "int"): _int_modulo,
    ("+", "uint", "uint"): lambda a, b: unsigned(int(a) + int(b)),
    ("-", "uint", "uint"): lambda a, b: unsigned(int(a) - int(b)),
    ("*", "uint", "uint"): lambda a, b: unsigned(int(a) * int(b)),
    ("/", "uint", "uint"): _uint_divide,
    ("%", "uint", "uint"): _uint_modulo,
    ("+", "double", "double"): lambda a, b: a + b,
    ("-", "double", "double"): lambda a, b: a - b,
    ("*", "double", "double"): lambda a, b: a * b,
    ("/", "double", "double"): divide,
    ("+", "string", "string"): joined,
    ("+", "bytes", "bytes"): joined,
    ("+", "list", "list"): joined,
    ("+", "timestamp", "duration"): lambda a, b: time_at(nanos_of(a) + nanos_of(b)),
    ("+", "duration", "timestamp"): lambda a, b: time_at(nanos_of(a) + nanos_of(b)),
    ("+", "duration", "duration"): lambda a, b: time_span(nanos_of(a) + nanos_of(b)),
    ("-", "timestamp", "timestamp"): lambda a, b: time_span(nanos_of(a) - nanos_of(b)),
    ("-", "timestamp", "duration"): lambda a, b: time_at(nanos_of(a) - nanos_of(b)),
    ("-", "duration", "duration"): lambda a, b: time_span(nanos_of(a) - nanos_of(b)),
}


def arithmetic(op: str, a: Any, b: Any) -> Any:
    """A op b for + - * / %."""
    found = ARITHMETIC.get((op, kind_of(a), kind_of(b)))
    if found is None:
        raise no_overload(f"'{op}'", a, b)
    return found(a, b)


def negate(a: Any) -> Any:
    """-a."""
    kind = kind_of(a)
    if kind == "int":
        return whole(-a)
    if kind == "double":
        return -a
    raise no_overload("'-'", a)
