"""Detector documents: `metadata` and `detector: {type, config}`. Read and checked; the engine runs none yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from eventflow.catalog.fields import Fields, Key, MapOf, Shape
from eventflow.catalog.kinds import Anything, Cel, Duration, Kind, Number, OneOf, Text
from eventflow.catalog.nodes import Mapping, Node
from eventflow.catalog.spelling import did_you_mean

if TYPE_CHECKING:
    from eventflow.catalog.document import Document

TYPES: Final = (
    "threshold", "rate", "absence", "pattern", "adaptive", "season", "novelty", "shape", "shift", "isolation_forest",
    "anomaly",
)  # fmt: skip
TRAINED: Final = frozenset(("isolation_forest",))


class Type(Kind):
    """A detector type: one of the built-in ones, or a plugin's, which has a dot."""

    says = "a detector type"

    def read(self, doc: Document, node: Node) -> Any:
        """The name."""
        name = Text().read(doc, node)
        if isinstance(name, str) and name not in TYPES and "." not in name:
            doc.report("E210", node, f"no detector type '{name}'", did_you_mean(name, TYPES))
        return name


class Config(Kind):
    """A detector's config: open, because types and plugins bring keys of their own; the common ones are checked."""

    says = "a mapping"

    def read(self, doc: Document, node: Node) -> Any:
        """The JSON value."""
        if not isinstance(node, Mapping):
            return self.wrong(doc, node)
        if "contamination" in node.keys:
            doc.report(
                "E227",
                node.keys["contamination"],
                "nobody knows the share of bad samples",
                "say alarm_rate: 0.001, the share that may alarm",
            )
        for name, kind in COMMON.items():
            if name in node.values:
                kind.read(doc, node.values[name])
        return node.plain()


COMMON: Final[dict[str, Kind]] = {
    "quiet": Duration(),
    "direction": OneOf("up", "down", "both"),
    "missing": OneOf("ignore", "zero", "previous"),
    "memory": Duration(),
    "alarm_rate": Number(0, 1, fraction=True),
    "min_value": Number(fraction=True),
    "features": MapOf(Cel("event")),
    "group": Cel("event"),
}


def _built(doc: Document, fields: Fields) -> Fields:
    kind, config = fields.get("type"), fields.get("config") or {}
    if kind in TRAINED and "warmup" not in config:
        doc.report(
            "E202", fields.at("config"), f"{kind} needs 'warmup'", "a threshold that is used until the model is trained"
        )
    return fields


DETECTOR: Final = Shape(
    "detector",
    {"type": Key(Type(), "which detector type", needed=True), "config": Key(Config(), "its settings")},
    build=_built,
)
DOCUMENT: Final = Shape(
    "detector document",
    {
        "format": Key(Number(1, 1), "version of the format; default 1"),
        "metadata": Key(MapOf(Anything()), "name, description, version, tags"),
        "detector": Key(DETECTOR, "the detector", needed=True),
    },
)
