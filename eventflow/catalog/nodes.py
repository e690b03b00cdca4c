"""Marked nodes: what a YAML document holds, each node with its place: lines and columns from 1, in code points."""

from __future__ import annotations

from typing import Any


class Node:
    """A place in a document with something at it."""

    __slots__ = ("column", "line")
    kind = "nothing"

    def __init__(self, line: int, column: int) -> None:
        self.line = line
        self.column = column

    def plain(self) -> Any:
        """The JSON value."""
        raise NotImplementedError


class Unread(Node):
    """A place whose value could not be read; the problem is already noted."""

    __slots__ = ()

    def plain(self) -> Any:
        """Nothing."""
        return None


class Scalar(Node):
    """A single value. `text` is what was written, `style` how: "" for unquoted, else `'`, `"`, `|` or `>`."""

    __slots__ = ("style", "text", "value")

    def __init__(self, line: int, column: int, text: str, value: Any, style: str) -> None:
        super().__init__(line, column)
        self.text = text
        self.value = value
        self.style = style

    @property
    def kind(self) -> str:  # type: ignore[override]
        """What it is, as a message says it."""
        if self.value is None:
            return "nothing"
        return {bool: "true or false", int: "a number", float: "a number"}.get(type(self.value), "text")

    def plain(self) -> Any:
        """The JSON value."""
        return self.value


class Sequence(Node):
    """A list."""

    __slots__ = ("items",)
    kind = "a list"

    def __init__(self, line: int, column: int) -> None:
        super().__init__(line, column)
        self.items: list[Node] = []

    def plain(self) -> Any:
        """The JSON value."""
        return [item.plain() for item in self.items]


class Mapping(Node):
    """Keys and their values; keys are always text, as written."""

    __slots__ = ("keys", "values")
    kind = "a mapping"

    def __init__(self, line: int, column: int) -> None:
        super().__init__(line, column)
        self.keys: dict[str, Scalar] = {}
        self.values: dict[str, Node] = {}

    def plain(self) -> Any:
        """The JSON value."""
        return {key: value.plain() for key, value in self.values.items()}
