"""The contract of a store: the router's ledger, the executor's journal, the reader's history, and leases.

Held by `eventflow.testing.StoreContract`. Every method is one transaction; a statement that touches another number of
rows than it must is a fault (`StorageDamaged`), never a success (W25). Times are given by the caller (log clock), a
store asks no clock. Raises `StorageFull`/`StorageBusy` (nothing written), `StorageLost` (stop).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

import msgspec

from eventflow.model.control import DeadLettersLimit
from eventflow.model.event import Micros
from eventflow.model.run import EventCopy, Firing, InboxItem, Run, Status, Wait

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from eventflow.model.commit import Commit, Recalled
    from eventflow.model.outcome import DeadCount, DeadLetter, Outcome
    from eventflow.model.record import Ref


# --- router ----------------------------------------------------------------------------------------------------------


class Admitted(msgspec.Struct, frozen=True):
    """What became of the firings of a commit, for metrics and the log: run id → status ("duplicate" for a known id).

    `full`: whose dead letters are counted and not kept from this commit on.
    """

    runs: dict[str, str]
    late: int = 0
    full: tuple[DeadLettersLimit, ...] = ()


DEAD_LETTERS: Final = 1000
"""So many dead letters a store keeps of one trigger, and of records as a whole, unless it is told otherwise."""


class Ledger(Protocol):
    """The router's side."""

    async def recall(self, partition: int) -> Recalled:
        """Where the partition stands and its memory; a partition never seen before stands at 0 with no memory."""
        ...

    async def commit(self, commit: Commit) -> Admitted:
        """Write all of the commit or nothing, admission included (W10, W12, W13, W20).

        Raises `Fenced` unless the partition's `last` is `commit.follows`, and `Outdated` when `commit.waits` is below
        the newest catalogue that a partition has taken over or whose definitions a child was started with: its records
        may hold what a run of such a definition waits for (W11). A commit whose id is already `last` is done
        and returns quietly: that is how an unclear commit is repeated. In the same transaction:
        runs are created by `admit` in the order of `firings` (known ids are skipped), each with its events copied, the
        next number of its workflow and of its group; `single` and `restart` look at the open runs of the group; a
        suppressed run is written with status, reason and end, its `run_event` in the outbox and, with a parent, a
        `child` item in the parent's inbox. Deliveries become inbox items once per (identity, run), of open runs only.
        Arrivals are kept, and become inbox items of the runs that wait for them. Dead letters are kept up to a bound
        for each trigger and for records as a whole, the first ones; those beyond are counted (`dead_beyond`), and the
        first of them puts `eventflow.dead_letters.limit` into the outbox.
        """
        ...

    async def partitions(self) -> Mapping[int, tuple[int, int, Micros]]:
        """Per partition that ever committed: (position, memory_at, log time read up to) (W6, W21)."""
        ...

    async def earliest_deadline(self) -> Micros | None:
        """The earliest deadline of an open answerable wait or of `start_within` (W21); None without any."""
        ...

    async def activate(self, definitions: Mapping[str, bytes], at: Micros) -> int:
        """Make these definitions (workflow id → canonical text) the newest catalogue; return its number.

        The same set as the newest keeps its number (W11).
        """
        ...

    async def catalogue(self, number: int | None = None) -> tuple[int, dict[str, bytes]]:
        """A catalogue by number (None: the newest; (0, {}) when there is none yet)."""
        ...

    async def open_definitions(self) -> dict[str, bytes]:
        """By hash the canonical text of every definition that an open run is pinned to (wait selectors, W20)."""
        ...

    async def definition(self, hash_: str) -> bytes:
        """One definition by its hash. Raises `NotFound`."""
        ...

    async def outbox(self, limit: int) -> list[tuple[int, bytes]]:
        """The oldest outgoing events: (row id, event)."""
        ...

    async def outbox_done(self, ids: Sequence[int]) -> None:
        """Delete rows that have been published."""
        ...

    async def setting(self, name: str, value: str) -> str:
        """The value fixed at the first start under `name` (N, keys); writes `value` when there is none yet (W1)."""
        ...

    async def prune(self, runs_before: Micros, now: Micros) -> int:
        """Retention of ended runs, outcomes, arrivals (W20), seen-once identities. Returns rows removed.

        May be several transactions, so that none is long; each leaves the store whole.
        """
        ...


# --- executor --------------------------------------------------------------------------------------------------------


class Lease(msgspec.Struct, frozen=True):
    """The right to write a run's journal: void when the store holds another epoch."""

    run: str
    worker: str
    epoch: int


class JournalLine(msgspec.Struct, frozen=True):
    """One entry of a run's journal as it is stored: JSON that only `execute` reads (`model.journal`)."""

    seq: int
    data: bytes


class Claim(msgspec.Struct, frozen=True):
    """A run in hand: the row, its journal, its unread and read inbox in order of id, and its events.

    `admitted` false: the run is queued and its group has no room; only its inbox may be dealt with.
    """

    lease: Lease
    run: Run
    lines: tuple[JournalLine, ...]
    inbox: tuple[InboxItem, ...]
    events: tuple[EventCopy, ...]
    definition: bytes
    admitted: bool


