"""Triggers: events, schedules, conditions, and the noise control they share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from eventflow.catalog import schedules, selectors
from eventflow.catalog.detectors import DETECTOR
from eventflow.catalog.fields import EitherOf, Fields, Key, ListOf, MapOf, Shape
from eventflow.catalog.kinds import INVALID, Anything, Bool, Cel, Duration, Kind, Number, OneOf, Text
from eventflow.catalog.nodes import Mapping, Node, Sequence
from eventflow.model.detection import Condition, DetectorSpec
from eventflow.model.workflow import Dedup, Limit, Trigger

if TYPE_CHECKING:
    from eventflow.catalog.document import Document

WEEK: Final = 7 * 86_400_000_000
_LONG: Final = {
    "monday": "write mon", "tuesday": "write tue", "wednesday": "write wed", "thursday": "write thu",
    "friday": "write fri", "saturday": "write sat", "sunday": "write sun",
    "weekdays": "write [mon, tue, wed, thu, fri]", "weekend": "write [sat, sun]",
}  # fmt: skip
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
NAME: Final = r"[a-z][a-z0-9_-]{0,63}"

DEDUP: Final = Shape(
    "dedup",
    {
        "key": Key(Cel("event"), "CEL: what makes it the same", needed=True),
        "window": Key(Duration(), "for how long; default 7d"),
    },
    build=lambda _, fields: Dedup(fields.get("key", ""), fields.get("window", WEEK)),
)
LIMIT: Final = Shape(
    "limit",
    {
        "max": Key(Number(1), "how many", needed=True),
        "per": Key(Duration(), "in any stretch of this length", needed=True),
    },
    example="limit: {max: 5, per: 1h}",
    build=lambda _, fields: Limit(fields.get("max", 1), fields.get("per", WEEK)),
)


class Limits(ListOf):
    """Limits, of which each must be able to apply (W221)."""

    def read(self, doc: Document, node: Node) -> Any:
        """The limits."""
        limits = super().read(doc, node)
        at = node.items if isinstance(node, Sequence) else [node]
        if limits is not INVALID and len(limits) == len(at):
            for place, one in enumerate(limits):
                for other in limits[:place] + limits[place + 1 :]:
                    if other.max <= one.max and other.per >= one.per and (other != one or limits.index(one) < place):
                        said = (
                            f"{one.max} can never be reached, because of the limit of {other.max} in a longer stretch"
                        )
                        doc.report("W221", at[place], said, "take one of them out")
                        break
        return limits


NOISE: Final = {
    "key": Key(Cel("event"), "per what; without it there is one key for all"),
    "dedup": Key(DEDUP, "the same event again within `window` does not fire"),
    "cooldown": Key(Duration(), "nothing for this long after a firing"),
    "limit": Key(Limits(LIMIT, or_one=True, least=1), "at most `max` firings in any stretch of `per`; several at once"),
    "inputs": Key(MapOf(Anything("trigger")), "workflow inputs from the event, `${{ }}` allowed"),
    "changed": Key(
        ListOf(Text(), or_one=True), "only when one of these paths differs from the key's last event", later=True
    ),
    "unless": Key(
        Shape("unless", selectors.OTHER.keys | {"within": Key(Duration(), "how long before", needed=True)}),
        "not if such an event was seen for this key",
        later=True,
    ),
    "batch": Key(
        Shape(
            "batch",
            {
                "wait": Key(Duration(), "until this long after the last event", needed=True),
                "max_wait": Key(Duration(), "at most this long after the first"),
                "max": Key(Number(1), "at most so many"),
            },
        ),
        "one run for many events",
        later=True,
    ),
    "active": Key(
        Shape(
            "active",
            {
                "days": Key(ListOf(OneOf(*DAYS, hints=_LONG), or_one=True), "days of the week"),
                "between": Key(
                    ListOf(Text(r"[0-2]?[0-9]:[0-5][0-9]", "a time such as 08:00"), least=2, most=2), "from and to"
                ),
                "timezone": Key(schedules.Zone(), "time zone of days and times"),
                "outside": Key(OneOf("skip", "hold"), "what happens with a firing outside; default skip"),
            },
        ),
        "when it may fire",
        later=True,
    ),
}
FORMS: Final = {
    "count": Key(Number(2), "at the Nth event within `within`", later=True),
    "within": Key(Duration(), "the window of count, all, sequence and absent"),
    "all": Key(MapOf(selectors.OTHER), "when each of these has been seen", later=True),
    "pick": Key(OneOf("latest", "first", "all"), "which event of each to use; default latest"),
    "sequence": Key(
        ListOf(
            Shape("sequence", selectors.OTHER.keys | {"as": Key(Text(NAME, "a name"), "its name", needed=True)}),
            least=2,
        ),
        "these in order by event time",
        later=True,
    ),
    "after": Key(selectors.OTHER, "begins to wait for `absent` here"),
    "absent": Key(selectors.OTHER, "fires when this did not come within `within`", later=True),
}
EVENT: Final = Shape("event trigger", selectors.KEYS | FORMS | NOISE)
SCHEDULE: Final = Shape("schedule trigger", schedules.KEYS | NOISE)
CONDITION: Final = Shape(
    "condition trigger",
    {
        "watch": Key(selectors.OTHER, "which events are samples"),
        "poll": Key(
            Shape(
                "poll",
                {
                    "uses": Key(Text(), "the action that is asked", needed=True),
                    "with": Key(MapOf(Anything()), "its inputs"),
                    "every": Key(Duration(schedules.SECOND), "how often", needed=True),
                },
            ),
            "asking instead of a stream",
            later=True,
        ),
        "value": Key(Cel("event"), "CEL: the number to be judged"),
        "detector": Key(
            EitherOf(Text(r"[a-z][a-z0-9_/-]*", "a detector's name"), DETECTOR),
            "a detector by name, or `{type, config}`",
        ),
        "for": Key(Duration(), "must last this long before it fires"),
        "clear_for": Key(Duration(), "must be over this long before it can fire again"),
        "fire_on": Key(OneOf("raise", "clear", "both"), "default raise"),
    }
    | NOISE,
    hints={"on": "did you mean 'watch'?"},
)
_CONFIGS: Final = {"event": EVENT, "schedule": SCHEDULE, "condition": CONDITION}
_OTHER_TYPES: Final = {
    "webhook": "write type: event; webhooks are sources, which stand in the settings",
    "cron": "write type: schedule",
    "timer": "write type: schedule",
    "push": "write type: event with event: git.push",
    "manual": "leave it out: every workflow can be started by hand",
}
TRIGGER: Final = Shape(
    "trigger",
    {
        "id": Key(
            Text(NAME, "an id (lower-case letters, digits, _ and -)"),
            "unique in the workflow; needed with two triggers or more",
        ),
        "type": Key(OneOf(*_CONFIGS, hints=_OTHER_TYPES), "what kind", needed=True),
        "enabled": Key(Bool(), "default true"),
        "config": Key(Anything(), "what it reacts to: the keys of its type", needed=True),
    },
    hints=dict.fromkeys((*EVENT.keys, *SCHEDULE.keys, *CONDITION.keys), "it belongs under 'config'"),
    example="- type: event, and config: {event: …} under it",
)


class Triggers(Kind):
    """The triggers of a workflow."""

    says = "a list of triggers"

    def __init__(self, timezone: str | None = None) -> None:
        self.timezone = timezone

    def read(self, doc: Document, node: Node) -> Any:
        """(fields, trigger or None, config fields) of each; None for what the engine does not run yet."""
        if not isinstance(node, Sequence):
            return self.wrong(doc, node, "write '- type: …' under it" if isinstance(node, Mapping) else "")
        out = []
        first: dict[str, Fields] = {}
        for item in node.items:
            fields = TRIGGER.read(doc, item)
            if fields is INVALID:
                continue
            name = fields.get("id")
            if name is None and not fields.given("id") and len(node.items) > 1:
                doc.report("E219", item, "with several triggers each needs an 'id'")
            elif name in first:
                line = first[name].at("id").line
                doc.report("E208", fields.at("id"), f"trigger '{name}' is already there in line {line}")
            elif name is not None:
                first[name] = fields
            out.append(self.trigger(doc, fields, name or fields.get("type", "trigger")))
        return tuple(out)

    def schema(self) -> dict[str, Any]:
        """JSON Schema."""
        return {"type": "array", "items": {"$ref": "#/$defs/trigger"}}

    def trigger(self, doc: Document, fields: Fields, name: str) -> tuple[Trigger | None, Fields | None]:
        """One trigger and its config."""
        kind = fields.get("type")
        shape = _CONFIGS.get(kind)
        if shape is None or not fields.given("config"):
            return None, None
        config = shape.read(doc, fields.at("config"))
        if config is INVALID:
            return None, None
        common: dict[str, Any] = {
            "id": name, "type": kind, "enabled": fields.get("enabled", True), "key": config.get("key"),
            "dedup": config.get("dedup"), "cooldown": config.get("cooldown"), "limit": config.get("limit", ()),
            "inputs": config.get("inputs", {}),
        }  # fmt: skip
        if kind == "schedule":
            return Trigger(**common, schedule=schedules.schedule(doc, config, self.timezone)), config
        if kind == "condition":
            _condition(doc, config)
            return _judged(common, config), config
        _event(doc, config)
        return Trigger(**common, selector=selectors.selector(config)), config


def _judged(common: dict[str, Any], config: Fields) -> Trigger | None:
    """A condition trigger; a detector that is only named is put in when all documents are known."""
    watch, detector = config.get("watch"), config.get("detector")
    if watch is None or detector is None:
        return None
    spec = DetectorSpec(type="", name=detector) if isinstance(detector, str) else detector
    key = common["key"] if common["key"] is not None else watch.get("key")
    condition = Condition(
        value=config.get("value"), detector=spec, for_=config.get("for"), clear_for=config.get("clear_for"),
        fire_on=config.get("fire_on", "raise"),
    )  # fmt: skip
    return Trigger(**(common | {"key": key}), selector=selectors.selector(watch), condition=condition)


def _event(doc: Document, config: Fields) -> None:
    forms = config.given("count", "all", "sequence", "absent")
    if len(forms) > 1:
        doc.report("E207", config.of(forms[1]), f"'{forms[0]}' and '{forms[1]}' exclude each other")
    if forms and not config.given("within"):
        doc.report("E202", config.of(forms[0]), f"'{forms[0]}' needs 'within'", "add within: 10m")
    for key in config.given("all", "sequence"):
        if not config.given("key"):
            doc.report("E230", config.of(key), f"'{key}' needs 'key': what makes these events belong together")
    for key, needs in (("within", forms), ("pick", config.given("all")), ("after", config.given("absent"))):
        if config.given(key) and not needs:
            doc.report(
                "E207", config.of(key), f"'{key}' has no meaning here", "it goes with count, all, sequence or absent"
            )
    if not forms and not config.given("source", "event", "match", "filter"):
        doc.report(
            "E207",
            config.node,
            "this would fire on every event",
            "say at least one of source, event, match and filter; event: '*' means every",
        )


def _condition(doc: Document, config: Fields) -> None:
    if len(config.given("watch", "poll")) != 1:
        doc.report("E207", config.node, "a condition needs exactly one of watch and poll")
    if not config.given("detector"):
        doc.report("E202", config.node, "condition trigger needs 'detector'", CONDITION.keys["detector"].about)
    watch = config.get("watch")
    if watch is not None and not watch.given("source", "event", "match", "filter"):
        doc.report(
            "E207", watch.node, "this would judge every event", "say at least one of source, event, match and filter"
        )
