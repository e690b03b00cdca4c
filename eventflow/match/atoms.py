"""Atoms: the conditions of a selector that an index can look up, and what they mean.

An atom looks at one path of the event (`("data", "branch")`, without a leading "event"). Unlike an expression it is
never an error: what is absent or of another kind does not fit, and the negated forms fit exactly where the plain ones
do not. Where the value is a list one fitting member is enough; a negated atom refuses a list only if every member fits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from eventflow.match.functions.own import glob
from eventflow.match.operators import NUMBERS, equal
from eventflow.match.program import Program
from eventflow.match.values import MISSING, kind_of, map_get

if TYPE_CHECKING:
    from collections.abc import Mapping

OPS: Final = frozenset(
    (
        "eq",
        "in",
        "glob",
        "prefix",
        "gt",
        "ge",
        "lt",
        "le",
        "present",
        "absent",
        "not_eq",
        "not_in",
        "not_glob",
        "not_prefix",
    )
)


class Atom(Struct, frozen=True):
    """path op value. value: a scalar for eq; a tuple for in; a text or a tuple of texts (any of them) for glob and
    prefix; a number or text for gt ge lt le; nothing for present and absent. A text without *, ? or [ in a glob is
    compared as it is.
    """

    path: tuple[str, ...]
    op: str
    value: Any = None


class Selector(Struct, frozen=True):
    """When a trigger wants an event: all atoms fit, of each group in `any_of` at least one atom fits, and the program
    (over `event`) is true. `id` is the caller's number for the trigger.
    """

    id: int
    atoms: tuple[Atom, ...] = ()
    any_of: tuple[tuple[Atom, ...], ...] = ()
    program: Program | None = None


def read(event: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    """What lies at a path of an event, or MISSING."""
    value: Any = event
    for part in path:
        if kind_of(value) != "map":
            return MISSING
        value = map_get(value, part)
        if value is MISSING:
            return MISSING
    return value


def fits(atom: Atom, value: Any) -> bool:
    """Whether a value (or MISSING) satisfies an atom."""
    op = atom.op
    if op == "present":
        return value is not MISSING and value is not None
    if op == "absent":
        return value is MISSING or value is None
    if op.startswith("not_"):
        if value.__class__ is list:
            return not value or not all(_one(op[4:], atom.value, member) for member in value)
        return not _one(op[4:], atom.value, value)
    if value.__class__ is list and op in {"eq", "in", "glob", "prefix"}:
        return any(_one(op, atom.value, member) for member in value)
    return _one(op, atom.value, value)


def _one(op: str, wanted: Any, value: Any) -> bool:
    if value is MISSING:
        return False
    if op == "eq":
        return equal(value, wanted)
    if op == "in":
        return any(equal(value, one) for one in wanted)
    if op in {"glob", "prefix"}:
        return value.__class__ is str and any(
            glob(value, one) if op == "glob" else value.startswith(one) for one in texts(wanted)
        )
    return _ordered(op, wanted, value)


def _ordered(op: str, wanted: Any, value: Any) -> bool:
    kind, other = kind_of(value), kind_of(wanted)
    if not ((kind in NUMBERS and other in NUMBERS) or (kind == other == "string")):
        return False
    if op == "gt":
        return bool(value > wanted)
    if op == "ge":
        return bool(value >= wanted)
    return bool(value < wanted) if op == "lt" else bool(value <= wanted)


def texts(wanted: Any) -> tuple[str, ...]:
    """The alternatives of a glob or prefix atom."""
    return (wanted,) if wanted.__class__ is str else tuple(wanted)


def selects(selector: Selector, event: Mapping[str, Any]) -> bool:
    """Whether the atoms and groups of a selector fit an event; the program is not asked."""
    return all(fits(a, read(event, a.path)) for a in selector.atoms) and all(
        any(fits(a, read(event, a.path)) for a in group) for group in selector.any_of
    )
