"""What a forest is made from, on its way into the process that makes it; apart because asking needs no numpy."""

from __future__ import annotations

import msgspec


class Job(msgspec.Struct, frozen=True):
    """Everything a forest is made from."""

    trees: int
    sample: int
    seed: int
    width: int
    rows: bytes
    """float32, row after row."""
