"""Many triggers at the cost of few."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from eventflow.match.atoms import Selector, selects
from eventflow.match.problems import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence


class Matched(msgspec.Struct):
    """ids: the triggers that want the event, ascending by their place in the index. errors: those whose program has no
    value.
    """

    ids: list[int]
    errors: list[tuple[int, EvaluationError]]


class Index:
    """An index over selectors; immutable, so that a new one can be built beside it and swapped in."""

    def __init__(self, entries: Sequence[Selector]) -> None:
        self.entries = tuple(entries)

    def match(self, event: Mapping[str, Any]) -> Matched:
        """Which triggers want the event, and which could not say."""
        ids: list[int] = []
        errors: list[tuple[int, EvaluationError]] = []
        for one in self.entries:
            if not selects(one, event):
                continue
            try:
                if one.program is None or one.program.test({"event": event}):
                    ids.append(one.id)
            except EvaluationError as error:
                errors.append((one.id, error))
        return Matched(ids, errors)

    def candidates(self, event: Mapping[str, Any]) -> list[int]:
        """The triggers that want the event."""
        return self.match(event).ids

    def projection(self, also: Iterable[tuple[str, ...]] = ()) -> Callable[[bytes], Mapping[str, Any]]:
        """A decoder of CloudEvents JSON that reads only what the triggers, and the paths in `also` (from "event"),
        need.
        """
        from eventflow.model.event import decode

        return lambda line: decode(line).view()
