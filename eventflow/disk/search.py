"""Finding an event in the log by its id, for people: a scan from the newest back.

A thing of its own because there is no index on purpose: it would cost every event on its way in, for a question that is
asked by hand.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from eventflow.model.record import Ref

if TYPE_CHECKING:
    from eventflow.disk.rows import Row

PLAIN = re.compile(r"[A-Za-z0-9_.-]+")


class _OnlyId(msgspec.Struct):
    id: str = ""


_decode = msgspec.json.Decoder(_OnlyId).decode


def has_id(line: bytes, identity: str) -> bool:
    """Whether this record is an event with this id."""
    try:
        return _decode(line).id == identity
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False


class Search:
    """One id looked for in many blobs: most are put aside by one look for its longest plain part."""

    def __init__(self, identity: str) -> None:
        """Look for this id."""
        self._identity = identity
        self._needle = max(PLAIN.findall(identity), key=len, default="").encode()

    def within(self, partition: int, blob: bytes, row: Row) -> list[tuple[int, Ref]]:
        """The places in a row, newest first, each with its log time."""
        # JSON may write any letter of the id as an escape.
        if self._needle not in blob and b"\\u" not in blob:
            return []
        places = [(row.log_time, Ref(partition, row.base + n)) for n, line in enumerate(row.lines) if self._is(line)]
        return places[::-1]

    def _is(self, line: bytes) -> bool:
        return (self._needle in line or b"\\u" in line) and has_id(line, self._identity)
