"""`text.format(list)` of the strings extension."""

from __future__ import annotations

import math
import re
from typing import Any, Final

from eventflow.match.functions.conversions import number_text, to_string
from eventflow.match.functions.table import function
from eventflow.match.operators import TEXT_MAX
from eventflow.match.problems import EvaluationError
from eventflow.match.values import kind_of, map_items

_CLAUSE: Final = re.compile(r"%(?:(%)|(?:\.(\d{1,9}))?([a-zA-Z])|)", re.ASCII)
_PRECISION_MAX: Final = 1_000


@function(
    "format", "string.(list(dyn)) -> string",
    group="Text", doc="Values put into a text: %s anything, %d whole numbers, %.2f and %e doubles, %x %X %o %b other "
    "bases, %% a percent sign.",
    example="'%s is %d'.format(['x', 1]) == 'x is 1'",
)  # fmt: skip
def formatted(text: str, values: list[Any]) -> str:
    """The text with its clauses filled."""
    out: list[str] = []
    last = used = total = 0
    for m in _CLAUSE.finditer(text):
        out.append(text[last : m.start()])
        last = m.end()
        if m[1]:
            out.append("%")
            continue
        if m[3] is None:
            raise EvaluationError(
                "argument", f"format(): no clause at position {m.start()}; write %% for a percent sign"
            )
        if used >= len(values):
            raise EvaluationError("argument", f"format(): there are more clauses than the {len(values)} values")
        out.append(_clause(m[3], int(m[2]) if m[2] else None, values[used]))
        used += 1
        total += len(out[-1])
        if total > TEXT_MAX:
            raise EvaluationError("budget", f"the result would be longer than {TEXT_MAX}")
    return "".join([*out, text[last:]])


def _clause(letter: str, precision: int | None, value: Any) -> str:
    if precision is not None and (letter not in "fe" or precision > _PRECISION_MAX):
        raise EvaluationError("argument", f"format(): a precision cannot stand in %.{precision}{letter}")
    kind = kind_of(value)
    if letter == "s":
        return shown(value)
    if letter in "fe" and kind in {"int", "uint", "double"}:
        value = float(value)
        return (
            f"{value:.{6 if precision is None else precision}{letter}}" if math.isfinite(value) else number_text(value)
        )
    if letter == "d" and kind in {"int", "uint", "double"}:
        return str(int(value)) if kind != "double" else number_text(value)
    if letter in "xX":
        text = _hexadecimal(kind, value)
        return text.upper() if letter == "X" else text
    if letter in "bo" and (kind in {"int", "uint"} or (kind == "bool" and letter == "b")):
        return f"{int(value):{letter}}"
    if letter not in "dfexXbo":
        raise EvaluationError("argument", f"format(): there is no clause %{letter}; there are %s %d %f %e %x %X %o %b")
    raise EvaluationError("argument", f"format(): %{letter} does not take a {kind}")


def _hexadecimal(kind: str, value: Any) -> str:
    if kind in {"int", "uint"}:
        return f"{int(value):x}"
    if kind == "string":
        return value.encode().hex()  # type: ignore[no-any-return]
    if kind == "bytes":
        return value.hex()  # type: ignore[no-any-return]
    raise EvaluationError("argument", f"format(): %x does not take a {kind}")


def shown(value: Any) -> str:
    """A value as %s writes it."""
    kind = kind_of(value)
    if kind == "null":
        return "null"
    if kind == "list":
        return "[" + ", ".join(shown(v) for v in value) + "]"
    if kind == "map":
        return "{" + ", ".join(f"{k}: {v}" for k, v in sorted((shown(k), shown(v)) for k, v in map_items(value))) + "}"
    if kind == "type":
        return str(value)
    if kind == "bytes":
        return value.decode("utf-8", "replace")  # type: ignore[no-any-return]
    if kind == "optional":
        raise EvaluationError("argument", "format(): %s does not take an optional")
    return to_string(value)
