"""The four forms in which CloudEvents come over HTTP, each turned into lines of JSON.

CloudEvents 1.0, HTTP protocol binding and JSON event format: binary (attributes in `ce-` headers), structured
(`application/cloudevents+json`), batch (`application/cloudevents-batch+json`), and NDJSON (`application/x-ndjson`, one
event a line). One parser for each declared content type; nothing is guessed from the body.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import msgspec
from msgspec import Raw

from eventflow.web.problems import refused

if TYPE_CHECKING:
    from collections.abc import Iterable

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl")
MANY = (BATCH, *NDJSON)

_syntax = msgspec.json.Decoder(Raw).decode
_LINE_BREAKS = bytes.maketrans(b"\r\n", b"  ")
_NEW_LINE, _RETURN = b"\n\r"
"""As numbers, which are found twenty times as quickly in a line of 1 KB."""
_TEXTUAL = ("text/", "application/xml", "application/yaml", "application/x-www-form-urlencoded")


def media_type(header: str) -> str:
    """The type of a Content-Type header without its parameters; raises `Refused` (415) unless its text is UTF-8."""
    kind, _, parameters = header.partition(";")
    for parameter in parameters.lower().split(";"):
        name, _, value = parameter.strip().partition("=")
        if name == "charset" and value.strip('"') not in {"utf-8", "utf8", "us-ascii"}:
            raise refused("media-type", f"charset {value[:40]!r} is not taken; send UTF-8")
    return kind.strip().lower()


def check_text(body: bytes) -> None:
    """Raise `Refused` (400) unless the bytes are UTF-8; asked once for a whole body."""
    if body.isascii():
        return
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise refused("malformed", f"the body is not UTF-8 (byte {error.start})") from None


def one_line(text: bytes) -> bytes:
    """JSON on one line: a line break in valid JSON is white space, so it may be a space as well."""
    text = text.strip()
    return text.translate(_LINE_BREAKS) if _NEW_LINE in text or _RETURN in text else text


def ndjson(body: bytes) -> tuple[list[bytes], list[int] | None]:
    """The lines that are not empty, and their numbers where these are not simply 1, 2, 3."""
    lines = body.split(b"\n")
    if not lines[-1].strip():
        lines.pop()
    if b"\r" in body or not all(lines):
        numbered = [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
        return [line for _, line in numbered], [number for number, _ in numbered]
    return lines, None


def batch(body: bytes) -> list[bytes]:
    """The events of a JSON array. Raises `Refused` (400, 422)."""
    try:
        found = msgspec.json.decode(body, type=list[Raw])
    except msgspec.ValidationError:
        raise refused("invalid", "a batch is a JSON array of events") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise refused("malformed", f"the batch is not JSON: {error}") from None
    return [one_line(bytes(raw)) for raw in found]


def binary(headers: Iterable[tuple[str, str]], content_type: str, body: bytes) -> bytes:
    """One event from `ce-` headers and a body of any type. Raises `Refused` (400, 403, 422).

    JSON stays JSON, text becomes a text, everything else base64; an empty body is no data at all.
    """
    attributes: dict[str, Any] = {}
    for name, value in headers:
        attribute = name.lower()
        if attribute.startswith("ce-"):
            if attribute[3:] in attributes:
                raise refused("malformed", f"the header {attribute[:60]} comes twice")
            attributes[attribute[3:]] = _decoded(attribute, value)
    for name in ("data", "data_base64", "datacontenttype"):
        if name in attributes:
            raise refused("invalid", f"ce-{name} is no attribute; data is the body and its type Content-Type")
    if content_type:
        attributes["datacontenttype"] = content_type
    return msgspec.json.encode(attributes | data_of(content_type, body))


def data_of(content_type: str, body: bytes) -> dict[str, Any]:
    """`data` or `data_base64` of a body, by its content type. Raises `Refused` (400) for JSON that is none."""
    if not body:
        return {}
    kind = media_type(content_type)
    if kind == "application/json" or kind.endswith("+json"):
        return {"data": json_data(body)}
    if kind.startswith(_TEXTUAL):
        check_text(body)
        return {"data": body.decode()}
    return {"data_base64": base64.b64encode(body).decode()}


def json_data(body: bytes) -> Raw:
    """A JSON body as it came, on one line; its syntax is checked to the end. Raises `Refused` (400)."""
    check_text(body)
    try:
        _syntax(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise refused("malformed", f"the body is not JSON: {error}") from None
    return Raw(one_line(body))


def _decoded(name: str, value: str) -> str:
    """A header's value by the HTTP binding 3.1.3.2: quotes off, percent-encoded UTF-8 on."""
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    try:
        return unquote_to_bytes(value).decode()
    except (UnicodeDecodeError, UnicodeEncodeError):
        raise refused("malformed", f"the header {name[:60]} is not percent-encoded UTF-8") from None
