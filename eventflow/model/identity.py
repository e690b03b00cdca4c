"""The one hash for partitions, identities and run ids, so that everybody everywhere computes the same (W1, W3, W13).

Hashes are BLAKE2b over length-prefixed parts: `("ab", "c")` and `("a", "bc")` never meet.
"""

from __future__ import annotations

import base64
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from eventflow.model.event import Micros


def digest(parts: Iterable[str], size: int = 16) -> bytes:
    """A hash over the parts, each with its length in front. `size` in bytes."""
    raw = [part.encode("utf-8", "surrogatepass") for part in parts]
    return blake2b(b"".join([len(one).to_bytes(4, "big") + one for one in raw]), digest_size=size).digest()


def partition_of(key: str, partitions: int) -> int:
    """The data partition that owns `key`: H(key) mod N (W1)."""
    if partitions == 1:
        return 0
    return int.from_bytes(blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big") % partitions


def run_id(workflow: str, trigger: str, identities: Iterable[tuple[str, str]], generation: str = "0") -> str:
    """The id of the run that these events start; the same events can start no second one (W13)."""
    parts = [part for identity in identities for part in identity]
    return _name(["event", workflow, trigger, *parts, generation])


def timer_run_id(workflow: str, trigger: str, key: str, due: Micros, generation: str = "0") -> str:
    """The id of the run that a timer due at `due` starts."""
    return _name(["timer", workflow, trigger, key, str(due), generation])


def child_run_id(parent: str, path: str, visit: int, attempt: int) -> str:
    """The id of the run that a `workflow.run` step starts (W22)."""
    return _name(["child", parent, path, str(visit), str(attempt)])


def _name(parts: Iterable[str]) -> str:
    return "run_" + base64.b32encode(digest(parts, 15)).decode().lower()
