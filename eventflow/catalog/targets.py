"""Where steps say they go: the targets of `conditions` and `then`, kept with their places for the cross checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from eventflow.catalog.kinds import INVALID, Kind, Text, slug
from eventflow.model.order import WORDS

if TYPE_CHECKING:
    from eventflow.catalog.document import Document
    from eventflow.catalog.nodes import Node


class Target(NamedTuple):
    """A target as it was written, and the word it became."""

    name: str
    node: Node


class To(Kind):
    """A step's name, or one of the reserved words; a free name is slugged as the step's own name is."""

    says = "a step name, or one of next, continue, end, fail, cancel"

    def read(self, doc: Document, node: Node) -> Any:
        """The target."""
        text = Text(most=200).read(doc, node)
        if text is INVALID:
            return INVALID
        return Target(text if text in WORDS else slug(text), node)

    def schema(self) -> dict[str, Any]:
        """JSON Schema."""
        return {"type": "string"}


def word(target: Target | None) -> str | None:
    """The bare word."""
    return target.name if target is not None else None
