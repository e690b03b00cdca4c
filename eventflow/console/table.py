"""Finds the operation for a method and a path, by the path as it came.

`//`, `/./`, `%2e`, a trailing slash or another case make it another path: who may do what is a property of the
operation, so no look-alike may lead to one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from eventflow.console.routes import ROUTES, Operation, full_path
from eventflow.web.problems import refused

if TYPE_CHECKING:
    from collections.abc import Iterable


class Table:
    """Operations by the shape of their path."""

    def __init__(self, operations: Iterable[Operation] = ROUTES) -> None:
        """Two of one method and shape are a mistake."""
        self._shapes: dict[tuple[str, ...], dict[str, Operation]] = {}
        for operation in operations:
            shape = tuple("{" if part.startswith("{") else part for part in full_path(operation).split("/"))
            methods = self._shapes.setdefault(shape, {})
            if operation.method in methods:
                raise ValueError(f"two operations for {operation.method} {operation.path}")
            methods[operation.method] = operation

    def find(self, method: str, raw_path: str) -> tuple[Operation, dict[str, str]]:
        """The operation and the path's values, percent-decoded after the split. Raises `Refused` (404, 405)."""
        segments = raw_path.partition("?")[0].split("/")
        methods = self._methods(segments)
        operation = methods.get(method) or (methods.get("GET") if method == "HEAD" else None)
        if operation is None:
            allowed = ", ".join(sorted(methods))
            raise refused("method", f"this path takes {allowed}", headers={"Allow": allowed})
        named = zip(full_path(operation).split("/"), segments, strict=True)
        return operation, {part[1:-1]: unquote(given) for part, given in named if part.startswith("{")}

    def _methods(self, segments: list[str]) -> dict[str, Operation]:
        for shape, methods in self._shapes.items():
            if len(shape) == len(segments) and all(
                part == given or (part == "{" and given) for part, given in zip(shape, segments, strict=True)
            ):
                return methods
        raise refused("not-found", "there is nothing at this path; the API is described at /api/openapi.json")
