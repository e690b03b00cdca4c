"""Conversions between kinds, `type`, `dyn` and `size`: the functions of the standard that carry a type's name."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any, Final

from eventflow.match.functions.table import function
from eventflow.match.problems import EvaluationError
from eventflow.match.values import INT_MAX, INT_MIN, UINT_MAX, Type, Uint, kind_of, nanos_of

_GROUP: Final = "Conversions"
_TYPE_NAMES: Final = {
    "null": "null_type", "timestamp": "google.protobuf.Timestamp", "duration": "google.protobuf.Duration",
    "optional": "optional_type", "ip": "net.IP", "cidr": "net.CIDR",
}  # fmt: skip
_DECIMAL: Final = re.compile(r"[+-]?[0-9]+")
_DOUBLE: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_SPECIAL: Final = {"nan": "nan", "inf": "inf", "infinity": "inf"}
_TRUE: Final = frozenset(("1", "t", "true", "TRUE", "True"))
_FALSE: Final = frozenset(("0", "f", "false", "FALSE", "False"))


def _bad(text: object, kind: str) -> EvaluationError:
    shown = repr(text) if len(repr(text)) < 40 else repr(text)[:36] + "…"
    return EvaluationError("convert", f"{shown} is no {kind}")


@function("type", "(dyn) -> type", group=_GROUP, doc="The type of a value.", example="type(event.data.number) == int")
def type_of(value: Any) -> Type:
    """The type of a value, as a value."""
    kind = kind_of(value)
    return Type(_TYPE_NAMES.get(kind, kind))


@function(
    "dyn",
    "(A) -> dyn",
    group=_GROUP,
    doc="The same value; tells the checker not to judge its type.",
    example="dyn(1) != 'a'",
)
def dyn(value: Any) -> Any:
    """The value itself."""
    return value


@function(
    "int", "(int) -> int", "(uint) -> int", "(double) -> int", "(string) -> int", "(timestamp) -> int",
    group=_GROUP, doc="A whole number: of a text, of a double (cut off), of a time (seconds since 1970).",
    example="int('42') == 42",
)  # fmt: skip
def to_int(value: Any) -> int:
    """A 64-bit integer."""
    kind = kind_of(value)
    if kind == "double":
        if not -(2.0**63) < value < 2.0**63:
            raise EvaluationError("overflow", f"{value} does not fit into a 64-bit integer")
        return int(value)
    if kind == "string":
        if len(value) > 40 or not _DECIMAL.fullmatch(value):
            raise _bad(value, "whole number")
        value = int(value)
        if not INT_MIN <= value <= INT_MAX:
            raise EvaluationError("overflow", f"{value} does not fit into a 64-bit integer")
        return value  # type: ignore[no-any-return]
    if kind == "timestamp":
        return nanos_of(value) // 10**9
    if value > INT_MAX:
        raise EvaluationError("overflow", f"{int(value)} does not fit into a 64-bit integer")
    return int(value)


@function(
    "uint", "(uint) -> uint", "(int) -> uint", "(double) -> uint", "(string) -> uint",
    group=_GROUP, doc="An unsigned whole number.", example="uint(3) == 3u",
)  # fmt: skip
def to_uint(value: Any) -> Uint:
    """A 64-bit unsigned integer."""
    kind = kind_of(value)
    if kind == "string":
        if len(value) > 40 or not _DECIMAL.fullmatch(value) or value[0] in "+-":
            raise _bad(value, "unsigned number")
        number = int(value)
    elif kind == "double":
        if not -1.0 < value < 2.0**64 or value < 0:
            raise EvaluationError("overflow", f"{value} does not fit into an unsigned 64-bit integer")
        number = int(value)
    else:
        number = int(value)
    if not 0 <= number <= UINT_MAX:
        raise EvaluationError("overflow", f"{number} does not fit into an unsigned 64-bit integer")
    return Uint(number)


@function(
    "double", "(double) -> double", "(int) -> double", "(uint) -> double", "(string) -> double",
    group=_GROUP, doc="A floating-point number.", example="double('2.5') == 2.5",
)  # fmt: skip
def to_double(value: Any) -> float:
    """A double."""
    if value.__class__ is str:
        special = _SPECIAL.get(value.lower().lstrip("+-"))
        if special is not None:
            return float(("-" if value[0] == "-" else "") + special)
        if len(value) > 1000 or not _DOUBLE.fullmatch(value):
            raise _bad(value, "number")
    return float(value)


@function(
    "bool", "(bool) -> bool", "(string) -> bool",
    group=_GROUP, doc="true or false of a text such as 'true', 'T', '1', 'false'.", example="bool('true')",
)  # fmt: skip
def to_bool(value: Any) -> bool:
    """A truth."""
    if value.__class__ is bool:
        return value
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise _bad(value, "truth value")


@function(
    "bytes",
    "(bytes) -> bytes",
    "(string) -> bytes",
    group=_GROUP,
    doc="The UTF-8 bytes of a text.",
    example="size(bytes('é')) == 2",
)
def to_bytes(value: Any) -> bytes:
    """Bytes."""
    return value if value.__class__ is bytes else value.encode("utf-8", "surrogatepass")


@function(
    "string", "(string) -> string", "(int) -> string", "(uint) -> string", "(double) -> string", "(bool) -> string",
    "(bytes) -> string", "(timestamp) -> string", "(duration) -> string", "(ip) -> string", "(cidr) -> string",
    group=_GROUP, doc="The text of a number, truth value, time, duration, address or of UTF-8 bytes.",
    example="string(42) == '42'",
)  # fmt: skip
def to_string(value: Any) -> str:
    """Text."""
    kind = kind_of(value)
    if kind == "string":
        return value  # type: ignore[no-any-return]
    if kind == "bool":
        return "true" if value else "false"
    if kind == "double":
        return short_text(value)
    if kind == "bytes":
        try:
            return value.decode()  # type: ignore[no-any-return]
        except UnicodeDecodeError:
            raise EvaluationError("convert", "the bytes are not UTF-8 text") from None
    if kind in {"timestamp", "duration"}:
        from eventflow.match.functions.times import duration_text, timestamp_text

        return timestamp_text(value) if kind == "timestamp" else duration_text(value)
    return str(int(value)) if kind == "uint" else str(value)


def number_text(value: float) -> str:
    """A double in full digits, never with an exponent: what people expect inside text."""
    special = _not_finite(value)
    if special:
        return special
    text = repr(value)
    return format(Decimal(text), "f") if "e" in text else text.removesuffix(".0")


def short_text(value: float) -> str:
    """A double as the standard's string() writes it: shortest digits that read back, an exponent from 1e6 and below
    1e-4.
    """
    special = _not_finite(value)
    if special:
        return special
    sign, digits, exponent = Decimal(repr(value)).as_tuple()
    shown = "".join(map(str, digits)).rstrip("0") or "0"
    power = len(digits) + int(exponent) - 1 if value else 0
    if -5 < power < 6:
        return number_text(value)
    body = shown[0] + (f".{shown[1:]}" if len(shown) > 1 else "")
    return f"{'-' if sign else ''}{body}e{'-' if power < 0 else '+'}{abs(power):02d}"


def _not_finite(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return ("Infinity" if value > 0 else "-Infinity") if math.isinf(value) else ""


@function(
    "size", "(string) -> int", "(bytes) -> int", "(list(A)) -> int", "(map(A,B)) -> int",
    "string.() -> int", "bytes.() -> int", "list<A>.() -> int", "map<A,B>.() -> int",
    group="Lists and maps", doc="How many characters, bytes, elements or keys.", example="size('πέντε') == 5",
)  # fmt: skip
def size(value: Any) -> int:
    """How many."""
    return len(value)
