"""A small house around a store under test: a router that only commits, an executor that only appends.

It is what the tests of `StoreContract` are written with, so that each says what it is about and nothing else.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from eventflow.model.commit import Commit
from eventflow.model.record import Position, Ref
from eventflow.model.run import EventCopy, Firing
from eventflow.model.workflow import Concurrency, Workflow, encode
from eventflow.plugin.store import Append, Appended, Claim

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from eventflow.model.event import Micros
    from eventflow.model.run import Status
    from eventflow.plugin.store import Admitted, Store

T0: Micros = 1_700_000_000_000_000
SECOND: Micros = 1_000_000
MINUTE: Micros = 60 * SECOND
DAY: Micros = 86_400 * SECOND
LEASE: Micros = MINUTE
NEWEST = 1 << 40
"""A catalogue number above any other: such a commit was decided with all waits there will be."""

WORKFLOW = Workflow(id="team/build", name="build")
OTHER = Workflow(id="team/other", name="other")
DEFINITIONS = {one.id: encode(one) for one in (WORKFLOW, OTHER)}
SINGLE = Concurrency(mode="single")
QUEUED = Concurrency(mode="queued")
RESTART = Concurrency(mode="restart")


def event(offset: int, *, text: str = "", partition: int = 0) -> EventCopy:
    """A record's copy; `text` tells two events at one place apart."""
    data = b'{"id":"e%d","source":"here","type":"test","text":"%s"}' % (offset, text.encode())
    return EventCopy(Ref(partition, offset), T0 + offset, data)


def firing(run: str, **different: Any) -> Firing:
    """A firing of the workflow `team/build`; everything can be said differently."""
    plain: dict[str, Any] = {
        "workflow": WORKFLOW.id, "definition": WORKFLOW.hash, "trigger": "on", "fired_at": T0, "group": WORKFLOW.id,
        "concurrency": Concurrency(),
    }  # fmt: skip
    return Firing(run=run, **(plain | different))


class House:
    """A store with whoever uses it. Commits follow each other by themselves; `now` is the log clock."""

    def __init__(self, store: Store, last: str = "", position: int = 0) -> None:
        """Begin where the partition stands."""
        self.store = store
        self.last, self.position = last, position
        self.now = T0 + MINUTE

    def commit_of(self, **effects: Any) -> Commit:
        """The next commit of partition 0, not yet sent."""
        offset = effects.pop("offset", self.position + 1)
        plain: dict[str, Any] = {
            "id": f"commit-{offset}", "follows": self.last, "partition": 0,
            "position": Position(offset, b"mark%d" % offset), "log_time": self.now, "waits": NEWEST,
        }  # fmt: skip
        return Commit(**(plain | effects))

    async def commit(self, **effects: Any) -> Admitted:
        """Commit these effects as the next batch of partition 0."""
        commit = self.commit_of(**effects)
        done = await self.store.commit(commit)
        self.last, self.position = commit.id, commit.position.offset
        return done

    async def fire(self, *firings: Firing) -> dict[str, str]:
        """Commit firings; what became of them."""
        return (await self.commit(firings=firings)).runs

    async def claim(self, limit: int = 100, worker: str = "anna", lease: Micros = LEASE) -> dict[str, Claim]:
        """Claim; by run."""
        return {claim.run.id: claim for claim in await self.store.claim(worker, limit, lease, self.now)}

    async def started(self, run: str = "run_a", **different: Any) -> Claim:
        """Fire a run and claim it."""
        assert await self.fire(firing(run, **different)) == {run: "queued"}
        return (await self.claim())[run]

    async def append(self, claim: Claim, **what: Any) -> Appended:
        """Append to a run in hand."""
        return await self.store.append(claim.lease, Append(**({"at": self.now} | what)))

    async def status(self, run: str) -> tuple[Status, str | None]:
        """A run's status and reason."""
        found = await self.store.run(run)
        return found.status, found.reason


class StoreSuite:
    """What the parts of `StoreContract` have in common: `make_store` is what a backend brings."""

    def make_store(self, place: Path) -> Store:
        """A store, not yet open, whose data lie at `place` (an existing folder); the same place is the same data."""
        raise NotImplementedError

    async def crash(self, store: Store) -> None:
        """Let go of the store as a dying process would. A backend that can do it harder than `close` says how."""
        await store.close()

    @asynccontextmanager
    async def house(self, place: Path) -> AsyncIterator[House]:
        """An open store at `place` with the definitions of this suite active."""
        store = self.make_store(place)
        await store.open()
        try:
            where = await store.recall(0)
            await store.activate(DEFINITIONS, T0)
            yield House(store, where.last, where.position.offset)
        finally:
            await store.close()
