"""Source lines that read paths of an event: of a dict, or of a projection's structs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eventflow.match.index.tables import ABSENT, UNREACHED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eventflow.match.index.projection import Shape


class Reader:
    """Knows how the event lies in memory. `shape` is the projection's, None for plain dicts.

    In the source `e` is the event, M stands for an absent key, U for a path that ends in something without keys.
    """

    def __init__(self, shape: Shape | None = None) -> None:
        self.shape = shape
        self.names: dict[str, Any] = {"M": ABSENT, "U": UNREACHED}

    def step(self, holder: str, path: tuple[str, ...]) -> str:
        """The value at the end of a path whose holder is in a local; `holder` is `e` for the event itself."""
        key = path[-1]
        if self.shape is not None:
            found = self.shape.at(path[:-1])
            if found is not None:
                name = found.names.get(key)
                if name is None:
                    return "M"
                if holder == "e":
                    return f"e.{name}"
                cls = f"C{found.number}"
                self.names[cls] = found.cls
                return f"{holder}.{name} if {holder}.__class__ is {cls} else U"
        if holder == "e":
            return f"e.get({key!r}, M)"
        return f"{holder}.get({key!r}, M) if {holder}.__class__ is dict else U"


class Locals:
    """Which paths are in which local names at a point of the source."""

    def __init__(self, reader: Reader, known: Mapping[tuple[str, ...], str] | None = None) -> None:
        self.reader = reader
        self.known: dict[tuple[str, ...], str] = dict(known) if known is not None else {(): "e"}

    def inner(self) -> Locals:
        """A copy for an inner block."""
        return Locals(self.reader, self.known)

    def load(self, path: tuple[str, ...], lines: list[str], indent: str, fresh: list[int]) -> str:
        """The local name that holds a path; lines that read it are added where it is not read yet."""
        name = self.known.get(path)
        if name is not None:
            return name
        holder = self.load(path[:-1], lines, indent, fresh)
        fresh[0] += 1
        name = self.known[path] = f"x{fresh[0]}"
        lines.append(f"{indent}{name} = {self.reader.step(holder, path)}")
        return name
