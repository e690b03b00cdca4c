"""Closed mappings and lists: what keys there are, read all at once, each unknown one named with a suggestion.

A `Shape` is also what the reference and the JSON Schema for editors are made from.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from eventflow.catalog.kinds import INVALID, Kind, shown
from eventflow.catalog.nodes import Mapping, Node, Scalar, Sequence
from eventflow.catalog.spelling import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping as Map

    from eventflow.catalog.document import Document


class Key:
    """One key of a shape. `needed`: must be there. `later`: known and not run yet (E900); a text is its full name."""

    __slots__ = ("about", "kind", "later", "needed")

    def __init__(self, kind: Kind, about: str, *, needed: bool = False, later: bool | str = False) -> None:
        self.kind = kind
        self.about = about
        self.needed = needed
        self.later = later


class Fields:
    """What a mapping held: the values that could be read, and the nodes of all keys that were written."""

    __slots__ = ("node", "values")

    def __init__(self, node: Mapping, values: dict[str, Any]) -> None:
        self.node = node
        self.values = values

    def get(self, key: str, default: Any = None) -> Any:
        """The value, or the default where there is none or it could not be read."""
        return self.values.get(key, default)

    def given(self, *keys: str) -> list[str]:
        """Those of the keys that were written, readable or not, in the document's order."""
        return [key for key in self.node.values if key in keys]

    def at(self, key: str) -> Node:
        """The node of a key's value, or of the mapping."""
        return self.node.values.get(key, self.node)

    def of(self, key: str) -> Node:
        """The node of the key itself, or of the mapping."""
        return self.node.keys.get(key, self.node)


class Shape(Kind):
    """A mapping with these keys and no others. `hints` say where a known but misplaced key belongs."""

    def __init__(
        self,
        name: str,
        keys: dict[str, Key],
        *,
        about: str = "",
        example: str = "",
        hints: Map[str, str] | None = None,
        build: Callable[[Document, Fields], Any] | None = None,
    ) -> None:
        self.name = name
        self.keys = keys
        self.about = about
        self.example = example
        self.hints = dict(hints or {})
        self.build = build
        self.says = f"a mapping ({name})"
        self.wanted = [key for key, field in keys.items() if field.needed]

    def read(self, doc: Document, node: Node) -> Any:
        """The built value where the shape has a builder, else `Fields`; `INVALID` for what is no mapping."""
        fields = self.fields(doc, node)
        return fields if fields is INVALID or self.build is None else self.build(doc, fields)

    def fields(self, doc: Document, node: Node) -> Any:
        """The fields of a mapping; nothing at all counts as an empty one."""
        if isinstance(node, Scalar) and node.value is None and not node.style:
            node = Mapping(node.line, node.column)
        if not isinstance(node, Mapping):
            dashes = " without the dashes" if isinstance(node, Sequence) else ""
            return self.wrong(doc, node, f"write {self.example}{dashes}" if self.example else "")
        values: dict[str, Any] = {}
        meant = ""
        for name, value in node.values.items():
            field = self.keys.get(name)
            if field is None:
                meant += self.unknown(doc, node.keys[name], name)
                continue
            if field.later:
                not_yet(doc, node.keys[name], name if field.later is True else field.later)
            read = field.kind.read(doc, value)
            if read is not INVALID:
                values[name] = read
        for name in self.wanted:
            if name not in node.values and f"'{name}'" not in meant:  # a misspelt one is told already
                doc.report("E202", node, f"{self.name} needs '{name}'", f"add {name}: …, {self.keys[name].about}")
        return Fields(node, values)

    def unknown(self, doc: Document, key: Scalar, name: str) -> str:
        """Note a key that is not known here; the advice, which may name the key that was meant."""
        advice = self.hints.get(name) or did_you_mean(name, self.keys)
        doc.report("E201", key, f"{self.name} has no key {shown(key)}", advice)
        return "" if advice.startswith("there are") else advice

    def schema(self) -> dict[str, Any]:
        """JSON Schema."""
        said = {k: f.about + (" (not run yet)" if f.later else "") for k, f in self.keys.items()}
        properties = {k: f.kind.schema() | {"description": said[k]} for k, f in self.keys.items()}
        kind = "object" if self.wanted else ["object", "null"]  # no value at all is an empty mapping
        out: dict[str, Any] = {"type": kind, "additionalProperties": False, "properties": properties}
        return out | ({"required": self.wanted} if self.wanted else {})


