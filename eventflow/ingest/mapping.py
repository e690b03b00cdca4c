"""CEL over a delivery: what `map`, `dedup` and `partition_key` of a configured source make of its drafts.

`map` and `dedup` see `headers` (lower-case names), `query`, `body` (what was sent), `data` (what the source made of it;
the same where it has no shape of its own) and `source`, the configured name; `partition_key` sees the finished `event`.
What the source itself said stays where the mapping names nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from eventflow import match
from eventflow.errors import SettingsError
from eventflow.match.values import Optional
from eventflow.model.event import parse_time
from eventflow.web.problems import refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eventflow.plugin import Delivery, Draft

NAMES = ("id", "type", "kind", "source", "subject", "time", "data")
"""What `map` may name."""
_ENV = match.Env({"headers": None, "query": None, "body": None, "data": None, "source": None})
_EVENT = match.Env({"event": None})


class SourceMapping:
    """The expressions of one source, compiled."""

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        """`settings` of the source: `map`, `dedup`, `partition_key`. Raises `SettingsError` with every mistake."""
        self._name = name
        map_: Mapping[str, str] = settings.get("map") or {}
        dedup, partition_key = settings.get("dedup"), settings.get("partition_key")
        unknown = [attribute for attribute in map_ if attribute not in NAMES]
        if unknown:
            raise SettingsError(f"sources.{name}.map.{unknown[0]}: there are: {', '.join(NAMES)}")
        self._map = {
            attribute: _compiled(text, _ENV, f"sources.{name}.map.{attribute}") for attribute, text in map_.items()
        }
        self._dedup = _compiled(dedup, _ENV, f"sources.{name}.dedup") if dedup else None
        self._partition_key = partition_key and _compiled(partition_key, _EVENT, f"sources.{name}.partition_key")

    @property
    def has_key(self) -> bool:
        """Whether the settings choose the partition."""
        return self._partition_key is not None

    def apply(self, draft: Draft, delivery: Delivery) -> Draft:
        """The draft with what the mapping says instead. Raises `Refused` (422) where an expression has no value."""
        if not self._map and self._dedup is None:
            return draft
        data = _decoded(draft.data)
        body = data if draft.body is None else _decoded(draft.body)
        names = {"headers": delivery.headers, "query": delivery.query, "body": body, "data": data, "source": self._name}
        found = {attribute: _value(program, names, f"map.{attribute}") for attribute, program in self._map.items()}
        changes = {name: _attribute(name, value) for name, value in found.items()}
        if changes.get("type", "") is None:
            raise refused("invalid", "map.type gives null; an event has a type")
        if "data" in changes and draft.body is None:
            changes["body"] = draft.data
        if self._dedup is not None:
            changes["id"] = _attribute("dedup", _value(self._dedup, names, "dedup"))
            changes["sender_id"] = False
        return msgspec.structs.replace(draft, **changes)

    def key(self, event: dict[str, Any]) -> str | None:
        """The partition key of a finished event, given as expressions see it; None: the usual one."""
        if self._partition_key is None:
            return None
        text: str | None = _attribute("partition_key", _value(self._partition_key, {"event": event}, "partition_key"))
        return text


def _decoded(value: Any) -> Any:
    return msgspec.json.decode(value) if isinstance(value, msgspec.Raw) else value


def _compiled(text: str, env: match.Env, where: str) -> match.Program:
    try:
        return match.compile(text, env)
    except match.ExpressionError as error:
        raise SettingsError(f"{where}: {error}") from error


def _value(program: match.Program, names: Mapping[str, Any], where: str) -> Any:
    try:
        found = program.evaluate(names)
    except match.EvaluationError as error:
        raise refused("invalid", f"{where} of this source has no value for this delivery: {error}") from None
    if isinstance(found, Optional):
        return found.value if found.present else None
    return found


def _attribute(name: str, value: Any) -> Any:
    """The value as the attribute wants it: text, a time, or JSON."""
    if name == "data" or value is None:
        return value
    if name == "time":
        return _time(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)) and str(value):
        return str(value)
    raise refused("invalid", f"map.{name} gives {type(value).__name__} where a text is wanted")


def _time(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    try:
        return parse_time(str(value))
    except ValueError as error:
        raise refused("invalid", f"map.time: {error}") from None
