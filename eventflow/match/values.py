"""The values that CEL knows and Python does not, and the names of the kinds of all values.

A CEL value is a plain Python value wherever that loses nothing: None, bool, int, float, str, bytes, list, dict, an
aware `datetime` for a timestamp and a `timedelta` for a duration. Own classes exist for what would be lost: unsigned
integers, instants and spans with nanoseconds below the microsecond, maps that hold both `true` and `1` as keys, types,
optionals, addresses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

INT_MIN: Final = -(2**63)
INT_MAX: Final = 2**63 - 1
UINT_MAX: Final = 2**64 - 1


class Uint(int):
    """An unsigned 64-bit integer; equal to the int of the same value, as the standard wants, but another kind."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{int(self)}u"


class Type(str):
    """The name of a type as a value: what `type(x)` gives."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"type {self!s}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Type) and str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


class Optional:
    """A value or its absence: `optional.of(x)`, `optional.none()`, `a.?b`."""

    __slots__ = ("present", "value")

    def __init__(self, value: object, *, present: bool = True) -> None:
        self.value = value
        self.present = present

    def __repr__(self) -> str:
        return f"optional.of({self.value!r})" if self.present else "optional.none()"


NONE: Final = Optional(None, present=False)


class BoolKey:
    """`true` or `false` as a key of a BoolMap, where Python would take them for 1 and 0."""

    __slots__ = ("value",)

    def __init__(self, value: bool) -> None:  # noqa: FBT001 - it is the value
        self.value = value

    def __repr__(self) -> str:
        return repr(self.value)


KEYS: Final = {True: BoolKey(True), False: BoolKey(False)}


class BoolMap(dict[Any, Any]):
    """A map made by an expression that has a boolean key; its boolean keys are kept as BoolKey."""

    __slots__ = ()


EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO: Final = timedelta(microseconds=1)
TIME_MIN: Final = -62135596800 * 10**9
TIME_MAX: Final = 253402300800 * 10**9 - 1


class Instant:
    """A timestamp with nanoseconds that a datetime cannot hold: nanoseconds since 1970, UTC."""

    __slots__ = ("nanos",)

    def __init__(self, nanos: int) -> None:
        self.nanos = nanos

    def __repr__(self) -> str:
        return f"Instant({self.nanos})"


class Span:
    """A duration with nanoseconds that a timedelta cannot hold."""

    __slots__ = ("nanos",)

    def __init__(self, nanos: int) -> None:
        self.nanos = nanos

    def __repr__(self) -> str:
        return f"Span({self.nanos})"


def instant(nanos: int) -> datetime | Instant:
    """A timestamp of so many nanoseconds since 1970; the caller has checked TIME_MIN and TIME_MAX."""
    micros, rest = divmod(nanos, 1000)
    return Instant(nanos) if rest else EPOCH + timedelta(microseconds=micros)


def span(nanos: int) -> timedelta | Span:
    """A duration of so many nanoseconds."""
    micros, rest = divmod(nanos, 1000)
    return Span(nanos) if rest else timedelta(microseconds=micros)


def nanos_of(value: Any) -> int:
    """Nanoseconds of a timestamp (since 1970) or of a duration."""
    kind = value.__class__
    if kind is Instant or kind is Span:
        return value.nanos  # type: ignore[no-any-return]
    if isinstance(value, timedelta):
        return int(value // _MICRO) * 1000
    if value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    return int((value - EPOCH) // _MICRO) * 1000


_KINDS: Final[dict[type, str]] = {
    type(None): "null", bool: "bool", int: "int", Uint: "uint", float: "double", str: "string", bytes: "bytes",
    list: "list", tuple: "list", dict: "map", BoolMap: "map", datetime: "timestamp", Instant: "timestamp",
    timedelta: "duration", Span: "duration", Type: "type", Optional: "optional",
}  # fmt: skip


def kind_of(value: object) -> str:
    """The name of a value's kind. Anything that is a mapping counts as a map, so that a decoded event needs no copy."""
    cls = value.__class__
    kind = _KINDS.get(cls)
    return kind if kind is not None else _learn(cls)


def register_kind(cls: type, kind: str) -> None:
    """Make a class known as a kind; for values that live in a file of their own, such as addresses."""
    _KINDS[cls] = kind


def _learn(cls: type) -> str:
    for base, kind in (
        (bool, "bool"), (int, "int"), (float, "double"), (str, "string"), (bytes, "bytes"), (Mapping, "map"),
        (list, "list"), (tuple, "list"), (datetime, "timestamp"), (timedelta, "duration"),
    ):  # fmt: skip
        if issubclass(cls, base):
            _KINDS[cls] = kind
            return kind
    return cls.__name__


def make_map(pairs: Iterable[tuple[object, object]]) -> dict[Any, Any]:
    """A map of these pairs, boolean keys kept apart from 0 and 1."""
    pairs = list(pairs)
    if any(key.__class__ is bool for key, _ in pairs):
        return BoolMap((KEYS[key] if key.__class__ is bool else key, value) for key, value in pairs)
    return dict(pairs)


def map_keys(value: Mapping[Any, Any]) -> list[Any]:
    """The keys as values."""
    if value.__class__ is BoolMap:
        return [key.value if key.__class__ is BoolKey else key for key in value]
    return list(value)


def map_items(value: Mapping[Any, Any]) -> list[tuple[Any, Any]]:
    """Key and value pairs, keys as values."""
    return list(zip(map_keys(value), value.values(), strict=True))


MISSING: Final = object()
_CONFUSED: Final = (0, 1)


def map_get(value: Mapping[Any, Any], key: Any) -> Any:
    """The value under a key, or MISSING. 1, 1u and 1.0 are one key; true is none of them."""
    cls = key.__class__
    if cls is str:
        return value.get(key, MISSING)
    if cls is bool:
        if value.__class__ is BoolMap:
            return value.get(KEYS[key], MISSING)
        return next((v for k, v in value.items() if k is key), MISSING)
    if cls is int or cls is Uint or cls is float:
        if key in _CONFUSED and value.__class__ is not BoolMap and key in value:
            return next((v for k, v in value.items() if k == key and k.__class__ is not bool), MISSING)
        return value.get(key, MISSING)
    return MISSING


def plain(value: object) -> object:
    """The value as Python and JSON know it: own classes inside lists and maps undone, map keys as they are written."""
    kind = kind_of(value)
    if kind == "map":
        return {k: plain(v) for k, v in map_items(value)}  # type: ignore[arg-type]
    if kind == "list":
        return [plain(v) for v in value]  # type: ignore[attr-defined]
    if kind == "uint":
        return int(value)  # type: ignore[call-overload]
    if kind == "optional":
        return plain(value.value) if value.present else None  # type: ignore[attr-defined]
    return value
