"""The encoders extension: base64."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from eventflow.match.functions.table import function
from eventflow.match.problems import EvaluationError

_GROUP: Final = "Encoding"


@function(
    "base64.encode",
    "(bytes) -> string",
    group=_GROUP,
    doc="Bytes as base64 text.",
    example="base64.encode(b'hello') == 'aGVsbG8='",
)
def encode(value: bytes) -> str:
    """Base64 text."""
    return base64.b64encode(value).decode()


@function(
    "base64.decode",
    "(string) -> bytes",
    group=_GROUP,
    doc="The bytes of base64 text, with or without padding.",
    example="base64.decode('aGVsbG8') == b'hello'",
)
def decode(text: str) -> bytes:
    """The bytes."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise EvaluationError("convert", "the text is not base64") from None
