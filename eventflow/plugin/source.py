"""The contract of a source: what turns the outside into events.

An HTTP source says who may send (`verify`, over the raw bytes, in constant time) and what was sent (`read`); limits,
deadlines, CEL mapping, deduplication, publishing and the answer are the gateway's, the same for all sources. A `Pull`
source fetches by itself; what it fetched goes the same way.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

import msgspec

from eventflow.errors import Refused
from eventflow.model.event import Micros


class Delivery(msgspec.Struct, frozen=True):
    """One HTTP request as it came: `headers` with lower-case names (the first wins where one is repeated and must not
    be; `repeated` names those), `body` the sender's own bytes after content decoding, `raw` before it.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    received: Micros
    """The wall clock when the head of the request was read."""
    peer: str = ""
    repeated: frozenset[str] = frozenset()


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """An event as its source makes it; the gateway fills in what is left open.

    `id` None: derived from the body's hash (`sender_id` false: a repeat with another body is a duplicate, not a
    conflict). `body` is what the sender sent when `data` is a normalised shape of it. `source` None: the name of the
    configured source.
    """

    type: str
    id: str | None = None
    sender_id: bool = True
    source: str | None = None
    kind: str | None = None
    subject: str | None = None
    time: datetime | None = None
    data: Any = None
    body: Any = None
    extensions: Mapping[str, Any] = {}


class SourceContext(msgspec.Struct, frozen=True):
    """What a source is made from: its name, its settings as given, and its live secrets (newest first)."""

    name: str
    settings: Mapping[str, Any]
    secrets: Sequence[bytes]


class Source(ABC):
    """A source, over HTTP unless it is a `Pull`. `name` of the class is its type; one object per configured source."""

    name: ClassVar[str]
    extra: ClassVar[str | None] = None
    """The extra that must be installed, None for the core."""

    def __init__(self, context: SourceContext) -> None:
        """Check the settings; raise `SettingsError` with advice."""
        self.context = context

    @abstractmethod
    def verify(self, delivery: Delivery) -> None:
        """Raise `Refused` (401) unless the sender holds one of the secrets. Absent means refused.

        Look at nothing but headers, query and raw bytes, and compare in constant time.
        """

    @abstractmethod
    def read(self, delivery: Delivery) -> Sequence[Draft]:
        """The events of an authentic delivery, in order; none for what is to be acknowledged and forgotten (a ping).

        Raise `Refused` (400, 415, 422) for what can't be read; never anything else, whatever the bytes.
        """


class Pull(Source):
    """A source that fetches: a topic, a mailbox, an API that is asked now and then.

    The house runs it in one process at a time (W24): `open`, then `pull` and `settle` in turns, then `close`; after an
    error it is closed and opened again, later and later. What `pull` returned is stored or is a dead letter when
    `settle` is called, and only then may it be forgotten where it came from; after a crash it comes again, under the
    same identities. `open`, `pull` and `settle` raise `StorageBusy` for a bad moment and `SettingsError` for what only
    other settings mend; both are told and tried again.
    """

    def verify(self, delivery: Delivery) -> None:
        """Nobody gets in: there is no door."""
        raise Refused(401, "credentials", "this source fetches by itself and takes no requests")

    @abstractmethod
    async def open(self) -> None:
        """Connect, and stand behind what was settled last."""

    @abstractmethod
    async def pull(self, limit: int, wait: float) -> Sequence[Delivery]:
        """The next messages, at most `limit`, each as a delivery; none when none came in `wait` seconds.

        Never cancelled by the house, so it returns in about `wait` seconds whatever happens.
        """

    @abstractmethod
    async def settle(self) -> None:
        """Everything pulled so far is safe: remember at the other end that it is behind us."""

    @abstractmethod
    async def close(self) -> None:
        """Let go, in bounded time; safe to call when `open` failed."""
