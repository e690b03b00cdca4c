"""Calls that the emitted source does in a way of their own: tests of a text against a constant, size, get.

Each gives the source, or None where the general way must do. A text inside a loop must be short, because the exact
evaluator counts steps for a long one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from eventflow.match import fast
from eventflow.match.fold import folded
from eventflow.match.functions.own import glob_pattern, is_glob
from eventflow.match.functions.texts import pattern
from eventflow.match.problems import EvaluationError
from eventflow.match.syntax import Call, children

if TYPE_CHECKING:
    from collections.abc import Callable

    from eventflow.match.emit import Emitter

BOOLEAN: Final = frozenset(("startsWith", "endsWith", "contains", "matches", "glob", "at_least"))
"""Those whose value is sure to be true or false."""


def _subject(emitter: Emitter, node: Call) -> tuple[str, Any]:
    """The first argument of a two-part call on event data, and the constant second one."""
    parts = children(node)
    if len(parts) != 2 or not emitter.data(parts[0]):
        return "", None
    first, value = parts[0], folded(parts[1])
    return (emitter.code(first), value) if value.__class__ is str else ("", None)


def _texts(emitter: Emitter, node: Call, test: str) -> str | None:
    """A test of a text against a constant; `{x}` is the text."""
    code, value = _subject(emitter, node)
    if not code:
        return None
    name = emitter.name()
    short = f" and len({name}) < 1024" if emitter.inside else ""
    return f"({test.format(x=name, c=repr(value))} if ({name} := {code}).__class__ is str{short} else R())"


def _starts_with(emitter: Emitter, node: Call) -> str | None:
    """Bounded by the constant, and no other kind of event data has the method with a text."""
    code, value = _subject(emitter, node)
    return f"{code}.startswith({value!r})" if code else None


def _ends_with(emitter: Emitter, node: Call) -> str | None:
    """As startsWith."""
    code, value = _subject(emitter, node)
    return f"{code}.endswith({value!r})" if code else None


def _contains(emitter: Emitter, node: Call) -> str | None:
    """Part of a text."""
    return _texts(emitter, node, "{c} in {x}")


def _matches(emitter: Emitter, node: Call) -> str | None:
    """A regular expression that is known at load."""
    value = _subject(emitter, node)[1]
    if value.__class__ is not str:
        return None
    try:
        search = emitter.constant(pattern(value).search)
    except EvaluationError:
        return None
    return _texts(emitter, node, search + "({x}) is not None")


def _glob(emitter: Emitter, node: Call) -> str | None:
    """A glob that is known at load."""
    value = _subject(emitter, node)[1]
    if value.__class__ is not str or len(value) > 1000:
        return None
    try:
        test = f"{emitter.constant(glob_pattern(value).match)}({{x}}) is not None" if is_glob(value) else "{x} == {c}"
    except EvaluationError:
        return None
    return _texts(emitter, node, test)


def _at_least(emitter: Emitter, node: Call) -> str | None:
    """A floor that is known at load: a table of the words."""
    code, value = _subject(emitter, node)
    return f"{emitter.constant(fast.reaching(value))}[{code}]" if code else None


def _size(emitter: Emitter, node: Call) -> str | None:
    """How many."""
    first = node.target if node.target is not None else node.args[0]
    if len(node.args) + (node.target is not None) != 1 or not emitter.data(first):
        return None
    return f"len({emitter.code(first)})"


def _get(emitter: Emitter, node: Call) -> str | None:
    """A path that is known at load."""
    if node.target is not None or len(node.args) < 2 or emitter.inside:
        return None
    way = folded(node.args[1])
    if way.__class__ is not str or any(part.isdecimal() for part in way.split(".")):
        return None
    default = emitter.code(node.args[2]) if len(node.args) == 3 else "None"
    root = emitter.name()
    known, tests = root, []
    for part in way.split("."):
        step = emitter.name()
        tests.append(f"({step} := {known}.get({part!r}, M)).__class__ is dict")
        known = step
    tests[0] = tests[0].replace(f"{root}.get", f"({root} := {emitter.code(node.args[0])}).get")
    tests[-1] = tests[-1].removesuffix(".__class__ is dict") + " is not M"
    slow = f"GET({root}, {emitter.constant(tuple(way.split('.')))}, {default})"
    return f"({known} if {' and '.join(tests)} else {slow})"


SPECIAL: Final[dict[str, Callable[[Emitter, Call], str | None]]] = {
    "startsWith": _starts_with,
    "endsWith": _ends_with,
    "contains": _contains,
    "matches": _matches,
    "glob": _glob,
    "at_least": _at_least,
    "size": _size,
    "get": _get,
}
