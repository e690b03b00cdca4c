"""Schedules: cron, every, at, and whether what is written can come at all."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from eventflow.catalog.fields import Fields, Key, ListOf
from eventflow.catalog.kinds import INVALID, Duration, Kind, OneOf
from eventflow.catalog.nodes import Node, Scalar
from eventflow.model.workflow import Schedule

if TYPE_CHECKING:
    from eventflow.catalog.document import Document

_START: Final = datetime(2026, 1, 1)  # noqa: DTZ001 - cron fields are local time without a zone
SECOND: Final = 1_000_000


class Cron(Kind):
    """Five fields: minute, hour, day of month, month, day of week."""

    says = "a cron expression of five fields"

    def read(self, doc: Document, node: Node) -> Any:
        """The text, if it ever comes."""
        if not isinstance(node, Scalar) or not isinstance(node.value, str):
            return self.wrong(doc, node, "write for instance '0 3 * * 1-5'")
        text = " ".join(node.value.split())
        if text in _SHORT:
            doc.report("E217", node, f"'{text}' is short for five fields", f"write '{_SHORT[text]}'")
            return INVALID
        if len(text.split(" ")) != 5:
            doc.report(
                "E217",
                node,
                f"'{text}' has {len(text.split(' '))} fields, cron has five",
                "they are minute, hour, day of month, month, day of week",
            )
            return INVALID
        from cronsim import CronSim, CronSimError

        try:
            next(CronSim(text, _START))
        except (CronSimError, StopIteration) as error:
            said, advice = _about(text, str(error))
            doc.report("E217", node, said, advice)
            return INVALID
        return text

    def schema(self) -> dict[str, Any]:
        """JSON Schema."""
        return {"type": "string"}


def _about(text: str, error: str) -> tuple[str, str]:
    """What is wrong with five fields, by the field that the parser names."""
    for place, (word, (name, values)) in enumerate(_FIELDS.items()):
        field = text.split(" ")[place]
        if error.lower() == f"bad {word}" and not (
            word == "day-of-month" and field.isdigit() and 1 <= int(field) <= 31
        ):
            return f"'{text}': '{field}' is no {name}", f"a {name} is {values}, *, or */5 for every fifth"
    return f"'{text}' never comes: no such month has that day", "look at the third and the fourth field"


_FIELDS: Final = {
    "minute": ("minute", "0 to 59"),
    "hour": ("hour", "0 to 23"),
    "day-of-month": ("day of the month", "1 to 31"),
    "month": ("month", "1 to 12, or jan to dec"),
    "day-of-week": ("day of the week", "0 to 7 (0 and 7 are Sunday), or sun to sat"),
}
_SHORT: Final = {
    "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
}  # fmt: skip


class Zone(Kind):
    """A time zone by its IANA name."""

    says = "a time zone"

    def read(self, doc: Document, node: Node) -> Any:
        """The name."""
        if not isinstance(node, Scalar) or not isinstance(node.value, str):
            return self.wrong(doc, node, "write for instance Europe/Berlin")
        from eventflow.catalog.zones import is_zone, like

        if is_zone(node.value):
            return node.value
        doc.report("E218", node, f"no time zone '{node.value}'", like(node.value))
        return INVALID

    def schema(self) -> dict[str, Any]:
        """JSON Schema."""
        return {"type": "string"}


class Moment(Kind):
    """A point in time with its offset, RFC 3339."""

    says = "a point in time"

    def read(self, doc: Document, node: Node) -> Any:
        """The text."""
        if isinstance(node, Scalar) and isinstance(node.value, str):
            try:
                if datetime.fromisoformat(node.value).tzinfo is not None:
                    return node.value
            except ValueError:
                pass
        said = node.text if isinstance(node, Scalar) else node.kind
        doc.report(
            "E223",
            node,
            f"'{said}' is no point in time with its offset",
            "write for instance 2026-05-01T08:00:00+02:00",
        )
        return INVALID

    def schema(self) -> dict[str, Any]:
        """JSON Schema."""
        return {"type": "string"}


KEYS: Final = {
    "cron": Key(Cron(), "five fields, in `timezone`"),
    "every": Key(Duration(SECOND), "a fixed distance, counted from the activation"),
    "at": Key(ListOf(Moment(), or_one=True, least=1), "points in time, RFC 3339"),
    "timezone": Key(Zone(), "IANA name; needed with cron unless the settings say one"),
    "jitter": Key(Duration(), "each time is moved later by up to this, the same on every machine"),
    "missed": Key(OneOf("once", "all", "skip"), "what of the times that passed while nothing ran; default once"),
    "max_late": Key(Duration(), "older missed times are given up; default 24h"),
}


def schedule(doc: Document, fields: Fields, timezone: str | None) -> Schedule:
    """The schedule; `timezone` is that of the settings."""
    given = fields.given("cron", "every", "at")
    if len(given) != 1:
        found = "found none" if not given else f"found {' and '.join(given)}"
        doc.report(
            "E207",
            fields.of(given[1]) if given else fields.node,
            f"a schedule needs exactly one of cron, every and at; {found}",
        )
    if "cron" in given and not fields.given("timezone") and timezone is None:
        doc.report(
            "E218",
            fields.of("cron"),
            "cron needs a time zone",
            "add timezone: Europe/Berlin, or set one in the settings",
        )
    plain = {key: fields.get(key) for key in ("cron", "every", "timezone") if fields.get(key) is not None}
    more: dict[str, Any] = {
        key: fields.get(key) for key in ("jitter", "missed", "max_late") if fields.get(key) is not None
    }
    return Schedule(**plain, at=fields.get("at", ()), **more)
