"""What a request may carry: one table for the check at the door, the OpenAPI document and the reference."""

from __future__ import annotations

from typing import Any, Final

import msgspec

PAGE: Final = 50
PAGE_MOST: Final = 200
WAIT_MOST: Final = 30
TEXT_MOST: Final = 2_000


class Field(msgspec.Struct, frozen=True):
    """A field of a JSON body or a query parameter: its kind (str, int, dict), what it means, what it may be."""

    what: str
    kind: type = str
    choices: tuple[str, ...] = ()
    required: bool = False
    least: int = 0
    most: int | None = None

    def schema(self) -> dict[str, Any]:
        """As JSON Schema."""
        found: dict[str, Any] = {"type": {str: "string", int: "integer", dict: "object"}[self.kind]}
        found["description"] = self.what
        if self.choices:
            found["enum"] = list(self.choices)
        if self.kind is int:
            found["minimum"] = self.least
            if self.most is not None:
                found["maximum"] = self.most
        elif self.kind is str and not self.choices:
            found["maxLength"] = TEXT_MOST
        return found

    def trouble(self, value: Any) -> str:
        """What is wrong with a value, as the end of a sentence; empty: nothing."""
        if not isinstance(value, self.kind) or isinstance(value, bool):
            return f"must be a {_WORDS[self.kind]}"
        if self.choices and value not in self.choices:
            return f"must be one of {', '.join(self.choices)}"
        if isinstance(value, int) and not self.least <= value <= (self.most if self.most is not None else value):
            return f"must be a number from {self.least}" + (f" to {self.most}" if self.most is not None else " on")
        if isinstance(value, str) and len(value) > TEXT_MOST:
            return f"must have at most {TEXT_MOST} characters"
        return ""


_WORDS: Final = {str: "text", dict: "JSON object", int: "whole number"}

LIST: Final = {
    "limit": Field("items in a page", int, least=1, most=PAGE_MOST),
    "after": Field("the `next` of the page before"),
}
"""What every list takes."""
