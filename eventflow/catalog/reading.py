"""YAML text to marked nodes: a safe loader of our own on the parser's events.

PyYAML's own loaders speak YAML 1.1 (`on` is true), take the second of two equal keys, forget places, and build before
anybody could count. Here size, depth, aliases and keys are checked event by event, so nothing is built that is too big:
a document is at most 256 kB, 50 deep, 20 aliases that stand for 10,000 values at most.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NoReturn

import yaml

from eventflow.catalog.nodes import Mapping, Node, Scalar, Sequence, Unread
from eventflow.catalog.scalars import NotJson, resolve
from eventflow.catalog.traps import about_comment, about_error, about_tag

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eventflow.catalog.document import Document

SIZE: Final = 256 * 1024
DEPTH: Final = 50
ALIASES: Final = 20
ALIASED: Final = 10_000
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CONTROL: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class _Stop(Exception):
    """The document cannot be read any further."""


def decode(doc: Document, data: bytes) -> bool:
    """Make the bytes the document's text; false, with the problem noted, where they are no text for YAML."""
    if len(data) > SIZE:
        said = f"the file has more than {SIZE:,} bytes"
        doc.report("E110", (1, 1), said, "split it; what several workflows share goes into one that they run")
        return False
    try:
        doc.text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        at = (before.count("\n") + 1, len(before) - before.rfind("\n"))
        doc.report("E117", at, f"byte 0x{data[error.start]:02x} is not UTF-8", "save the file as UTF-8")
        return False
    if (bad := _CONTROL.search(doc.text)) is not None:
        before = doc.text[: bad.start()]
        at = (before.count("\n") + 1, len(before) - before.rfind("\n"))
        doc.report(
            "E117", at, f"control character U+{ord(bad[0]):04X}", "remove it, or write it as an escape in quotes"
        )
        return False
    return True


def read(doc: Document) -> Node | None:
    """The nodes of the document's text, or None where there is nothing to go on with; problems are noted in `doc`."""
    events = iter(yaml.parse(doc.text, Loader=_LOADER))
    try:
        return _Builder(doc, events).document()
    except _Stop:
        return None
    except yaml.MarkedYAMLError as error:
        about_error(doc, error)
        return None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        doc.report("E106", (1, 1), f"this is not YAML: {str(error).splitlines()[0]}")
        return None


class _Builder:
    """Builds the nodes of one document; `size` counts its values, aliased ones as often as they are meant."""

    def __init__(self, doc: Document, events: Iterator[Any]) -> None:
        self.doc = doc
        self.events = events
        self.anchors: dict[str, tuple[Node, int, int] | None] = {}
        self.aliases = self.aliased = self.size = self.height = 0

    def document(self) -> Node | None:
        root: Node | None = None
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    self.stop("E116", event, "a second document begins here", "put it into a file of its own")
                root = self.node(next(self.events), 0)
        if root is None or (isinstance(root, Scalar) and root.value is None):
            self.doc.report("E118", (1, 1), "the file holds nothing", "a workflow has at least steps:")
            return None
        if isinstance(root, Scalar) and root.text.startswith("<"):
            self.doc.report("E106", root, "this is a web page or XML", "a workflow is a YAML file with steps: in it")
            return None
        return root

    def node(self, event: Any, depth: int) -> Node:
        if type(event) is yaml.ScalarEvent:
            return self.scalar(event, depth)
        if type(event) is yaml.AliasEvent:
            return self.alias(event, depth)
        return self.collection(event, depth + 1)

    def scalar(self, event: Any, depth: int) -> Node:
        mark, text, style = event.start_mark, event.value, event.style or ""
        line, column = mark.line + 1, mark.column + 1
        value: Any = text
        if not style and event.tag is None:
            try:
                value = resolve(text)
            except NotJson as error:
                self.doc.report("E114", (line, column), str(error), "put it in quotes if it is meant as text")
        node: Node = Scalar(line, column, text, value, style)
        if event.tag is not None:
            about_tag(self.doc, event)
            node = Unread(line, column)
        elif value is None and not text and not style and about_comment(self.doc, line, column):
            node = Unread(line, column)
        self.size += 1
        self.height = max(self.height, depth)
        if event.anchor is not None:
            self.anchors[event.anchor] = (node, 1, 0)
        return node

    def collection(self, event: Any, depth: int) -> Node:
        if depth > DEPTH:
            self.stop(
                "E109", event, f"nested deeper than {DEPTH}", "take a part out, for instance into a workflow of its own"
            )
        if event.tag is not None:
            about_tag(self.doc, event)
        if (anchor := event.anchor) is not None:
            self.anchors[anchor] = None
        size, height = self.size, self.height
        self.height = depth
        node = self.mapping(event, depth) if type(event) is yaml.MappingStartEvent else self.sequence(event, depth)
        self.size += 1
        if anchor is not None:
            self.anchors[anchor] = (node, self.size - size, self.height - depth + 1)
        self.height = max(height, self.height)
        return node

    def sequence(self, start: Any, depth: int) -> Node:
        node = Sequence(start.start_mark.line + 1, start.start_mark.column + 1)
        while type(event := next(self.events)) is not yaml.SequenceEndEvent:
            node.items.append(self.node(event, depth))
        return node

    def mapping(self, start: Any, depth: int) -> Node:
        node = Mapping(start.start_mark.line + 1, start.start_mark.column + 1)
        while type(event := next(self.events)) is not yaml.MappingEndEvent:
            key = self.node(event, depth)
            value = self.node(next(self.events), depth)
            if isinstance(key, Mapping) and key.line == node.line:
                said = "{{ }} unquoted is a mapping inside a mapping for YAML"
                self.doc.report("E105", node, said, "put the whole value in quotes")
                while type(next(self.events)) is not yaml.MappingEndEvent:
                    pass
                return Unread(node.line, node.column)
            if not isinstance(key, Scalar) or (not key.style and key.value is None):
                self.doc.report("E115", key, f"a key must be text, this is {key.kind}")
            elif key.text == "<<" and not key.style:
                self.doc.report("E115", key, "merge keys are not part of YAML 1.2", "write the keys out")
            elif key.text in node.keys:
                first = node.keys[key.text].line
                self.doc.report("E107", key, f"'{key.text}' is already there in line {first}", "keep one of them")
            else:
                node.keys[key.text] = key
                node.values[key.text] = value
        return node

    def alias(self, event: Any, depth: int) -> Node:
        found = self.anchors.get(event.anchor)
        if found is None:
            inside = event.anchor in self.anchors
            said = f"*{event.anchor} holds itself" if inside else f"there is no anchor &{event.anchor} before this"
            self.stop("E113", event, said, "put the value in quotes if it is text")
        node, size, height = found
        self.aliases += 1
        self.aliased += size
        self.size += size
        if self.aliases > ALIASES or self.aliased > ALIASED:
            self.stop(
                "E113",
                event,
                f"more than {ALIASES} aliases, or more than {ALIASED:,} values through them",
                "write it out",
            )
        if depth + height > DEPTH:
            self.stop("E109", event, f"with this alias nested deeper than {DEPTH}", "write it out flatter")
        self.height = max(self.height, depth + height)
        return node

    def stop(self, code: str, event: Any, message: str, suggestion: str) -> NoReturn:
        mark = event.start_mark
        self.doc.report(code, (mark.line + 1, mark.column + 1), message, suggestion)
        raise _Stop
