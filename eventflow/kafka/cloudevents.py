"""CloudEvents in Kafka messages: structured and binary mode, both ways, as pure functions.

By the Kafka protocol binding 1.0.2 of CloudEvents: the header `content-type` that begins with `application/cloudevents`
makes a message structured; else headers `ce_<attribute>` make it binary, its value is the data and `content-type` says
of what type; header values are UTF-8 as they are (no percent-encoding); the extension `partitionkey` becomes the
message's key. A null value is an event without data. There is no batched mode.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Raw

Headers: TypeAlias = list[tuple[str, bytes]]
Given: TypeAlias = Sequence[tuple[str, bytes | None]]
"""Headers as they come: names may repeat, values may be null."""

STRUCTURED: Final = "application/cloudevents+json"
STRUCTURED_HEADERS: Final[Headers] = [("content-type", b"application/cloudevents+json; charset=UTF-8")]
PREFIX: Final = "ce_"
_DATA: Final = ("data", "data_base64", "datacontenttype")
_TEXTUAL: Final = ("text/", "application/xml", "application/yaml", "application/x-www-form-urlencoded")
_UTF8: Final = frozenset(("utf-8", "utf8", "us-ascii"))
_syntax: Final = msgspec.json.Decoder(Raw).decode
_attributes: Final = msgspec.json.Decoder(dict[str, Raw]).decode
_LINE_BREAKS: Final = bytes.maketrans(b"\r\n", b"  ")


class NotCloudEvent(ValueError):
    """The message is no CloudEvent; the text says why, for who sent it."""


def is_cloudevent(headers: Given) -> bool:
    """Whether the headers say that this is a CloudEvent, in either mode."""
    return any(
        name.startswith(PREFIX) or (name.lower() == "content-type" and _is_structured(value)) for name, value in headers
    )


def attributes(value: bytes | None, headers: Given) -> dict[str, Any]:
    """The event as the members of its JSON form. Raises `NotCloudEvent`.

    `data` is `Raw` JSON or text, `data_base64` a text. Nothing is said of whether attributes are there or well formed.
    """
    content_type = header(headers, "content-type")
    if content_type.lower().startswith("application/cloudevents"):
        return _of_structured(value, content_type)
    return _of_binary(value, headers, content_type)


def line(value: bytes | None, headers: Given) -> bytes:
    """The event as one line of JSON. Raises `NotCloudEvent`."""
    return msgspec.json.encode(attributes(value, headers))


def structured(line_: bytes) -> tuple[bytes | None, bytes, Headers]:
    """Key, value and headers of the message in structured mode. Raises `NotCloudEvent` for what is no event."""
    return _key(_members(line_)), line_, STRUCTURED_HEADERS


def binary(line_: bytes) -> tuple[bytes | None, bytes | None, Headers]:
    """Key, value and headers of the message in binary mode. Raises `NotCloudEvent` for what is no event.

    Attributes become text, as headers are: a reader gets the number 3 back as "3". Extensions that hold an object or an
    array have no binary form.
    """
    members = _members(line_)
    value, content_type = _value(members)
    headers = [(PREFIX + name, _text(name, raw).encode()) for name, raw in members.items() if name not in _DATA]
    if content_type:
        headers.append(("content-type", content_type.encode()))
    return _key(members), value, headers


def header(headers: Given, name: str) -> str:
    """The header's value, whatever the case of its name; empty when there is none. Raises `NotCloudEvent`."""
    found = [value for given, value in headers if given.lower() == name]
    if len(found) > 1:
        raise NotCloudEvent(f"the header {name} comes twice")
    return _decoded(name, found[0] or b"") if found else ""


def data_of(content_type: str, value: bytes | None) -> dict[str, Any]:
    """`data` or `data_base64` of a value by its content type. Raises `NotCloudEvent` for JSON that is none."""
    if value is None:
        return {}
    kind, _, parameters = content_type.lower().partition(";")
    kind = kind.strip()
    if kind == "application/json" or kind.endswith("+json"):
        return {"data": json_of(value)}
    if kind.startswith(_TEXTUAL) and _charset(parameters) in _UTF8:
        return {"data": _decoded("value", value)}
    return {"data_base64": base64.b64encode(value).decode()}


