"""What can be wrong with an expression: at load (a list of problems with places) and at run time (one error with a
kind).

Both are kept apart from the code that finds them because catalogue, router, console and `explain` all read them: a
problem is for the person who wrote the document, an evaluation error is counted per trigger by its kind.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from eventflow.errors import EventflowError

# The kinds of evaluation errors, a closed list: they are names of counters and of reasons in `explain`.
KINDS: Final = {
    "absent": "a field or key is not there",
    "type": "an operation met types that it does not know",
    "not-bool": "a condition gave something else than true or false",
    "index": "a position outside a list",
    "divide": "division or modulus by zero",
    "overflow": "a number left its 64 bits",
    "range": "a time, duration or code point outside its range",
    "convert": "a text that is no number, time, duration, address …",
    "argument": "a function got a value it cannot work with",
    "pattern": "a regular expression that RE2 refuses",
    "key": "a map key twice, or of a kind that cannot be a key",
    "optional": "the value of an empty optional",
    "unbound": "a name that got no value",
    "budget": "the evaluation took more steps than one evaluation may",
}


class Problem(Struct, frozen=True):
    """One thing wrong in an expression.

    offset counts code points from 0, line and column from 1, all inside the expression's own text; whoever knows where
    the expression stands in a file adds that place. code is a number that is never reused, word its name for people.
    """

    offset: int
    line: int
    column: int
    code: str
    word: str
    message: str
    suggestion: str = ""
    length: int = 1

    def __str__(self) -> str:
        tail = f"; {self.suggestion}" if self.suggestion else ""
        return f"{self.line}:{self.column}  {self.code} {self.word}  {self.message}{tail}"


class ExpressionError(EventflowError):
    """An expression that cannot be used; carries every problem found in it."""

    def __init__(self, text: str, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(p) for p in problems))
        self.text = text
        self.problems = problems


class EvaluationError(EventflowError):
    """An evaluation that has no value. kind is one of KINDS; offset points into the expression's text, -1 while
    unknown.
    """

    def __init__(self, kind: str, message: str, offset: int = -1) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.offset = offset


def place(text: str, offset: int) -> tuple[int, int]:
    """Line and column, both from 1, of an offset in code points."""
    before = text[:offset]
    line = before.count("\n") + 1
    return line, offset - (before.rfind("\n") + 1) + 1


def problem(text: str, offset: int, code: str, message: str, suggestion: str = "", length: int = 1) -> Problem:
    """A Problem with its line and column worked out; code is 'E301 word'."""
    number, _, word = code.partition(" ")
    line, column = place(text, offset)
    return Problem(offset, line, column, number, word, message, suggestion, length)
