"""A load for the store that touches everything, and the check of what is left of it after a power cut.

Two judges. `states` are the tables as they were after each transaction of the load: what a cut leaves must be one of
them, whole, and none older than the last acknowledgement. And the load's own books, read through the store's doors.
"""

import asyncio
import contextlib
import random
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import apsw
import pytest
from power.tape import Tape

from eventflow.errors import Fenced, NotFound, StorageError, StorageLost
from eventflow.model.commit import Arrival, Checkpoint, Commit, Delivery
from eventflow.model.outcome import DeadLetter, Outcome
from eventflow.model.record import Position, Ref
from eventflow.model.run import EventCopy, Firing, Wait
from eventflow.model.workflow import Concurrency, Workflow, encode
from eventflow.plugin.store import Append, Claim
from eventflow.stores.sqlite import SqliteStore

START, SECOND = 1_700_000_000_000_000, 1_000_000
LEASE, KEPT = 60 * SECOND, 12 * SECOND
ONE, TWO = Workflow(id="team/one", name="one"), Workflow(id="team/two", name="two")
DEFINITIONS = {one.id: encode(one) for one in (ONE, TWO)}
MODES = [Concurrency(mode=mode) for mode in ("single", "queued", "restart")] + [Concurrency(), Concurrency(max=3)]
CHECKPOINT_PAGES = 40
"""The WAL is copied often."""


def made(folder: Path) -> SqliteStore:
    """A store whose write-ahead log is copied into the file every few transactions."""
    store = SqliteStore(folder / "store.sqlite")
    store.listen("nobody", lambda: None)  # then a commit that makes runs leaves its sync to others
    store._database._checkpoint_pages = store._database._checkpoint_at = CHECKPOINT_PAGES
    return store


def tables(store: SqliteStore) -> dict[str, bytes]:
    """What each table holds, as a hash; but for `migration`, which notes the hour."""
    raw = store._database.raw
    names = raw.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").fetchall()
    kept = [name for (name,) in names if name != "migration"]
    rows = {name: sorted(map(repr, raw.execute(f'SELECT * FROM "{name}"').fetchall())) for name in kept}
    return {name: blake2b("\n".join(lines).encode(), digest_size=16).digest() for name, lines in rows.items()}


@dataclass
class Done:
    """An acknowledgement: what was asked, and the transaction it was part of."""

    what: Any
    state: int