def json_of(value: bytes) -> Raw:
    """JSON as it came, on one line, its syntax checked to the end. Raises `NotCloudEvent`."""
    try:
        if not value.isascii():
            value.decode()
        _syntax(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotCloudEvent(f"the value is not JSON: {str(error)[:200]}") from None
    return Raw(_one_line(value))


def _of_structured(value: bytes | None, content_type: str) -> dict[str, Any]:
    kind, _, parameters = content_type.lower().partition(";")
    if kind.strip() != STRUCTURED:
        raise NotCloudEvent(f"content-type {content_type[:80]!r} is not taken: Kafka has no batches, and of formats "
                            f"there is {STRUCTURED}")  # fmt: skip
    if _charset(parameters) not in _UTF8:
        raise NotCloudEvent(f"content-type {content_type[:80]!r}: only UTF-8 is taken")
    if value is None:
        raise NotCloudEvent("the value is null; in structured mode it is the event")
    return dict(_members(value))


def _of_binary(value: bytes | None, headers: Given, content_type: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, given in headers:
        if not name.startswith(PREFIX):
            continue
        attribute = name[len(PREFIX) :]
        if attribute in found:
            raise NotCloudEvent(f"the header {name[:60]} comes twice")
        if attribute in _DATA:
            raise NotCloudEvent(f"{name} is no attribute: data is the value, and its type the header content-type")
        if given is not None:
            found[attribute] = _decoded(name, given)
    if not found:
        raise NotCloudEvent("there is neither a content-type of CloudEvents nor a header ce_…")
    if content_type:
        found["datacontenttype"] = content_type
    return found | data_of(content_type, value)


def _members(line_: bytes) -> dict[str, Raw]:
    """The members of a JSON object. Null is the same as not there (JSON event format 2.2)."""
    try:
        if not line_.isascii():
            line_.decode()
        found = _attributes(_one_line(line_))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotCloudEvent(f"the value is not a JSON object: {str(error)[:200]}") from None
    return {name: raw for name, raw in found.items() if name == "data" or bytes(raw) != b"null"}


def _value(members: dict[str, Raw]) -> tuple[bytes | None, str]:
    """Value and content type of a message whose event has these members."""
    given = _text("datacontenttype", members["datacontenttype"]) if "datacontenttype" in members else ""
    if "data_base64" in members:
        try:
            return base64.b64decode(_text("data_base64", members["data_base64"]), validate=True), given
        except ValueError:
            raise NotCloudEvent("data_base64 is not base64") from None
    if "data" not in members:
        return None, given
    data = bytes(members["data"])
    kind = given.lower().partition(";")[0].strip()
    if kind and not (kind == "application/json" or kind.endswith("+json")) and data.startswith(b'"'):
        return _text("data", members["data"]).encode(), given
    return data, given or "application/json"


def _key(members: dict[str, Raw]) -> bytes | None:
    return _text("partitionkey", members["partitionkey"]).encode() if "partitionkey" in members else None


def _text(name: str, raw: Raw) -> str:
    """The canonical text of an attribute's value (CloudEvents 1.0, type system)."""
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise NotCloudEvent(f"{name[:60]} is not JSON: {str(error)[:100]}") from None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise NotCloudEvent(f"the attribute {name[:60]} is {type(value).__name__}, which no header can hold")


def _decoded(name: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise NotCloudEvent(f"{name[:60]} is not UTF-8") from None


def _is_structured(value: bytes | None) -> bool:
    return (value or b"")[:23].lower() == b"application/cloudevents"


def _charset(parameters: str) -> str:
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name.strip() == "charset":
            return value.strip().strip('"')
    return "utf-8"


def _one_line(text: bytes) -> bytes:
    """A line break in valid JSON is white space, so it may be a space as well."""
    return text.strip().translate(_LINE_BREAKS) if b"\n" in text or b"\r" in text else text
