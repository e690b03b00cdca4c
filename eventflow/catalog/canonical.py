"""A workflow document in its canonical form: keys in one order, steps in the short form, comments where they belong.

Whole lines are moved and none is written anew, so quotes, comments and line breaks stay as people wrote them. A comment
above a key goes with the key. What is written in one line (`{a: 1, b: 2}`) stays. The result is read again and must be
the same workflow; where it is not (an alias that would come before its anchor), nothing is changed.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from eventflow.catalog import steps, triggers, workflows
from eventflow.catalog.document import Document
from eventflow.catalog.load import check
from eventflow.catalog.nodes import Mapping, Node, Scalar, Sequence
from eventflow.catalog.reading import decode, read

if TYPE_CHECKING:
    from collections.abc import Iterator

WORKFLOW: Final = tuple(workflows.shape(None).keys)
METADATA: Final = tuple(workflows.METADATA.keys)
STEP: Final = (
    "name", "title", "type", "ai_assisted", "if", "uses", "with", "env", "outputs", "config", "timeout", "retry",
    "idempotent", "max_visits", "compensate", "conditions",
)  # fmt: skip
TRIGGER: Final = tuple(triggers.TRIGGER.keys)


def canonical(text: str, path: str = "workflow") -> str | None:
    """The canonical form of a document; None for one that cannot be read without an error of syntax."""
    plain = text.replace("\r\n", "\n")
    doc = Document(path)
    node = read(doc) if decode(doc, plain.encode()) else None
    if not isinstance(node, Mapping) or doc.problems:
        return None
    lines = _Lines(plain)
    for mapping, order in list(_mappings(node))[::-1]:  # what lies inside first
        lines.arrange(mapping, order)
    result = lines.text()
    if not _same(plain, result, path):
        return text
    return result.replace("\n", "\r\n") if "\r\n" in text else result


def _mappings(node: Mapping) -> Iterator[tuple[Mapping, tuple[str, ...]]]:
    """Every mapping with an order, outer ones first."""
    yield node, WORKFLOW
    meta = node.values.get("metadata")
    if isinstance(meta, Mapping):
        yield meta, METADATA
    for item in _items(node.values.get("triggers")):
        yield item, TRIGGER
    yield from _steps(node.values.get("steps"))


def _steps(node: Node | None) -> Iterator[tuple[Mapping, tuple[str, ...]]]:
    for step in _items(node):
        yield step, STEP
        config = step.values.get("config")
        if isinstance(config, Mapping):
            yield from _steps(config.values.get("steps"))
            branches = config.values.get("branches")
            for branch in branches.values.values() if isinstance(branches, Mapping) else ():
                yield from _steps(branch)


def _items(node: Node | None) -> list[Mapping]:
    return [item for item in node.items if isinstance(item, Mapping)] if isinstance(node, Sequence) else []


class _Lines:
    """The lines of a text; `arrange` puts the keys of one mapping in order. Mappings inside must be arranged before."""

    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")

    def text(self) -> str:
        """All lines that are left."""
        return "\n".join(line for line in self.lines if line is not _GONE).rstrip("\n") + "\n"

    def arrange(self, node: Mapping, order: tuple[str, ...]) -> None:
        """Move the lines of each key; nothing where the keys do not stand under each other."""
        keys = list(node.keys.values())
        column = keys[0].column - 1 if keys else 0
        if len({key.line for key in keys}) < len(keys) or any(key.column - 1 != column for key in keys):
            return
        first = keys[0].line - 1
        begins = [first, *(self._above(key.line - 1, column) for key in keys[1:])]
        end = self._end(keys[-1].line - 1, column)
        head = self.lines[first][:column]
        self.lines[first] = " " * column + self.lines[first][column:]
        parts = dict(zip(node.keys, _cut(self.lines, [*begins, end]), strict=True))
        if order is STEP:
            parts = _shortened(node, parts)
        if order is WORKFLOW:
            parts = _spaced(parts)
        rank = {key: place for place, key in enumerate(order)}
        arranged = [line for key in sorted(parts, key=lambda key: rank.get(key, len(rank))) for line in parts[key]]
        if order is WORKFLOW:
            arranged = arranged[: _used(arranged)]
        if head.strip():
            at = next(n for n, line in enumerate(arranged) if line.strip() and not line.lstrip().startswith("#"))
            arranged[at] = head + arranged[at][column:]
            arranged[:at] = [" " * _indent(head) + line.strip() if line.strip() else line for line in arranged[:at]]
        removed = end - first - len(arranged)
        self.lines[first:end] = arranged + [_GONE] * removed

    def _above(self, line: int, column: int) -> int:
        """The first of the comment lines right above a key that stand in its column."""
        while (before := self.lines[line - 1]).lstrip().startswith("#") and _indent(before) == column:
            line -= 1
        return line

    def _end(self, line: int, column: int) -> int:
        """The line behind the last one that belongs to a mapping."""
        end = line + 1
        for number in range(line + 1, len(self.lines)):
            written = self.lines[number]
            if (
                written.strip()
                and written is not _GONE
                and _indent(written) <= column
                and not _in_list(written, column)
            ):
                break
            if written.strip() and (not written.lstrip().startswith("#") or _indent(written) > column):
                end = number + 1
        return end


_GONE: Final = "\0"
"""A line that has been taken out: the lines below keep their numbers until all is done."""


def _in_list(written: str, column: int) -> bool:
    """Whether it is an entry of a list that stands in the column of its key."""
    return _indent(written) == column and written.lstrip().startswith("- ")


def _cut(lines: list[str], places: list[int]) -> list[list[str]]:
    return [lines[a:b] for a, b in pairwise(places)]


def _indent(written: str) -> int:
    return len(written) - len(written.lstrip(" "))


def _spaced(parts: dict[str, list[str]]) -> dict[str, list[str]]:
    """The parts of the document each with a blank line behind it, if there were any between them at all."""
    between = list(parts.values())[:-1]
    if not any(not line.strip() for lines in between for line in lines[_used(lines) :]):
        return parts
    return {key: [*lines[: _used(lines)], ""] for key, lines in parts.items()}


def _used(lines: list[str]) -> int:
    """How many lines there are up to the last that is not blank."""
    return max((n + 1 for n, line in enumerate(lines) if line.strip() and line is not _GONE), default=0)


def _shortened(node: Mapping, parts: dict[str, list[str]]) -> dict[str, list[str]]:
    """The short form of a step: no `type: action`; what an action does stands on the step and not in `config`."""
    kind = node.values.get("type")
    if isinstance(kind, Scalar) and kind.text != "action":
        return parts
    if kind is not None and len(parts["type"]) == 1 and "#" not in parts["type"][0]:
        parts = {key: lines for key, lines in parts.items() if key != "type"}
    config = node.values.get("config")
    inside = config.keys if isinstance(config, Mapping) else {}
    if not inside or not set(inside) <= set(steps.ACTION) or set(inside) & set(parts):
        return parts
    begin, keys = node.keys["config"], list(inside.values())
    body = parts["config"]
    if keys[0].line == begin.line or len({key.line for key in keys}) < len(keys) or body[0].strip() != "config:":
        return parts
    shift = keys[0].column - begin.column
    lines = [line[shift:] if line.strip() and line is not _GONE else line for line in body[1:]]
    places = [key.line - begin.line - 1 for key in keys]
    if places[0] != 0:
        return parts  # comments in between: whose are they?
    cut = dict(zip(inside, _cut(lines, [*places, len(lines)]), strict=True))
    return {key: value for key, value in parts.items() if key != "config"} | cut


def _same(before: str, after: str, path: str) -> bool:
    """Whether both texts are the same workflow, with the same problems, and no line has been lost."""
    one, other = check(before.encode(), path), check(after.encode(), path)
    codes = [sorted(problem.code for problem in checked.problems) for checked in (one, other)]
    lost, gained = _words(before) - _words(after), _words(after) - _words(before)
    return one.workflow == other.workflow and codes[0] == codes[1] and not gained and set(lost) <= _SHORT


_SHORT: Final = {"type: action", "config:"}


def _words(text: str) -> Counter[str]:
    """The lines of a text, wherever they stand."""
    return Counter(line.strip().removeprefix("- ").strip() for line in text.split("\n") if line.strip())