class Append(msgspec.Struct, frozen=True, kw_only=True):
    """What an executor writes in one transaction.

    `status` None leaves it. A terminal status ends the run: its waits are withdrawn, its group's place is free, its
    `run_event` goes to the outbox, a waiting parent gets its `child` item, open children are told to cancel.
    `inbox_seen` is the id of the newest inbox item read: with `decisive` (an end of a wait or of the run) the append is
    refused with `Unread` when there is a newer one. `wake_at` is when somebody must look again (log clock; None: never,
    until an inbox item comes). `release` gives the lease back.
    """

    entries: tuple[bytes, ...] = ()
    status: Status | None = None
    reason: str | None = None
    outputs: dict[str, Any] | None = None
    at: Micros
    wake_at: Micros | None = None
    release: bool = False
    inbox_seen: int = 0
    decisive: bool = False
    waits: tuple[Wait, ...] = ()
    withdraw: tuple[tuple[str, int], ...] = ()
    """(path, visit) of waits that are over."""
    children: tuple[Firing, ...] = ()
    outbox: tuple[bytes, ...] = ()


class Appended(msgspec.Struct, frozen=True):
    """The answer to an append: the inbox items newer than `inbox_seen` (new waits have read their arrivals)."""

    inbox: tuple[InboxItem, ...]


class Journal(Protocol):
    """The executor's side (W18)."""

    async def claim(self, worker: str, limit: int, lease: Micros, now: Micros) -> list[Claim]:
        """Take up to `limit` runs that need somebody, under leases until `now + lease`.

        Needs somebody: queued with room in its group (lowest group number first; becomes `running`, W12) or with unread
        inbox; running with no live lease; waiting or paused with unread inbox or with `wake_at` ≤ now. A queued
        run with `start_by` < now is ended as suppressed (`expired`), room or not.
        """
        ...

    async def renew(self, leases: Sequence[Lease], until: Micros) -> list[Lease]:
        """Hold on to leases; returns those that are lost."""
        ...

    async def append(self, lease: Lease, append: Append) -> Appended:
        """Write one step of a run. Raises `Fenced` when the lease is not the run's any more, `Unread` (see `Append`).

        Nothing can be appended to a run that has ended: `Fenced`.
        """
        ...

    async def release(self, worker: str) -> None:
        """Give back all leases of this worker (drain, or a restart of the same worker)."""
        ...

    def listen(self, worker: str, call: Callable[[], object] | None) -> None:
        """Call `call` as soon as a commit of this process has made runs that `claim` can take; None: no more.

        That may be before the commit returns, so that both wait for one sync. An append returns once all that it builds
        on is safe with it: the run, its claim, the commit. A store may also never call.
        """
        ...

    async def next_wake(self, now: Micros) -> Micros | None:
        """When `claim` will next have something that it has not now, as far as time alone decides; None: never."""
        ...


# --- readers ---------------------------------------------------------------------------------------------------------


class OpenWait(msgspec.Struct, frozen=True):
    """A question that is open: the run, its workflow, and the wait."""

    run: str
    workflow: str
    wait: Wait


class History(Protocol):
    """The reader's side. Lists are newest first; `after` is the last id of the page before."""

    async def runs(
        self,
        limit: int,
        after: str | None = None,
        *,
        workflow: str | None = None,
        status: Sequence[str] = (),
        event: Ref | None = None,
    ) -> list[Run]:
        """Runs, newest first."""
        ...

    async def run(self, run: str) -> Run:
        """One run. Raises `NotFound`."""
        ...

    async def read(self, run: str) -> list[JournalLine]:
        """The journal of a run."""
        ...

    async def inbox(self, run: str) -> list[InboxItem]:
        """All that reached a run, late items included."""
        ...

    async def run_events(self, run: str) -> list[EventCopy]:
        """The run's own copies of its events."""
        ...

    async def questions(self, limit: int, after: str | None = None) -> list[OpenWait]:
        """Questions to people that are open, those of the oldest run first.

        `after` is `<run>/<path>/<visit>`, or a run's id for what follows that run.
        """
        ...

    async def outcomes(self, ref: Ref) -> list[Outcome]:
        """The refusals kept for a record (W14)."""
        ...

    async def dead(self, limit: int, after: str | None = None) -> list[tuple[str, DeadLetter]]:
        """Dead letters with their ids, newest first."""
        ...

    async def dead_beyond(self) -> list[DeadCount]:
        """How many dead letters were counted and not kept, by trigger (see `Ledger.commit`)."""
        ...

    async def counts(self) -> dict[tuple[str, str], int]:
        """(workflow, status) → number of runs; under "" of all workflows together."""
        ...


@runtime_checkable
class Store(Ledger, Journal, History, Protocol):
    """The whole store."""

    async def open(self) -> None:
        """Be ready, migrations done. Raises `StorageHeld`, `StorageDamaged`."""
        ...

    async def close(self) -> None:
        """Let go; safe to call twice."""
        ...

    async def lease(self, name: str, worker: str, ttl: Micros, now: Micros) -> bool:
        """Take or keep the lease `name` for what only one may do (W24); false while somebody else has it."""
        ...
