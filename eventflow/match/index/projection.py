"""A decoder that reads of an event's CloudEvents JSON only what somebody asks for.

For the paths read it makes msgspec Structs, one per map on the way, whose leaves stay untyped; everything else is
skipped while decoding. An event of another shape (a text where a map was expected, `data_base64`, no time zone) is
decoded whole instead, so a projected event always says the same as the whole one: as `Event.view` shows it, with null
for an absent subject, kind or data, and `data` for an absent body.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final

import msgspec
from msgspec import UNSET, UnsetType

from eventflow.model.event import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_HIDDEN: Final = frozenset(("specversion", "datacontenttype", "dataschema", "data_base64"))
"""Attributes of the envelope that expressions do not see."""
_TEXTS: Final = frozenset(("id", "source", "type"))
_NULLS: Final = frozenset(("subject", "kind", "data"))
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Projected(msgspec.Struct, gc=False):
    """A decoded part of an event that reads like a mapping."""

    fields: ClassVar[dict[str, str]] = {}
    shape: ClassVar[Shape | None] = None
    """Of an event itself (not of the parts in it): what it was projected for."""

    def __getitem__(self, key: str) -> Any:
        value = getattr(self, self.fields[key])
        if value is UNSET:
            raise KeyError(key)
        return value

    def get(self, key: str, default: Any = None) -> Any:
        """As of a mapping."""
        name = self.fields.get(key)
        value = getattr(self, name) if name is not None else UNSET
        return default if value is UNSET else value

    def __contains__(self, key: object) -> bool:
        return self.get(key, UNSET) is not UNSET  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[str]:
        return (key for key in self.fields if key in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def keys(self) -> list[str]:
        """As of a mapping."""
        return list(self)

    def values(self) -> list[Any]:
        """As of a mapping."""
        return [self[key] for key in self]

    def items(self) -> list[tuple[str, Any]]:
        """As of a mapping."""
        return [(key, self[key]) for key in self]


Mapping.register(Projected)


class Part:
    """One map on the way: its class, and which attribute holds which key."""

    __slots__ = ("cls", "inner", "names", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.cls: type[Projected] = Projected
        self.names: dict[str, str] = {}
        self.inner: dict[str, Part] = {}


class Shape:
    """The structs for a set of paths (without "event"), and the decoder.

    sample: the JSON of one event. msgspec finds a field fastest where it comes in the order of the struct, so the
    fields are put into the order that events have.
    """

    def __init__(self, paths: Iterable[tuple[str, ...]], sample: bytes = b"{}") -> None:
        self.wanted = _shortest(paths)
        self.whole = () in self.wanted
        self.count = 0
        try:
            seen = msgspec.json.decode(sample)
        except msgspec.DecodeError:
            seen = None
        self.root = self._part(self.wanted, seen, top=True) if not self.whole else Part(0)
        if not self.whole:
            self.root.cls.shape = self

    def at(self, path: tuple[str, ...]) -> Part | None:
        """The map at a path, or None below the leaves."""
        part: Part | None = self.root
        for key in path:
            part = part.inner.get(key) if part is not None else None
        return part

    def covers(self, paths: Iterable[tuple[str, ...]]) -> bool:
        """Whether all of these paths are decoded."""
        return all(any(path[:n] in self.wanted for n in range(len(path) + 1)) for path in _shortest(paths))

    def _part(self, paths: set[tuple[str, ...]], seen: Any, *, top: bool = False) -> Part:
        part = Part(self.count)
        self.count += 1
        below: dict[str, set[tuple[str, ...]]] = {}
        for path in paths:
            below.setdefault(path[0], set()).add(path[1:])
        fields: list[tuple[str, Any, Any]] = []
        rename: dict[str, str] = {}
        place = {key: n for n, key in enumerate(seen)} if isinstance(seen, dict) else {}
        for key in sorted(below, key=lambda key: (place.get(key, len(place)), key)):
            if top and key in _HIDDEN:
                continue
            name = f"f{len(fields)}"
            kind: Any = Any
            if () not in below[key]:
                part.inner[key] = self._part(below[key], seen.get(key) if place else None)
                kind = part.inner[key].cls
            fields.append(_field(name, key, kind, top=top))
            part.names[key] = name
            rename[name] = key
        if top:
            fields.append(("base64", msgspec.Raw | UnsetType, UNSET))
            rename["base64"] = "data_base64"
        cls: Any = msgspec.defstruct(
            f"Part{part.number}",
            fields,
            bases=(Projected,),
            rename=rename,
            namespace={"fields": part.names},
            gc=False,
            kw_only=True,
        )
        part.cls = cls
        return part

    def reader(self) -> Callable[[bytes], Any]:
        """A function: bytes of one event -> the projected event. Raises what `model.event.decode` raises."""
        if self.whole:
            return lambda line: decode(line).view()
        strict = msgspec.json.Decoder(self.root.cls).decode
        body = self.root.names.get("body")
        data = self.root.names.get("data")

        def read(line: bytes) -> Any:
            try:
                event = strict(line)
            except msgspec.ValidationError:
                return decode(line).view()
            return event if event.base64 is UNSET else decode(line).view()  # type: ignore[attr-defined]

        if body is None or data is None:
            return read

        def read_with_body(line: bytes) -> Any:
            event = read(line)
            if event.__class__ is not dict and getattr(event, body) is None:
                setattr(event, body, getattr(event, data))
            return event

        return read_with_body


def _field(name: str, key: str, kind: Any, *, top: bool) -> tuple[str, Any, Any]:
    if not top:
        return name, kind | None | UnsetType if kind is not Any else Any, UNSET
    if key in _TEXTS:
        return name, str, msgspec.NODEFAULT
    if key == "time":
        return name, Annotated[datetime, msgspec.Meta(tz=True)], _EPOCH
    if key in _NULLS or key == "body":
        return name, kind | None if kind is not Any else Any, None
    return name, kind | UnsetType if kind is not Any else Any, UNSET


def _shortest(paths: Iterable[tuple[str, ...]]) -> set[tuple[str, ...]]:
    """Without paths that lie below others. Whoever reads the body may get the data instead, so both are taken whole."""
    found = set(paths)
    if any(path[:1] == ("body",) for path in found):
        found |= {("body",), ("data",)}
    return {p for p in found if not any(p[:n] in found for n in range(len(p)))}