@dataclass
class Load:
    """A router and an executor on one store, alone and at once; every acknowledgement goes on the tape."""

    folder: Path
    tape: Tape
    dice: random.Random
    states: list[dict[str, bytes]] = field(default_factory=list)
    commits: list[Commit] = field(default_factory=list)
    """Those that were acknowledged and, as the last one, perhaps one that was not."""
    published: set[bytes] = field(default_factory=set)
    """Outgoing events that the load has begun to take off the outbox."""
    pruned: int = 0
    """Runs that ended before this log time may be gone."""
    held: dict[str, Claim] = field(default_factory=dict)
    unsettled: list[Done] = field(default_factory=list)
    """Acknowledgements since the last look."""
    failures: list[StorageError] = field(default_factory=list)
    now: int = START
    restarts: list[tuple[int, dict[str, bytes]]] = field(default_factory=list)
    """Of each start after a failure: how many states there were before it, and the one that it found."""
    opened: bool = False
    active: bool = False
    sticky: int = 0
    """How many kinds of call were tried, and refused, after the store was lost."""

    async def run(self, rounds: int) -> None:
        """Rounds of calls. A store that is lost is opened again, as by the next process."""
        store = await self._open()
        for number in range(rounds):
            self.now += SECOND
            if not self.opened or store._database.lost:
                store = await self._restart(store)
            elif not self.active:
                await self._activate(store)
            else:
                store = await self._work(store, number)
        if self.opened and store._database.lost:
            store = await self._restart(store)
        store._database.abandon()
        store._hold.release()

    async def _work(self, store: SqliteStore, number: int) -> SqliteStore:
        await asyncio.gather(*self._round(store))
        self._look(store)
        if number % 5 == 3:
            await self._tend(store)
            self._look(store)
        if number % 8 == 5 and not store._database.lost:
            return await self._again(store)
        return store

    # --- calls -------------------------------------------------------------------------------------------------------

    def _round(self, store: SqliteStore) -> list[Any]:
        """Calls that one transaction will hold."""
        calls = [self._commit(store)] if self.dice.random() < 0.7 else []
        calls += [self._append(store, claim) for claim in self.held.values() if self.dice.random() < 0.6]
        if not calls or self.dice.random() < 0.6:
            calls.append(self._claim(store))
        if self.held and self.dice.random() < 0.2:
            calls.append(self._noted(store.renew([one.lease for one in self.held.values()], self.now + LEASE)))
        return calls

    async def _commit(self, store: SqliteStore) -> None:
        commit = self._drawn_commit()
        self.commits.append(commit)
        if await self._noted(store.commit(commit), commit) is None and not store._database.lost:
            self.commits.pop()

    def _drawn_commit(self) -> Commit:
        number = self.commits[-1].position.offset + 1 if self.commits else 1
        draw, name = self.dice.random, f"{number}-{self.dice.getrandbits(32):x}"
        firings = [self._firing(f"run-{name}-{place}", number) for place in range(self.dice.randint(0, 3))]
        targets = [*self.held, f"run-{name}-0", "run-of-nobody"]
        return Commit(
            id=f"commit-{name}", follows=self.commits[-1].id if self.commits else "", partition=0,
            position=Position(number, b"mark %d" % number), log_time=self.now, waits=1_000_000,
            checkpoint=self._checkpoint() if draw() < 0.5 else None, firings=tuple(firings),
            deliveries=tuple(
                Delivery(kind="signal", identity=f"signal-{name}-{place}", log_time=self.now,
                         run=self.dice.choice(targets), payload={"event": self._text()})
                for place in range(self.dice.randint(0, 2))
            ),
            arrivals=(Arrival(definition=ONE.hash, selector="wait", key="k", ref=Ref(0, number), log_time=self.now,
                              data=b'{"n":%d}' % number),) if draw() < 0.3 else (),
            outbox=tuple(b'{"id":"%s-%d"}' % (name.encode(), place) for place in range(self.dice.randint(0, 2))),
            outcomes=(Outcome(ref=Ref(0, number), log_time=self.now, workflow=ONE.id, trigger="on", stage="filtered",
                              reason="filter_false"),) if draw() < 0.3 else (),
            dead=(DeadLetter(ref=Ref(0, number), log_time=self.now, error="poison", data=self._text().encode()),)
            if draw() < 0.2 else (),
        )  # fmt: skip

    def _firing(self, run: str, number: int) -> Firing:
        workflow = self.dice.choice([ONE, TWO])
        data = b'{"id":"e%d","text":"%s"}' % (number, self._text().encode())
        return Firing(
            run=run, workflow=workflow.id, definition=workflow.hash, trigger="on", fired_at=self.now,
            events=(EventCopy(Ref(0, number), self.now, data),), group=f"{workflow.id}/{self.dice.choice('ab')}",
            concurrency=self.dice.choice(MODES), inputs={"text": self._text()},
        )  # fmt: skip

    def _checkpoint(self) -> Checkpoint:
        slots = {f"slot-{self.dice.randint(0, 5)}": self._text().encode() or None for _ in range(3)}
        return Checkpoint(slots, 1)

    def _text(self) -> str:
        return self.dice.randbytes(self.dice.choice([0, 20, 300, 3000])).hex()

    async def _claim(self, store: SqliteStore) -> None:
        claims = await self._noted(store.claim("anna", self.dice.randint(1, 4), LEASE, self.now))
        self.held |= {claim.run.id: claim for claim in claims or []}

    async def _append(self, store: SqliteStore, claim: Claim) -> None:
        append = self._drawn_append(claim)
        try:
            if await self._noted(store.append(claim.lease, append), (claim.lease.run, append)) is None:
                return
        except Fenced:  # a run of the same group superseded it in line
            del self.held[claim.lease.run]
            return
        if append.release or append.status in {"succeeded", "failed"}:
            del self.held[claim.lease.run]

    def _drawn_append(self, claim: Claim) -> Append:
        entries = tuple(b'{"%d":"%s"}' % (self.dice.getrandbits(64), self._text().encode()) for _ in range(2))
        fate = self.dice.random() if claim.admitted else 1.0
        if fate < 0.4:
            status = self.dice.choice(["succeeded", "failed"])
            return Append(entries=entries, at=self.now, status=status, outputs={"text": self._text()})
        seen = max((item.id for item in claim.inbox), default=0)
        wait = Wait(path=f"step-{self.dice.getrandbits(32)}", visit=1, kind="event", selector="wait", key="k")
        if fate < 0.7:
            return Append(
                entries=entries, at=self.now, status="waiting", waits=(wait,), inbox_seen=seen, release=True,
                wake_at=self.now + self.dice.randint(1, 5) * SECOND,
            )  # fmt: skip
        return Append(entries=entries, at=self.now, inbox_seen=seen, release=not claim.admitted)

    async def _tend(self, store: SqliteStore) -> None:
        """What comes now and then, each in a transaction of its own."""
        if rows := await self._noted(store.outbox(self.dice.randint(1, 5))):
            self.published |= {event for _, event in rows}
            await self._noted(store.outbox_done([row for row, _ in rows]), "outbox_done")
            self._look(store)
        await self._noted(store.setting(f"setting-{self.dice.randint(0, 3)}", self._text()), "setting")
        self._look(store)
        self.pruned = self.now - KEPT
        await self._noted(store.prune(self.pruned, self.now), "prune")
        self._look(store)
        if self.dice.random() < 0.5:
            if await self._noted(store.release("anna"), "release", nothing=True):
                self.held.clear()
            self._look(store)
        await self._noted(store.lease("clock", "anna", LEASE, self.now), "lease")

    # --- life --------------------------------------------------------------------------------------------------------

    async def _open(self) -> SqliteStore:
        store = made(self.folder)
        self.opened = False
        with self._noting():
            await store.open()
            self.opened = True
            self._look(store)
        return store

    async def _activate(self, store: SqliteStore) -> None:
        """Nothing fires before the catalogue is known."""
        self.active = await self._noted(store.activate(DEFINITIONS, self.now), DEFINITIONS) is not None
        self._look(store)

    async def _again(self, store: SqliteStore) -> SqliteStore:
        """Every other time as a process that is killed: nothing is copied out of the log."""
        if self.dice.random() < 0.5:
            store._database.abandon()
            store._hold.release()
        else:
            with self._noting():
                await store.close()
        return await self._open()

    async def _restart(self, store: SqliteStore) -> SqliteStore:
        """After a failure: the next process finds what the system's memory holds, and asks where it stands."""
        if self.opened:
            await self._stays_lost(store)
        before = len(self.states)
        store._database.abandon()
        store._hold.release()
        store = await self._open()
        if self.opened and not store._database.lost:
            self.restarts.append((before, tables(store)))
            last = (await store.recall(0)).last
            if self.commits and self.commits[-1].id != last:
                self.commits.pop()
            assert last == (self.commits[-1].id if self.commits else ""), "the router's place is lost"
            self.held.clear()
            await self._noted(store.release("anna"), "release")
            self._look(store)
        return store

    async def _stays_lost(self, store: SqliteStore) -> None:
        """Lost is lost: for writers and readers, however often they come."""
        commit = self._drawn_commit()
        held = [store.append(claim.lease, Append(at=self.now)) for claim in self.held.values()]
        calls = [store.commit(commit), store.claim("anna", 1, LEASE, self.now), store.recall(0), store.runs(1), *held]
        for call in [*calls, store.setting("late", "x"), store.commit(commit), store.outbox(1)]:
            with pytest.raises(StorageLost):
                await call
            self.sticky += 1

    def _look(self, store: SqliteStore) -> None:
        """Keep the state after a transaction, if it is a new one."""
        if store._database.lost:
            return
        found = tables(store)
        if not self.states or found != self.states[-1]:
            self.states.append(found)
        for done in self.unsettled:  # what changed nothing was true before
            done.state = len(self.states) - 1
        self.unsettled.clear()

    def _done(self, what: Any) -> None:
        done = Done(what, len(self.states))
        self.unsettled.append(done)
        self.tape.mark(done)

    async def _noted(self, call: Any, what: Any = None, *, nothing: bool = False) -> Any:
        """The answer of a call; None when the disk refused. With `what` the answer promises that it is kept."""
        with self._noting():
            answer = await call
            if what is not None:
                self._done(what)
            return True if nothing else answer
        return None

    @contextlib.contextmanager
    def _noting(self):
        try:
            yield
        except StorageError as error:
            self.failures.append(error)


