"""Many triggers at the cost of few: which of them want an event.

An index is built over selectors and never changed, so a new one can be built beside it and swapped in. See `rules` for
what it understands of a selector, `partition` for how it is cut, `tree` and `masks` for the two kinds of nodes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from eventflow.match.index.partition import plan
from eventflow.match.index.projection import Projected, Shape
from eventflow.match.index.reading import Reader
from eventflow.match.index.rules import rules_of
from eventflow.match.index.settling import Matched, Settling
from eventflow.match.index.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from eventflow.match.atoms import Selector


_NOTHING: Final = Matched([], [])


class Index:
    """An index over selectors; their ids must differ."""

    match: Callable[[Mapping[str, Any]], Matched]
    """Which triggers want an event, and which could not say. The event is a dict as `Event.view` gives it, or what a
    decoder of `projection` gave, of this index or of one over the same selectors.
    """

    def __init__(self, entries: Sequence[Selector]) -> None:
        self.entries = tuple(entries)
        rules = [rule for n, one in enumerate(self.entries) for rule in rules_of(n, one)]
        self.node = plan(rules)
        self._split = any(rule.part for rule in rules)
        self._ids = [one.id for one in self.entries]
        self._matches: dict[type, Callable[[Any], Matched]] = {}
        self.match = self._first

    def _first(self, event: Any) -> Matched:
        """Until it is known of what class events are."""
        found = self._matches.get(event.__class__)
        return found(event) if found is not None else self._for(event.__class__)(event)

    def _for(self, cls: type) -> Callable[[Any], Matched]:
        """The function for events of a class; it also becomes `match`."""
        made = self._matches.get(cls)
        if made is None:
            shape = cls.shape if issubclass(cls, Projected) and cls.shape is not None else None
            if shape is not None and not shape.covers(self.paths()):
                raise TypeError("this event was projected for other triggers")
            made = self._matches[cls] = self._made(shape, cls)
            self.match = made
        return made

    def _made(self, shape: Shape | None, cls: type) -> Callable[[Any], Matched]:
        settled = Settling(self.entries, shape, split=self._split).settled
        names = {"other": self._first, "Matched": Matched, "ids": self._ids, "settled": settled, "nothing": _NOTHING}
        if isinstance(self.node, Tree):
            return self.node.build_whole(Reader(shape), cls, names)
        run = self.node.build(Reader(shape))
        ids, other, split = self._ids, self._first, self._split
        same = ids == list(range(len(ids)))

        def match(event: Any) -> Matched:
            if event.__class__ is not cls:
                return other(event)
            out: list[int] = []
            more: list[Any] = []
            run(event, out, more)
            if more:
                return settled(event, out, more)
            if not out:
                return _NOTHING
            if split:
                out = list(set(out))
            out.sort()
            return Matched(out if same else [ids[n] for n in out], [])

        return match

    def candidates(self, event: Mapping[str, Any]) -> list[int]:
        """The triggers that want the event."""
        return self.match(event).ids

    def projection(self, also: Iterable[tuple[str, ...]] = ()) -> Callable[[bytes], Any]:
        """A decoder of CloudEvents JSON that reads only what the triggers, and the paths in `also` (from "event"),
        need.

        What it gives reads like a mapping and can be matched by this index and evaluated by any program that reads no
        other paths.
        """
        wanted = [*self.paths(), *(path[1:] for path in also if path[0] == "event")]
        ready: Callable[[bytes], Any] | None = None

        def read(line: bytes) -> Any:
            nonlocal ready
            if ready is None:  # the first event shows in which order fields come
                shape = Shape(wanted, line)
                if not shape.whole:
                    self._for(shape.root.cls)
                ready = shape.reader()
            return ready(line)

        return read

    def paths(self) -> frozenset[tuple[str, ...]]:
        """The paths that any trigger reads, without "event"; () means all of it."""
        found = {
            path[1:]
            for one in self.entries
            if one.program is not None
            for path in one.program.paths
            if path[0] == "event"
        }
        for one in self.entries:
            found.update(atom.path for atom in one.atoms)
            found.update(atom.path for group in one.any_of for atom in group)
        return frozenset(found)


__all__ = ["Index", "Matched", "Projected"]
