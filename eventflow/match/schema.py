"""The shape of a value as far as it is known at load: what the checker holds an expression against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct


class Schema(Struct, frozen=True):
    """kind: dyn, null, bool, int, uint, double, number (int or double), string, bytes, list, map, timestamp, duration,
    optional, type, ip, cidr.

    fields: the known fields of a map; `closed` says that it has no others. element: what a list or an open map holds.
    enum: the only values there are. A field that may be absent is listed all the same: absence is a matter of run time.
    """

    kind: str = "dyn"
    fields: dict[str, Schema] = {}
    closed: bool = False
    element: Schema | None = None
    enum: tuple[Any, ...] = ()

    @classmethod
    def of(cls, shape: Any) -> Schema:
        """A schema of shorthand: a kind's name; `{field: shape}` (closed; with the key `...` open); `[shape]` for a
        list; a set of texts for the only values; a Schema.
        """
        if isinstance(shape, Schema):
            return shape
        if isinstance(shape, str):
            return cls(shape)
        if isinstance(shape, Mapping):
            fields = {k: cls.of(v) for k, v in shape.items() if k != "..."}
            return cls("map", fields, closed="..." not in shape)
        if isinstance(shape, (set, frozenset)):
            return cls("string", enum=tuple(sorted(shape)))
        if isinstance(shape, (list, tuple)):
            return cls("list", element=cls.of(shape[0]) if shape else None)
        return cls()


DYN: Final = Schema()
BOOL: Final = Schema("bool")
ATTRIBUTES: Final = Schema.of(
    {
        "id": "string", "source": "string", "type": "string", "kind": "dyn", "subject": "dyn", "time": "timestamp",
        "data": "dyn", "body": "dyn", "...": "dyn",
    }
)  # fmt: skip
"""What every event has; extension attributes may come to it."""
INSIDE_DATA: Final = frozenset(
    (
        "labels", "annotations", "severity", "service", "name", "branch", "tag", "repository", "ref", "commits",
        "changed",
        "sender", "action", "number", "title", "base", "merged", "draft", "fingerprint", "group", "starts", "ends",
        "value",
        "host", "status", "message", "url", "text", "user", "channel", "command", "env", "team",
    )
)  # fmt: skip
"""Fields of the normalised shapes, which lie in `data`: people forget the `data`."""
