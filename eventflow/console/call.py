"""One request as a handler sees it: the house, path names, query, body, and who asks. Answers are plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from eventflow.console.asked import LIST, PAGE, Field
from eventflow.web.limits import Limits, read_body
from eventflow.web.problems import refused

if TYPE_CHECKING:
    from aiohttp import web

    from eventflow.console.house import House
    from eventflow.console.routes import Operation


class Call:
    """What is asked. Everything wrong with it is a `Refused` with place and advice."""

    def __init__(
        self, house: House, request: web.BaseRequest, operation: Operation, values: dict[str, str], by: str,
        limits: Limits,
    ) -> None:  # fmt: skip
        """`values` are the path's, `by` names who asks, for the record."""
        self.house = house
        self.request = request
        self.by = by
        self._fields = operation.body
        self._values = values
        self._limits = limits
        self._query = _query(request, operation.query | (LIST if operation.many else {}))

    def path(self, name: str) -> str:
        """A name out of the path."""
        return self._values[name]

    def query(self, name: str) -> str | None:
        """A query parameter that is text."""
        found = self._query.get(name)
        return found if found is None else str(found)

    def number(self, name: str, otherwise: int) -> int:
        """A query parameter that is a whole number."""
        return int(self._query.get(name, otherwise))

    @property
    def limit(self) -> int:
        """How many items a page may have."""
        return self.number("limit", PAGE)

    async def body(self) -> dict[str, Any]:
        """The JSON object sent, with the operation's fields of the right types; an empty body is an empty object."""
        raw = await read_body(self.request, self._limits, self._limits.body)
        found: Any = {}
        if raw.strip():
            try:
                found = msgspec.json.decode(raw)
            except msgspec.DecodeError as error:
                raise refused("malformed", f"the body is not JSON: {error}") from None
        if not isinstance(found, dict):
            raise refused("invalid", "the body must be a JSON object")
        for name, value in found.items():
            if name not in self._fields:
                raise refused("invalid", f"unknown field {name!r}; there are: {', '.join(self._fields) or 'none'}")
            if trouble := self._fields[name].trouble(value):
                raise refused("invalid", f"field {name!r} {trouble}")
        for name, field in self._fields.items():
            if field.required and name not in found:
                raise refused("invalid", f"field {name!r} is missing: {field.what}")
        return found


def _query(request: web.BaseRequest, known: dict[str, Field]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, text in request.query.items():
        field = known.get(name)
        if field is None:
            listed = ", ".join(sorted(known)) or "none"
            raise refused("invalid", f"unknown query parameter {name!r}; there are: {listed}")
        is_number = field.kind is int and text.isascii() and text.isdigit() and len(text) < 10
        value: Any = int(text) if is_number else text
        if trouble := field.trouble(value):
            raise refused("invalid", f"{name} {trouble}")
        found[name] = value
    return found


def page(items: list[Any], next_: str | None) -> dict[str, Any]:
    """A page of a list."""
    return {"items": items, "next": next_}