# --- check -----------------------------------------------------------------------------------------------------------


async def check(folder: Path, load: Load, acknowledged: list[Done], states: list[dict[str, bytes]]) -> None:
    """The store opens, is one whole state not older than what was acknowledged, is in the books, and goes on."""
    store = made(folder)
    await store.open()
    found = tables(store)
    assert found in [*states, *([] if acknowledged else [found])], torn_between(found, states)
    at = max((number for number, state in enumerate(states) if state == found), default=0)
    needed = max((done.state for done in acknowledged), default=0)
    assert at >= needed, f"acknowledged transaction {needed} is lost: the store is at {at}"
    await in_the_books(store, load, [done.what for done in acknowledged])
    await goes_on(store)
    await store.close()
    integrity(folder)


def torn_between(found: dict[str, bytes], states: list[dict[str, bytes]]) -> str:
    """The tables that belong to other transactions than the rest."""
    nearest = min(states, key=lambda state: sum(state.get(name) != found.get(name) for name in found), default={})
    wrong = sorted(name for name in found if nearest.get(name) != found[name])
    return f"half a transaction: next to the nearest state {wrong} differ"


async def in_the_books(store: SqliteStore, load: Load, acknowledged: list[Any]) -> None:
    """What the load knows to be acknowledged, read as router, executor and reader do."""
    commits = [what for what in acknowledged if isinstance(what, Commit)]
    recalled = await store.recall(0)
    known = {commit.id: place for place, commit in enumerate(load.commits)}
    at = known[recalled.last] if recalled.last else -1
    assert at >= len(commits) - 1, f"acknowledged commit {commits[-1].id} is lost"
    slots: dict[str, bytes] = {}
    for commit in load.commits[: at + 1]:
        for slot, value in (commit.checkpoint.slots if commit.checkpoint else {}).items():
            slots = {name: kept for name, kept in slots.items() if name != slot} | ({slot: value} if value else {})
    assert recalled.slots == slots, "memory is not the fold of the checkpoints"
    outgoing = {event for _, event in await store.outbox(10_000)}
    for commit in commits:
        assert set(commit.outbox) - load.published <= outgoing, "an outgoing event is lost"
        for firing in commit.firings:
            await there(store, load, firing)
    await journals(store, load, [what for what in acknowledged if isinstance(what, tuple)])
    if DEFINITIONS in acknowledged:
        assert (await store.catalogue())[1] == DEFINITIONS


