"""One request as a handler sees it: the house, path names, query, body, and who asks. Answers are plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from eventflow.web.limits import Limits, read_body
from eventflow.web.problems import refused

if TYPE_CHECKING:
    from aiohttp import web

    from eventflow.console.house import House

PAGE = 50
PAGE_MOST = 200


class Call:
    """What is asked. Everything wrong with it is a `Refused` with place and advice."""

    def __init__(
        self,
        house: House,
        request: web.BaseRequest,
        values: dict[str, str],
        by: str,
        known: frozenset[str],
        limits: Limits,
    ) -> None:
        """`values` are the path's, `by` names who asks, for the record; `known` are the route's query names."""
        self.house = house
        self.request = request
        self.by = by
        self._values = values
        self._limits = limits
        unknown = sorted(set(request.query) - known)
        if unknown:
            listed = ", ".join(sorted(known)) or "none"
            raise refused("invalid", f"unknown query parameter {unknown[0]!r}; there are: {listed}")

    def path(self, name: str) -> str:
        """A name out of the path."""
        return self._values[name]

    def query(self, name: str) -> str | None:
        """A query parameter."""
        return self.request.query.get(name)

    @property
    def limit(self) -> int:
        """How many items a page may have."""
        text = self.query("limit")
        if text is None:
            return PAGE
        if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= PAGE_MOST:
            raise refused("invalid", f"limit must be a number from 1 to {PAGE_MOST}")
        return int(text)

    async def body(self, known: dict[str, type]) -> dict[str, Any]:
        """The JSON object sent, with known fields of the right types; an empty body is an empty object."""
        raw = await read_body(self.request, self._limits, self._limits.body)
        if not raw.strip():
            return {}
        try:
            found = msgspec.json.decode(raw)
        except msgspec.DecodeError as error:
            raise refused("malformed", f"the body is not JSON: {error}") from None
        if not isinstance(found, dict):
            raise refused("invalid", "the body must be a JSON object")
        for name, value in found.items():
            if name not in known:
                raise refused("invalid", f"unknown field {name!r}; there are: {', '.join(known) or 'none'}")
            if not isinstance(value, known[name]) or isinstance(value, bool):
                raise refused("invalid", f"field {name!r} must be a {_WORDS[known[name]]}")
        return found


_WORDS = {str: "text", dict: "JSON object", int: "whole number"}


def page(items: list[Any], next_: str | None) -> dict[str, Any]:
    """A page of a list."""
    return {"items": items, "next": next_}
