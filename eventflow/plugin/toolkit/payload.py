"""JSON of strangers: read without trust, so that a field that is missing, null or of another type is simply not there.

A body is kept as it came (`msgspec.Raw`: no number is rounded, no key is lost) beside the decoded form that the
normalised shape is taken from. The looks (`text`, `number`, `flag`, `items`, `moment`) never raise.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

import msgspec

from eventflow.errors import Refused
from eventflow.model.event import parse_time

if TYPE_CHECKING:
    from eventflow.plugin.source import Delivery

FORM: Final = "application/x-www-form-urlencoded"
LONGEST: Final = 1024
"""Characters of an event's attribute."""
_syntax: Final = msgspec.json.Decoder(msgspec.Raw).decode
_SPACED: Final = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d{1,9})?) ?(?:UTC|Z|([+-]\d\d):?(\d\d))", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def json_body(delivery: Delivery, *, form_field: str | None = None) -> msgspec.Raw:
    """The JSON of a delivery as it came; with `form_field` a form may carry it in that field.

    Raises `Refused`: 400 for what is no JSON, 415 for another content type.
    """
    kind, _, parameters = delivery.headers.get("content-type", "").lower().partition(";")
    kind = kind.strip()
    if "charset=" in parameters and "utf-8" not in parameters and "ascii" not in parameters:
        raise Refused(415, "media-type", "only UTF-8 is taken")
    body = delivery.body
    if kind == FORM and form_field is not None:
        body = _field(body, form_field)
    elif kind not in {"application/json", "text/json", ""} and not kind.endswith("+json"):
        also = f" or {FORM}" if form_field else ""
        raise Refused(415, "media-type", f"content type {kind[:60]!r} is not taken here; send application/json{also}")
    try:
        if not body.isascii():
            body.decode()
        return _syntax(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(400, "malformed", f"the body is not JSON: {error}") from None


def json_object(raw: msgspec.Raw | bytes) -> dict[str, Any]:
    """The decoded JSON object. Raises `Refused` (400, 422) for any other JSON and for numbers that nobody can hold."""
    try:
        found = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise Refused(400, "malformed", f"the body is not JSON that can be read: {error}") from None
    if not isinstance(found, dict):
        raise Refused(422, "invalid", f"the body is a JSON {_kind(found)} where an object is expected")
    return found


def at(value: Any, path: str) -> Any:
    """What lies at a path of keys (`repository.owner.url`); None where nothing does."""
    for key in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def text(value: Any, *paths: str) -> str | None:
    """The first of the paths that holds a text with something in it."""
    for path in paths:
        found = at(value, path)
        if isinstance(found, str) and found:
            return found
    return None


def number(value: Any, *paths: str) -> int | None:
    """The first of the paths that holds a whole number."""
    for path in paths:
        found = at(value, path)
        if isinstance(found, int) and not isinstance(found, bool):
            return found
    return None


def flag(value: Any, *paths: str) -> bool | None:
    """The first of the paths that is true or false."""
    for path in paths:
        found = at(value, path)
        if isinstance(found, bool):
            return found
    return None


def items(value: Any, path: str) -> list[Any]:
    """The list at a path; an empty one where there is none."""
    found = at(value, path)
    return found if isinstance(found, list) else []


def texts(value: Any) -> dict[str, str]:
    """A mapping of texts to texts, such as labels: scalars are written as JSON would, everything else is left out."""
    if not isinstance(value, dict):
        return {}
    found: dict[str, str] = {}
    for name, item in value.items():
        if isinstance(item, str):
            found[name] = item
        elif isinstance(item, (bool, int, float)):
            found[name] = msgspec.json.encode(item).decode()
    return found


def moment(value: Any, *paths: str) -> datetime | None:
    """The first of the paths that holds a time, in UTC: RFC 3339, `2017-12-10 16:38:25 UTC`, or seconds since 1970.

    Times before 1970 are none: `0001-01-01T00:00:00Z` is how Go writes that there is no time.
    """
    for path in paths:
        found = _moment(at(value, path))
        if found is not None:
            return found
    return None


def attribute(value: Any) -> str | None:
    """A value as an attribute of an event: a text or whole number in 1 to 1,024 printable characters, else None."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) < 10**40 else None
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST or _CONTROL.search(value):
        return None
    return value


def _moment(value: Any) -> datetime | None:
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            found = datetime.fromtimestamp(value, UTC)
        elif isinstance(value, str) and len(value) <= 64:
            spaced = _SPACED.fullmatch(value)
            if spaced:
                zone = f"{spaced[3]}:{spaced[4]}" if spaced[3] else "Z"
                value = f"{spaced[1]}T{spaced[2]}{zone}"
            found = parse_time(value).astimezone(UTC)
        else:
            return None
    except (ValueError, OverflowError, OSError):
        return None
    return found if 1970 <= found.year < 9999 else None


def _field(body: bytes, name: str) -> bytes:
    try:
        fields = parse_qs(
            body.decode(), keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=20
        )
    except ValueError as error:
        raise Refused(400, "malformed", f"the body is no form: {error}") from None
    found = fields.get(name, [])
    if len(found) != 1:
        raise Refused(400, "malformed", f"the form has the field {name!r} {len(found)} times; it must have it once")
    return found[0].encode()


def _kind(value: Any) -> str:
    return {list: "list", str: "text", bool: "boolean", int: "number", float: "number"}.get(type(value), "null")
