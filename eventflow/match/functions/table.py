"""The one table of functions: the evaluators call from it, the checker types from it, the reference page is made of it.

A function declares its overloads as text (`"string.(string, int) -> string"`: receiver, arguments, result) beside its
Python body, with a sentence and an example; the examples are run by a test.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from msgspec import Struct

from eventflow.match.problems import EvaluationError
from eventflow.match.values import kind_of

F = TypeVar("F", bound=Callable[..., Any])


class Overload(Struct, frozen=True):
    """One signature. params are type texts, the receiver first when there is one."""

    params: tuple[str, ...]
    result: str
    run: Callable[..., Any]


class Entry(Struct, frozen=True):
    """A line of the reference: what a function is for and how it is used."""

    name: str
    group: str
    signatures: tuple[str, ...]
    doc: str
    example: str


class Overloads:
    """All overloads of one name and form (function or method); finds the one for given values."""

    __slots__ = ("found", "items", "method", "name")

    def __init__(self, name: str, *, method: bool) -> None:
        self.name = name
        self.method = method
        self.items: list[Overload] = []
        self.found: dict[tuple[str, ...], Callable[..., Any]] = {}

    def add(self, overload: Overload) -> None:
        """Take one more; the first that fits wins."""
        self.items.append(overload)

    def call(self, args: list[Any]) -> Any:
        """The function's value. Raises EvaluationError, without a place."""
        kinds = tuple([kind_of(a) for a in args])
        run = self.found.get(kinds)
        if run is None:
            run = self.found[kinds] = self._choose(kinds)
        return run(*args)

    def _choose(self, kinds: tuple[str, ...]) -> Callable[..., Any]:
        for one in self.items:
            if len(one.params) == len(kinds) and all(fits(p, k) for p, k in zip(one.params, kinds, strict=True)):
                return one.run
        shown = " and ".join(kinds) or "no arguments"
        message = f"{self.name}() does not work on {shown}; it takes {self.usage()}"

        def refuse(*_: object) -> Any:
            raise EvaluationError("type", message)

        return refuse

    def usage(self) -> str:
        """The signatures, for messages."""
        return " or ".join(dict.fromkeys(shape(self.name, one.params, method=self.method) for one in self.items))


def shape(name: str, params: tuple[str, ...], *, method: bool) -> str:
    """How a call looks: `string.startsWith(string)`."""
    params = tuple(p.partition("(")[0] for p in params)
    if method:
        return f"{params[0]}.{name}({', '.join(params[1:])})"
    return f"{name}({', '.join(params)})"


def fits(param: str, kind: str) -> bool:
    """Whether a value of this kind may stand for a parameter of this type text."""
    head = param.partition("(")[0]
    return head in (kind, "dyn") or len(head) == 1


FUNCTIONS: Final[dict[str, Overloads]] = {}
METHODS: Final[dict[str, Overloads]] = {}
ENTRIES: Final[list[Entry]] = []


def function(name: str, *signatures: str, group: str, doc: str = "", example: str = "") -> Callable[[F], F]:
    """Put a Python function into the table under these signatures; a doc makes it a line of the reference."""

    def put(run: F) -> F:
        for text in signatures:
            left, _, result = text.partition(" -> ")
            receiver, _, args = left.partition("(")
            params = tuple(split(args[:-1]))
            method = receiver.endswith(".")
            if method:
                params = (receiver[:-1].replace("<", "(").replace(">", ")"), *params)
            table = METHODS if method else FUNCTIONS
            if name not in table:
                table[name] = Overloads(name, method=method)
            table[name].add(Overload(params, result, run))
        if doc:
            ENTRIES.append(Entry(name, group, tuple(signatures), doc, example))
        return run

    return put


def split(args: str) -> list[str]:
    """Type texts at the commas outside of parentheses."""
    out: list[str] = []
    depth = 0
    part = ""
    for c in args:
        depth += (c == "(") - (c == ")")
        if c == "," and not depth:
            out.append(part.strip())
            part = ""
        else:
            part += c
    return [*out, part.strip()] if part.strip() else out
