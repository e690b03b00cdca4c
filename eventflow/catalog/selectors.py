"""Selectors: choosing events by source, name, `match:` sugar and filter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from eventflow.catalog.engine import EventName
from eventflow.catalog.fields import Fields, Key, ListOf, Shape
from eventflow.catalog.kinds import INVALID, Cel, Duration, Kind, Text
from eventflow.catalog.nodes import Mapping, Node, Scalar, Sequence
from eventflow.model.workflow import Match, Selector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eventflow.catalog.document import Document

SUGAR: Final = {
    "repository": "event.data.repository.full_name",
    "sender": "event.data.sender.login",
    "paths": "event.data.changed",
}
"""Words of `match` that mean another path than `event.data.<word>`."""
ATTRIBUTES: Final = frozenset(("id", "source", "type", "kind", "subject", "time"))
_IGNORE: Final = "_ignore"


class Lines(Kind):
    """The `match` sugar: AND over keys, OR inside a list, globs, `_ignore` negates."""

    says = "a mapping of names to what they must be like"

    def read(self, doc: Document, node: Node) -> Any:
        """The lines, sorted by nothing: as they stand."""
        if not isinstance(node, Mapping):
            return self.wrong(doc, node)
        return tuple(line for key, value in node.values.items() for line in self.lines(doc, key, value))

    def lines(self, doc: Document, key: str, node: Node) -> Iterator[Match]:
        """The lines of one key; a mapping as value (labels of an alert) goes one deeper."""
        word, ignore = key.removesuffix(_IGNORE), key.endswith(_IGNORE)
        if isinstance(node, Mapping):
            for inner, value in node.values.items():
                yield from self.lines(doc, f"{word}.{inner}", value)
            return
        items = node.items if isinstance(node, Sequence) else [node]
        values = tuple(item.value for item in items if isinstance(item, Scalar) and self.fits(doc, item))
        if any(not isinstance(item, Scalar) for item in items):
            doc.report("E200", node, f"'{key}' takes a value or a list of values")
        if values:
            yield Match(_path(word), values, ignore)

    def fits(self, doc: Document, node: Scalar) -> bool:
        """Whether the value can be held against an event's."""
        if isinstance(node.value, str) and "${{" in node.value:
            doc.report("E233", node, "`match` knows no ${{ }}", "say it in `filter`")
            return False
        return True

    def schema(self) -> dict[str, Any]:
        """JSON Schema."""
        return {"type": "object"}


def _path(word: str) -> str:
    first = word.partition(".")[0]
    if first == "event":
        return word
    if first in {"data", "body"} or word in ATTRIBUTES:
        return f"event.{word}"
    return SUGAR.get(word, f"event.data.{word}")


GLOB: Final = "one glob is wanted, such as git.*; for kinds that no glob joins write a trigger each"
SOURCES: Final = ListOf(Text(most=200), or_one=True, least=1)
KEYS: Final = {
    "source": Key(SOURCES, "names or types of sources, globs allowed; several are alternatives"),
    "event": Key(
        EventName(most=200, several=GLOB), "glob over the event's `type` or `kind`, such as `git.push` or `alert.*`"
    ),
    "match": Key(Lines(), "AND over keys, OR inside a list, globs; the suffix `_ignore` negates"),
    "filter": Key(Cel("event", expect="bool"), "CEL that must be true"),
}


def selector(fields: Fields) -> Selector:
    """The selector of a mapping that has these keys."""
    return Selector(
        source=fields.get("source", ()),
        event=fields.get("event"),
        match=fields.get("match", ()),
        filter=fields.get("filter"),
    )


OTHER: Final = Shape(
    "selector",
    KEYS | {"key": Key(Cel("event"), "its own key, where it differs from the trigger's")},
    build=lambda _, fields: fields,
)
"""A selector of another event than the trigger's (`unless`, `all`, `sequence`, …)."""


WAIT: Final = Shape(
    "wait.event",
    KEYS
    | {
        "event": Key(EventName(waits=True, most=200, several=GLOB), KEYS["event"].about),
        "filter": Key(Cel("wait", expect="bool"), "CEL over `event`, the one that comes, and the run"),
        "key": Key(Cel("wait"), "CEL that must give the run's own key"),
        "timeout": Key(Duration(), "how long to wait"),
        "lookback": Key(Duration(), "how far before the run's own event an arrival may lie"),
    },
)


def wait(doc: Document, node: Node) -> dict[str, Any]:
    """What `with` of a `wait.event` step holds, its `match` written out."""
    given = WAIT.read(doc, node)
    if given is INVALID:
        return {}
    if not given.given("source", "event", "match", "filter"):
        doc.report("E207", node, "wait.event needs at least one of source, event, match and filter")
    out = {key: given.get(key) for key in ("event", "filter", "key") if given.get(key) is not None}
    out |= {key: given.at(key).plain() for key in ("timeout", "lookback") if given.get(key) is not None}
    if given.get("source"):
        out["source"] = list(given.get("source"))
    if given.get("match"):
        out["match"] = [
            {"path": line.path, "values": list(line.values), "ignore": line.ignore} for line in given.get("match")
        ]
    for key in ("source", "event"):
        if "${{" in str(out.get(key, "")):
            doc.report("E233", given.at(key), f"`{key}` of a wait knows no ${{{{ }}}}", "say it in `filter`")
    return out
