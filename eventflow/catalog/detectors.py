"""Detector documents and detectors written inline: `{type, config}`, where `config` holds two kinds of keys.

Those that all types have (what the Judge is told, how series are grouped) are read here; the rest belongs to the type,
which is asked about it where it is known (`Known.judge`). A detector is part of the definition of the workflow that
uses it, so editing its document is editing the workflow (W11).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from eventflow.catalog.fields import Fields, Key, MapOf, Shape, not_yet
from eventflow.catalog.kinds import Anything, Bool, Cel, Duration, Kind, Number, OneOf, Text
from eventflow.catalog.locate import resolve
from eventflow.catalog.nodes import Mapping, Node, Scalar
from eventflow.catalog.spelling import did_you_mean
from eventflow.model.detection import AtMost, Bounds, Condition, DetectorSpec, Floor, Judging

if TYPE_CHECKING:
    from eventflow.catalog.document import Document
    from eventflow.catalog.workflows import Known
    from eventflow.model.workflow import Trigger

TYPES: Final = (
    "threshold", "rate", "absence", "pattern", "adaptive", "season", "novelty", "shape", "shift", "isolation_forest",
    "anomaly",
)  # fmt: skip
"""The types that the format knows; which of them there are, `Known.judge` says."""
TRAINED: Final = frozenset(("isolation_forest",))
ABSOLUTE: Final = frozenset(("threshold", "absence", "pattern"))


class OneIn(Kind):
    """How rare a score must be: `1 in 1000`."""

    says = "a rarity such as 1 in 1000"

    def read(self, doc: Document, node: Node) -> Any:
        """The N."""
        text = node.text if isinstance(node, Scalar) else ""
        found = re.fullmatch(r"(?:1 in |one in )?(\d[\d_,.]*)", text.strip())
        number = float(re.sub(r"[_,]", "", found[1])) if found is not None else 0.0
        if number < 2:
            return self.wrong(doc, node, "write 1 in 1000: the larger the number, the fewer the alarms")
        return number

    def schema(self) -> dict[str, Any]:
        """JSON Schema."""
        return {"type": ["string", "number"]}


class KOfN(Kind):
    """So many of the last samples: `3 of 5`."""

    says = "a number of samples such as 3 of 5"

    def read(self, doc: Document, node: Node) -> Any:
        """(k, n)."""
        found = re.fullmatch(r"(\d+) of (\d+)", node.text.strip()) if isinstance(node, Scalar) else None
        if found is None or not 1 <= int(found[1]) <= int(found[2]) <= 64:
            return self.wrong(doc, node, "write 3 of 5; at most of 64")
        return int(found[1]), int(found[2])

    def schema(self) -> dict[str, Any]:
        """JSON Schema."""
        return {"type": "string", "pattern": r"^\d+ of \d+$"}


_LEVEL: Final = Number(fraction=True)
BOUNDS: Final = Shape(
    "warmup",
    {
        "above": Key(_LEVEL, "alarm when the value is greater"),
        "below": Key(_LEVEL, "alarm when the value is less"),
        "clear_below": Key(_LEVEL, "an alarm of `above` ends here"),
        "clear_above": Key(_LEVEL, "an alarm of `below` ends here"),
        "type": Key(OneOf("threshold"), "a warm-up is always a threshold"),
        "config": Key(
            Shape(
                "threshold",
                {
                    name: Key(_LEVEL, f"as `{name}` of the warm-up itself")
                    for name in ("above", "below", "clear_below", "clear_above")
                },
                build=lambda _, fields: fields.values,
            ),
            "the bounds, where `type` is written",
        ),
    },
    build=lambda _, fields: msgspec.convert(
        {name: value for name, value in {**fields.values, **fields.get("config", {})}.items() if name != "config"},
        Bounds,
    ),
)
COMMON: Final[dict[str, Key]] = {
    "sensitivity": Key(OneIn(), "how rare a sample must be to alarm; default 1 in 1000"),
    "alarm_rate": Key(Number(0.0000001, 0.5, fraction=True), "the same as a share of samples: 0.001"),
    "quiet": Key(Duration(), "after an alarm began, so long only what is stranger; default 120 samples, at most 12h"),
    "at_most": Key(
        Shape(
            "at_most",
            {
                "max": Key(Number(1), "so many alarms of a series", needed=True),
                "per": Key(Duration(), "in any stretch of this length", needed=True),
            },
            build=lambda _, fields: AtMost(fields.get("max", 1), fields.get("per", 1)),
        ),
        "an upper bound for alarms",
    ),
    "at_least": Key(KOfN(), "so many of the last samples must be strange: 3 of 5"),
    "direction": Key(OneOf("up", "down", "both"), "which changes count; default both"),
    "ignore_below": Key(
        Shape(
            "ignore_below",
            {
                "absolute": Key(Number(0, fraction=True), "a change smaller than this, in the value's unit"),
                "relative": Key(Number(0, fraction=True), "a change smaller than this share of what was expected"),
            },
            build=lambda _, fields: Floor(fields.get("absolute", 0.0), fields.get("relative", 0.0)),
        ),
        "changes that are too small to matter",
    ),
    "min_value": Key(_LEVEL, "never an alarm below this value"),
    "warmup": Key(BOUNDS, "a threshold that is used while there is nothing learned yet, or no model"),
    "missing": Key(OneOf("ignore", "zero", "previous"), "what an event without a value counts as; default ignore"),
    "memory": Key(Duration(), "half of what was learned is forgotten after this time"),
    "group": Key(Cel("event"), "CEL: series with the same group share a model"),
    "per_key": Key(Bool(), "each key has a model of its own; default false"),
    "features": Key(MapOf(Cel("event")), "CEL by name, for types that judge several numbers together"),
    "feedback": Key(MapOf(Anything()), "what people's answers change", later="feedback"),
}
"""The keys of `config` that every type has."""
_JUDGING: Final = frozenset(
    ("quiet", "at_most", "at_least", "direction", "ignore_below", "min_value", "warmup", "memory")
)
CONFIG: Final = Shape("detector config", COMMON)


class Config(Kind):
    """A detector's config: the common keys are read, the others are the type's own."""

    says = "a mapping"

    def read(self, doc: Document, node: Node) -> Any:
        """(fields of the common keys, JSON value of the others)."""
        if not isinstance(node, Mapping):
            return self.wrong(doc, node)
        if "contamination" in node.keys:
            doc.report(
                "E227",
                node.keys["contamination"],
                "nobody knows the share of bad samples",
                "say alarm_rate: 0.001, the share that may alarm",
            )
        common = Mapping(node.line, node.column)
        common.keys = {name: key for name, key in node.keys.items() if name in COMMON}
        common.values = {name: node.values[name] for name in common.keys}
        own = {name: value for name, value in node.plain().items() if name not in COMMON and name != "contamination"}
        return CONFIG.fields(doc, common), own

    def schema(self) -> dict[str, Any]:
        """JSON Schema."""
        return {"type": "object", "properties": CONFIG.schema()["properties"]}


def _built(doc: Document, fields: Fields) -> DetectorSpec:
    kind, (common, own) = fields.get("type") or "", fields.get("config") or (None, {})
    given = common.values if isinstance(common, Fields) else {}
    if kind in TRAINED and not (isinstance(common, Fields) and common.given("warmup")):
        doc.report(
            "E202", fields.at("config"), f"{kind} needs 'warmup'", "a threshold that is used until the model is trained"
        )
    if isinstance(common, Fields):
        _together(doc, kind, common)
    judging: dict[str, Any] = {name: given[name] for name in _JUDGING if name in given}
    if "sensitivity" in given:
        judging["sensitivity"] = given["sensitivity"]
    elif "alarm_rate" in given:
        judging["sensitivity"] = 1.0 / given["alarm_rate"]
    return DetectorSpec(
        type=kind, config=own, judging=Judging(**judging), group=given.get("group"),
        per_key=given.get("per_key", False), features=given.get("features", {}), missing=given.get("missing", "ignore"),
    )  # fmt: skip


def _together(doc: Document, kind: str, common: Fields) -> None:
    """Keys that exclude each other, or have no meaning for the type."""
    for one, other in (("sensitivity", "alarm_rate"), ("group", "per_key")):
        if common.given(one) and common.given(other):
            doc.report("E207", common.of(other), f"'{one}' and '{other}' exclude each other")
    for name in common.given("sensitivity", "alarm_rate"):
        if kind in ABSOLUTE:
            doc.report("E207", common.of(name), f"'{name}' has no meaning for {kind}", "its bounds say when it alarms")


DETECTOR: Final = Shape(
    "detector",
    {"type": Key(Text(), "which detector type", needed=True), "config": Key(Config(), "its settings")},
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


# --- what is there ---------------------------------------------------------------------------------------------------


def check(doc: Document, at: Node, spec: DetectorSpec, known: Known) -> None:
    """Whether there is such a type, and whether it takes this config."""
    if known.judge is None:
        if spec.type and spec.type not in TYPES and "." not in spec.type:
            doc.report("E210", _at(at, "type"), f"no detector type '{spec.type}'", did_you_mean(spec.type, TYPES))
        return
    answer = known.judge(spec)
    if answer is None:
        return
    if answer.missing and spec.type in TYPES:
        not_yet(doc, _at(at, "type"), f"detector type {spec.type}")
    elif answer.missing:
        doc.report("E210", _at(at, "type"), f"no detector type '{spec.type}'", did_you_mean(spec.type, answer.there))
    else:
        for sentence in answer.refused:
            doc.report("E236", _at(at, "config"), f"{spec.type}: {sentence}")


class Answer(msgspec.Struct, frozen=True):
    """What is said of a detector: its type is `missing`, or what it has `refused` of its config."""

    missing: bool = False
    there: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


def _at(node: Node, key: str) -> Node:
    return node.values.get(key, node) if isinstance(node, Mapping) else node


def named(doc: Document, at: Node, name: str, known: Known) -> DetectorSpec | None:
    """The detector that a trigger names: a document, or a type that needs no settings; None is noted."""
    if known.detectors is None:
        return None
    found = resolve(name, known.detectors)
    if isinstance(found, str):
        spec = known.detectors[found] if isinstance(known.detectors, dict) else None
        if spec is None and isinstance(known.detectors, dict):
            said = f"detector '{found}' cannot be used: its document has problems of its own"
            doc.report("E210", at, said, "eventflow validate, given its file, says which")
        return msgspec.structs.replace(spec, name=found) if spec is not None else None
    if not found and known.judge is not None and known.judge(DetectorSpec(type=name)) is None:
        return DetectorSpec(type=name)
    if found:
        doc.report("E210", at, f"several detectors are called '{name}': {', '.join(found)}", "write the whole name")
    else:
        doc.report("E210", at, f"no detector '{name}'", did_you_mean(name, known.detectors))
    return None


def with_detector(doc: Document, trigger: Trigger, config: Fields, known: Known) -> Trigger:
    """The condition trigger with the definition of its detector in it."""
    condition: Condition | None = trigger.condition
    if condition is None:
        return trigger
    at, spec = config.at("detector"), condition.detector
    if spec.name:
        found = named(doc, at, spec.name, known)
        if found is None:
            return trigger
        spec = found
    else:
        check(doc, at, spec, known)
    if not spec.features and condition.value is None:
        doc.report("E202", config.node, "condition trigger needs 'value'", "CEL: the number to be judged")
    return msgspec.structs.replace(trigger, condition=msgspec.structs.replace(condition, detector=spec))
