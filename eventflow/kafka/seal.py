"""The seal of what only the engine may say: an HMAC that strangers who write into the topic cannot make (W2).

The key is made at the first start and lies in the store. Signed are the partition and the record's whole line, so a
sealed record can be copied, which changes nothing (its identity is known), but not altered nor moved to the control
partition. Events of everybody are not sealed: they claim nothing that is the engine's alone.
"""

from __future__ import annotations

import hmac
from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from eventflow.model.control import RESERVED_EXTENSIONS
from eventflow.model.event import ENGINE

HEADER: Final = "eventflow-seal"
SETTING: Final = "seal"
"""The name of the key among the settings of the store (`Ledger.setting`)."""
KEY_BYTES: Final = 32
LONGEST: Final = 1024
PROVEN_LIMIT: Final = 4096
Text = Annotated[str, Meta(min_length=1, max_length=LONGEST)]
Never = Literal["\0"] | UnsetType


class Claims(msgspec.Struct, frozen=True, gc=False):
    """What a line of ours says of itself: its key, and whether it says what strangers may not."""

    source: str
    type: str
    subject: str | None = None
    kind: str | None = None
    partitionkey: str | None = None
    eventflowchain: Raw | UnsetType = UNSET
    eventflowhops: Raw | UnsetType = UNSET
    sourcename: Raw | UnsetType = UNSET
    sourcetype: Raw | UnsetType = UNSET

    @property
    def key(self) -> str:
        """What the partition is chosen by (W1)."""
        return self.partitionkey or self.subject or self.source

    @property
    def reserved(self) -> str:
        """What of it only the engine or its door may say; empty for an event that anybody may send."""
        if self.eventflowchain is self.eventflowhops is self.sourcename is self.sourcetype is UNSET:
            return reserved_name(self.source, self.type, self.kind)
        return next(f"the attribute {name!r}" for name in RESERVED_EXTENSIONS if getattr(self, name) is not UNSET)


class Foreign(msgspec.Struct, frozen=True, gc=False):
    """An event of a stranger, held to what the doors demand. The reserved attributes have a type that no value fits.

    Decoding it checks the syntax of the whole line.
    """

    specversion: Literal["1.0"]
    id: Text
    source: Text
    type: Text
    time: Annotated[datetime, Meta(tz=True)] | None = None
    subject: Annotated[str, Meta(max_length=LONGEST)] | None = None
    kind: Text | None = None
    partitionkey: Annotated[str, Meta(max_length=LONGEST)] | None = None
    eventflowchain: Never = UNSET
    eventflowhops: Never = UNSET
    sourcename: Never = UNSET
    sourcetype: Never = UNSET


claims: Final = msgspec.json.Decoder(Claims).decode
"""The claims of a line. Raises `msgspec.DecodeError`, `UnicodeDecodeError`, `RecursionError` for what has none."""
foreign: Final = msgspec.json.Decoder(Foreign).decode
"""The event of a stranger. Raises the same for what is none, and for what is not a stranger's to say."""


def reserved_name(source: str, type_: str, kind: str | None) -> str:
    """Which of these names only the engine gives, in words; empty for none."""
    for what, name in (("source", source), ("type", type_), ("kind", kind or "")):
        if name == ENGINE or name.startswith("eventflow.") or (what != "source" and name.startswith("detector.")):
            return f"{what} {name[:80]!r}"
    return ""


class Seal:
    """Signs and verifies with one key."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        """`key`: `KEY_BYTES` that nobody else knows."""
        if len(key) != KEY_BYTES:
            raise ValueError(f"the key of a seal has {KEY_BYTES} bytes, not {len(key)}")
        self._key = key

    def sign(self, partition: int, line: bytes) -> bytes:
        """The seal of this line at this partition: HMAC-SHA256, 32 bytes."""
        return hmac.digest(self._key, partition.to_bytes(4, "big", signed=True) + line, "sha256")

    def verify(self, partition: int, line: bytes, given: bytes) -> bool:
        """Whether the seal is this line's, compared in constant time."""
        return hmac.compare_digest(self.sign(partition, line), given)

    def __repr__(self) -> str:
        """Without the key."""
        return "Seal()"
