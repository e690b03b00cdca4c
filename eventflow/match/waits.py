"""What of a wait's filter can be decided without the run: the static part, the wait's key, and the rest (W20).

A `wait.event` filter sees the event that comes and the run that waits. The router knows only the event, the executor
only the run, so both must cut the same text in the same way and make the same text of a key; therefore it is done here.
Conjuncts that read the event alone are decided by the router. One that equates something of the event with something of
the run gives the wait's key: the router evaluates the event's side, the executor the run's. With anything else left, or
with a key (whose text form is coarser than CEL's equality), the executor evaluates the whole filter once more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from eventflow.match.lexer import tokens
from eventflow.match.parser import parse
from eventflow.match.program import unwrapped
from eventflow.match.syntax import Bind, Ident, Loop, walk

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENT_NAMES: Final = frozenset(("event", "vars"))
"""What the router can supply; every other name belongs to the run."""
RUN_WORDS: Final = frozenset(("loop",))
"""Names of the run that CEL reserves."""
_OPEN: Final = frozenset(("(", "[", "{", "[?", "{?"))
_LOOSER: Final = ("||", "&&", "?", "!=", "<", "<=", ">", ">=", "in")
_CLOSE: Final = frozenset((")", "]", "}"))


class WaitFilter(msgspec.Struct, frozen=True):
    """A wait's filter in parts, each CEL text or None.

    `static` is what the event alone decides. `event_side` and `run_side` are the two sides of the key's equation.
    `whole` is the full filter when the executor must look again.
    """

    static: str | None = None
    event_side: str | None = None
    run_side: str | None = None
    whole: str | None = None


def split(filter_text: str | None) -> WaitFilter:
    """Cut a wait's filter. Raises ExpressionError when it is none."""
    if filter_text is None or not filter_text.strip():
        return WaitFilter()
    text = unwrapped(filter_text)
    parse(text, own=RUN_WORDS)
    static: list[str] = []
    key: tuple[str, str] | None = None
    rest = False
    for term in _conjuncts(text):
        names = _names(term)
        if names <= EVENT_NAMES:
            static.append(term)
        elif key is None and (sides := _equation(term)) is not None:
            key = sides
        else:
            rest = True
    event_side, run_side = key or (None, None)
    return WaitFilter(
        static=" && ".join(f"({term})" for term in static) or None,
        event_side=event_side,
        run_side=run_side,
        whole=filter_text if rest or key is not None else None,
    )


def key_text(value: object) -> str:
    """A wait key as text; values that CEL calls equal have the same one (the reverse need not hold)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, int):
        return str(int(value))
    if value is None or isinstance(value, float):
        return repr(value)
    return value if isinstance(value, str) else str(value)


def _conjuncts(text: str) -> Iterator[str]:
    """The terms of the conjunction that the text is, brackets around a term taken off."""
    parts = _cut(text, "&&")
    if len(parts) > 1 and len(_cut(text, "||")) == 1 and len(_cut(text, "?")) == 1:
        for part in parts:
            yield from _conjuncts(part)
        return
    inner = _unbracketed(text)
    if inner is None:
        yield text.strip()
    else:
        yield from _conjuncts(inner)


def _equation(term: str) -> tuple[str, str] | None:
    """(the event's side, the run's side) of `a == b` with one of each."""
    sides = _cut(term, "==")
    if len(sides) != 2 or any(len(_cut(term, other)) > 1 for other in _LOOSER):
        return None
    left, right = (side.strip() for side in sides)
    for ours, theirs in ((left, right), (right, left)):
        names = _names(ours)
        if "event" in names and names <= EVENT_NAMES and not _names(theirs) & EVENT_NAMES:
            return ours, theirs
    return None


def _names(text: str) -> frozenset[str]:
    tree = parse(text, own=RUN_WORDS)
    bound: set[str] = set()
    used: set[str] = set()
    for node in walk(tree):
        if isinstance(node, Ident):
            used.add(node.name)
        elif isinstance(node, Loop):
            bound.update(node.names)
        elif isinstance(node, Bind):
            bound.add(node.name)
    return frozenset(used - bound)


def _cut(text: str, operator: str) -> list[str]:
    """The text cut at an operator that stands outside all brackets."""
    parts, start, depth = [], 0, 0
    for token in tokens(text):
        depth += (token.kind in _OPEN) - (token.kind in _CLOSE)
        if depth == 0 and (token.kind == operator or (token.kind == "name" and token.text == operator)):
            parts.append(text[start : token.start])
            start = token.end
    return [*parts, text[start:]]


def _unbracketed(text: str) -> str | None:
    """What stands inside when the whole text is one pair of round brackets."""
    found = [token for token in tokens(text) if token.text]
    if len(found) < 3 or found[0].kind != "(" or found[-1].kind != ")":
        return None
    depth = 0
    for token in found[:-1]:
        depth += (token.kind in _OPEN) - (token.kind in _CLOSE)
        if depth == 0:
            return None
    return text[found[0].end : found[-1].start]