class ListOf(Kind):
    """A list; with `or_one` a single value counts as a list of one. `least` is how many there must be."""

    def __init__(self, kind: Kind, *, or_one: bool = False, least: int = 0, most: int = 10_000) -> None:
        self.kind, self.or_one, self.least, self.most = kind, or_one, least, most
        many = f"a list of {kind.name}s" if isinstance(kind, Shape) else f"a list, each entry {kind.says}"
        self.says = ("a list" if kind.says == "any value" else many) + (", or one" if or_one else "")

    def read(self, doc: Document, node: Node) -> Any:
        """A tuple of what could be read."""
        if not isinstance(node, Sequence):
            if self.or_one and not (isinstance(node, Scalar) and node.value is None):
                one = self.kind.read(doc, node)
                return INVALID if one is INVALID else (one,)
            return self.wrong(doc, node, self.as_list(node))
        if not self.least <= len(node.items) <= self.most:
            bound = f"at least {self.least}" if len(node.items) < self.least else f"at most {self.most}"
            doc.report("E205", node, f"the list has {len(node.items)} entries, {bound} are allowed")
        read = [self.kind.read(doc, item) for item in node.items]
        return tuple(item for item in read if item is not INVALID)

    def as_list(self, node: Node) -> str:
        """How the value would be written as a list."""
        if isinstance(self.kind, Shape):
            return f"write '- {next(iter(self.kind.keys))}: …' for each"
        if not isinstance(node, Scalar) or not isinstance(node.value, str):
            return ""
        words = [word for word in re.split(r"\s*[|,;]\s*", node.text) if word]
        return f"write [{', '.join(words)}]" if len(words) > 1 else f"write [{shown(node)}]"

    def schema(self) -> dict[str, Any]:
        """JSON Schema."""
        several = {"type": "array", "items": self.kind.schema()}
        return {"anyOf": [self.kind.schema(), several]} if self.or_one else several


class MapOf(Kind):
    """A mapping with free keys; `names`, if given, reads the keys (a `Text` with a pattern)."""

    def __init__(self, kind: Kind, *, names: Kind | None = None, says: str = "", example: str = "") -> None:
        self.kind, self.names = kind, names
        inner = f"{kind.name}s" if isinstance(kind, Shape) else kind.says
        self.says = says or f"a mapping of names to {inner}"
        inner = f"NAME: {kind.example}" if isinstance(kind, Shape) and kind.example else "NAME: …"
        self.example = example or f"{inner}, one name or several"

    def read(self, doc: Document, node: Node) -> Any:
        """A dict of what could be read."""
        if isinstance(node, Scalar) and node.value is None and not node.style:
            return {}
        if not isinstance(node, Mapping):
            return self.wrong(doc, node, f"write {self.example}")
        out: dict[str, Any] = {}
        for name, value in node.values.items():
            if self.names is not None:
                key = node.keys[name]
                self.names.read(doc, Scalar(key.line, key.column, key.text, key.text, key.style))
            read = self.kind.read(doc, value)
            if read is not INVALID:
                out[name] = read
        return out

    def schema(self) -> dict[str, Any]:
        """JSON Schema."""
        names = {"propertyNames": self.names.schema()} if self.names is not None else {}
        return {"type": ["object", "null"], "additionalProperties": self.kind.schema()} | names


class EitherOf(Kind):
    """One kind for scalars, another for everything else."""

    def __init__(self, scalar: Kind, other: Kind) -> None:
        self.scalar, self.other = scalar, other
        self.says = f"{scalar.says}, or {other.says}"

    def read(self, doc: Document, node: Node) -> Any:
        """Whichever fits."""
        return (self.scalar if isinstance(node, Scalar) else self.other).read(doc, node)

    def schema(self) -> dict[str, Any]:
        """JSON Schema."""
        return {"anyOf": [self.scalar.schema(), self.other.schema()]}


def not_yet(doc: Document, at: Node, what: str) -> None:
    """Note something that the format knows and the engine does not run yet."""
    doc.report("E900", at, f"'{what}' cannot be run by this version yet", "the workflow is not activated with it")
