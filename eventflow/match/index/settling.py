"""What the index leaves open: rests of programs, and triggers that must be asked as a whole.

The functions are made for one way in which events lie in memory, at first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from eventflow.match.atoms import Selector, selects
from eventflow.match.problems import EvaluationError
from eventflow.match.program import Program, not_bool

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from eventflow.match.index.projection import Shape
    from eventflow.match.index.rules import Rule


class Matched(msgspec.Struct, frozen=True, gc=False):
    """ids: the triggers that want the event, in the order of the index. errors: those whose program has no value.
    Neither is to be changed.
    """

    ids: list[int]
    errors: list[tuple[int, EvaluationError]]


class Settling:
    """For the entries of an index; `split` says that one trigger may have several rules."""

    def __init__(self, entries: Sequence[Selector], shape: Shape | None, *, split: bool) -> None:
        self.entries = entries
        self.ids = [one.id for one in entries]
        self.shape = shape
        self.split = split
        self.rests: dict[int, Callable[[Any], Any]] = {}
        self.wholes: dict[int, Callable[[Any], Any]] = {}

    def settled(self, event: Any, out: list[int], more: list[Any]) -> Matched:
        """The end of a match: `out` are positions that are sure, `more` rules with a rest and positions to be asked."""
        errors: list[tuple[int, EvaluationError]] = []
        if self.split:
            out, more = self._joined(event, out, more)
        for one in more:
            if one.__class__ is int:
                self._ask(one, event, out, errors)
                continue
            run = self.rests.get(id(one)) or self._rest(one)
            try:
                value = run(event)
            except EvaluationError as error:
                errors.append((one.position, error))
            else:
                if value is True:
                    out.append(one.position)
                elif value is not False:
                    errors.append((one.position, not_bool(value, one.rest.tree.start)))
        out.sort()
        if errors:
            errors.sort(key=lambda pair: pair[0])
        ids = self.ids
        return Matched([ids[n] for n in out], [(ids[n], error) for n, error in errors])

    def _joined(self, event: Any, out: list[int], more: list[Any]) -> tuple[list[int], list[Any]]:
        """Where a trigger is split at its `||`: one true part is enough, only the whole says that it is an error."""
        sure = set(out)
        asked: dict[int, None] = {n: None for n in more if n.__class__ is int}
        left: list[Any] = []
        for one in more:
            if one.__class__ is int or one.position in sure or one.position in asked:
                continue
            if not one.part:
                left.append(one)
                continue
            run = self.rests.get(id(one)) or self._rest(one)
            try:
                value = run(event)
            except EvaluationError:
                value = None
            if value is True:
                sure.add(one.position)
            elif value is not False:
                asked[one.position] = None
        return list(sure), [*left, *(n for n in asked if n not in sure)]

    def _rest(self, rule: Rule) -> Callable[[Any], Any]:
        program = rule.rest
        if program is None:
            raise AssertionError(rule)
        run = self.rests[id(rule)] = program.over("event", self.shape)
        return run

    def _ask(self, n: int, event: Any, out: list[int], errors: list[tuple[int, EvaluationError]]) -> None:
        """Decide a trigger without the index."""
        one = self.entries[n]
        if not selects(one, event):
            return
        if one.program is None:
            out.append(n)
            return
        try:
            run = self.wholes.get(n) or self._whole(n, one.program)
            value = run(event)
        except EvaluationError as error:
            errors.append((n, error))
            return
        if value is True:
            out.append(n)
        elif value is not False:
            errors.append((n, not_bool(value, one.program.tree.start)))

    def _whole(self, n: int, program: Program) -> Callable[[Any], Any]:
        run = self.wholes[n] = program.over("event", self.shape)
        return run
