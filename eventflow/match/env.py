"""What an expression may name, and how big it may be: the environment it is compiled in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eventflow.match.schema import Schema


class Limits(Struct, frozen=True):
    """The bounds at load. `length` in code points; `nodes` counts a constant list as one; `loops` is how deep loops
    nest; `cost` is the static estimate of steps with loops over 100 elements; `steps` the budget of one evaluation.
    """

    length: int = 16_384
    nodes: int = 2_000
    depth: int = 64
    loops: int = 2
    cost: int = 200_000
    steps: int = 50_000


LIMITS: Final = Limits()


class Env:
    """names: what may be named, each with its schema or None (anything). A name may be qualified ("a.b").

    constants: names whose value is known at load; they become part of the expression.
    container: a namespace that names are looked up in, innermost first. check: look for mistakes of types, not only of
    names. expect: the kind that the value must have where it can be known ("bool" for a condition), or "".
    """

    __slots__ = ("check", "constants", "container", "expect", "limits", "names")

    def __init__(
        self,
        names: Mapping[str, Schema | None],
        constants: Mapping[str, Any] | None = None,
        *,
        container: str = "",
        limits: Limits = LIMITS,
        check: bool = True,
        expect: str = "",
    ) -> None:
        self.names = dict(names)
        self.constants = dict(constants or {})
        self.container = container
        self.limits = limits
        self.check = check
        self.expect = expect

    def candidates(self, name: str) -> list[str]:
        """The full names that a name may mean, innermost container first."""
        parts = self.container.split(".") if self.container else []
        return [".".join([*parts[:n], name]) for n in range(len(parts), -1, -1)]