async def there(store: SqliteStore, load: Load, firing: Firing) -> None:
    """An acknowledged firing is a run, with its inputs and its event."""
    try:
        run = await store.run(firing.run)
    except NotFound:
        assert firing.fired_at < load.pruned, f"acknowledged run {firing.run} is lost"
        return
    assert run.inputs == firing.inputs
    assert await store.run_events(firing.run) == list(firing.events)


async def journals(store: SqliteStore, load: Load, appended: list[tuple[str, Append]]) -> None:
    """Acknowledged lines are there, in their order (what nobody was answered about may stand between)."""
    lines: dict[str, list[bytes]] = {}
    for run, append in appended:
        lines.setdefault(run, []).extend(append.entries)
    for run, expected in lines.items():
        with contextlib.suppress(NotFound):
            found = await store.read(run)
            rest = iter([line.data for line in found])
            assert all(line in rest for line in expected), f"lines of {run} are lost"
            assert [line.seq for line in found] == list(range(1, len(found) + 1))
    for run, append in appended:
        if append.status in {"succeeded", "failed"}:
            with contextlib.suppress(NotFound):
                ended = await store.run(run)
                assert (ended.status, ended.outputs) == (append.status, append.outputs)


async def goes_on(store: SqliteStore) -> None:
    """Numbers are each given once, in order; the next router and the next executor find their place."""
    await store.activate(DEFINITIONS, START)
    recalled = await store.recall(0)
    last = {}
    for workflow in DEFINITIONS:
        numbers = [run.number for run in await store.runs(10_000, workflow=workflow)]
        assert numbers == sorted(set(numbers), reverse=True), "a number was given twice"
        last[workflow] = max(numbers, default=0)
    now = START + 1000 * SECOND
    firing = Firing(
        run="after", workflow=ONE.id, definition=ONE.hash, trigger="on", fired_at=now, group="after",
        concurrency=Concurrency(),
    )  # fmt: skip
    commit = Commit(
        id="after", follows=recalled.last, partition=0, log_time=now, waits=1_000_000, firings=(firing,),
        position=Position(recalled.position.offset + 1, b"after"),
    )  # fmt: skip
    assert (await store.commit(commit)).runs == {"after": "queued"}
    assert (await store.run("after")).number > last[ONE.id]
    await store.release("anna")
    claims = {claim.run.id: claim for claim in await store.claim("bert", 1000, LEASE, now)}
    for claim in claims.values():
        await store.append(claim.lease, Append(entries=(b'"after"',), at=now, status="failed"))
    assert (await store.run("after")).status == "failed"


def integrity(folder: Path) -> None:
    """SQLite's own look at the file."""
    connection = apsw.Connection(str(folder / "store.sqlite"))
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()
