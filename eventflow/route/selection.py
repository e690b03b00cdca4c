"""The selectors of documents in the words of the predicate index: atoms, groups of alternatives, a program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eventflow import match
from eventflow.match import Atom, Env

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eventflow.model.workflow import Match, Selector

_SOURCES = (("sourcename",), ("sourcetype",), ("source",))
_NAMES = (("type",), ("kind",))


def entry(number: int, selector: Selector, constants: Mapping[str, Any]) -> match.Selector:
    """The selector as the index wants it; `constants` are the `vars` of its workflow. Raises `ExpressionError`."""
    groups = []
    if selector.source:
        groups.append(tuple(Atom(path, "glob", selector.source) for path in _SOURCES))
    if selector.event is not None and selector.event != "*":
        groups.append(tuple(Atom(path, "glob", selector.event) for path in _NAMES))
    atoms: list[Atom] = []
    for line in selector.match:
        alternatives = _atoms(line)
        if line.ignore or len(alternatives) == 1:
            atoms.extend(alternatives)
        else:
            groups.append(tuple(alternatives))
    program = match.compile(selector.filter, Env({"event": None}, {"vars": constants})) if selector.filter else None
    return match.Selector(number, tuple(atoms), tuple(groups), program)


def _atoms(line: Match) -> list[Atom]:
    """One atom for the texts, which may be globs, and one for everything else."""
    path = tuple(line.path.split("."))[1:]
    texts = tuple(value for value in line.values if isinstance(value, str))
    others = tuple(value for value in line.values if not isinstance(value, str))
    no = "not_" if line.ignore else ""
    atoms = [Atom(path, no + "glob", texts)] if texts else []
    return [*atoms, Atom(path, no + "in", others)] if others else atoms
