"""One document while it is read: its text, and every problem found in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from eventflow.catalog.problems import CODES, Problem, Severity, severity

if TYPE_CHECKING:
    from eventflow.catalog.fields import Fields
    from eventflow.catalog.nodes import Node, Scalar
    from eventflow.catalog.own import Start


_BREAK: Final = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""What the parser takes for the end of a line."""


class Expression(NamedTuple):
    """An expression or template found while reading, to be compiled when all names are known."""

    node: Scalar
    text: str
    place: str
    """Where it stands, which decides the names it may use: a key of `expressions.NAMES`."""
    scope: tuple[str, ...]
    template: bool
    expect: str = ""
    """The kind that its value must have: `bool` for a condition."""


class Document:
    """The text of a file, its name in messages, the problems so far, and the expressions still to be compiled.

    `scope` are the names that loops around the place being read bring in.
    """

    def __init__(self, file: str, text: str = "") -> None:
        self.file = file
        self.text = text
        self.problems: list[Problem] = []
        self.expressions: list[Expression] = []
        self.starts: list[Start] = []
        self.scope: tuple[str, ...] = ()
        self.tests: tuple[Fields, ...] = ()
        self._lines: list[str] | None = None

    def line(self, number: int) -> str:
        """A line of the text by its number from 1; nothing beyond the end."""
        if self._lines is None:
            self._lines = _BREAK.split(self.text)
        return self._lines[number - 1] if 0 < number <= len(self._lines) else ""

    def report(
        self,
        code: str,
        at: Node | tuple[int, int],
        message: str,
        suggestion: str = "",
        *,
        level: Severity | None = None,
    ) -> None:
        """Note a problem at a node or at (line, column)."""
        line, column = at if isinstance(at, tuple) else (at.line, at.column)
        source = self.line(line)[:200]
        word, grade = CODES[code].word, level or severity(code)
        self.problems.append(Problem(self.file, line, column, code, word, message, suggestion, grade, source))

    def take(self, problem: Problem) -> None:
        """Add a problem that somebody else has found."""
        self.problems.append(problem)

    @property
    def broken(self) -> bool:
        """Whether there is an error among the problems."""
        return any(problem.severity == "error" for problem in self.problems)
