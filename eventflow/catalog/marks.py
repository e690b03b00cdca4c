"""Where in the file a place inside a scalar's value lies: exact in plain, quoted and literal ones, a line in folded."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from eventflow.catalog.document import Document
    from eventflow.catalog.nodes import Scalar

_ESCAPE: Final = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)")


def place(doc: Document, node: Scalar, line: int, column: int) -> tuple[int, int]:
    """Line and column in the file of `line`, `column` (from 1) inside the scalar's value."""
    if node.style == "|":
        return _in_block(doc, node, line, column)
    if node.style == ">":
        return _in_folded(doc, node, line, column)
    written = doc.line(node.line)[node.column - 1 :]
    if line != 1:
        return node.line, node.column
    if not node.style:
        one_line = written.startswith(node.text)
        return (node.line, node.column + column - 1) if one_line else (node.line, node.column)
    at = _past(written, 1, column - 1, node.style)
    return (node.line, node.column + at) if at is not None else (node.line, node.column)


def _past(written: str, at: int, steps: int, quote: str) -> int | None:
    """The offset in the written text after so many characters of the value; None beyond the line's end."""
    for _ in range(steps):
        if at >= len(written):
            return None
        if quote == '"' and (found := _ESCAPE.match(written, at)) is not None:
            at = found.end()
        elif quote == "'" and written.startswith("''", at):
            at += 2
        else:
            at += 1
    return at if at < len(written) else None


def _in_block(doc: Document, node: Scalar, line: int, column: int) -> tuple[int, int]:
    first = node.text.split("\n", 1)[0]
    number = node.line + line
    start = doc.line(node.line + 1)
    indent = len(start) - len(start.lstrip(" ")) if not first[:1].isspace() else start.find(first)
    return number, max(indent, 0) + column


def _in_folded(doc: Document, node: Scalar, line: int, column: int) -> tuple[int, int]:
    """Each written line stands for its text and a space; the value's own line breaks are blank lines before."""
    lines = node.text.split("\n")
    wanted = sum(len(one) + 1 for one in lines[: line - 1]) + column - 1
    number, read = node.line + 1, 0
    while number < node.line + len(node.text) + 2:
        written = doc.line(number).strip()
        if wanted < read + len(written) + 1:
            return number, doc.line(number).find(written) + 1 + min(max(wanted - read, 0), len(written))
        read += len(written) + 1
        number += 1
    return node.line, node.column
