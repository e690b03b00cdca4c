"""Nineteen faults to plant: each breaks one promise in the real code, as a tired engineer might, and must be found.

A fault patches one or two functions for the length of a simulation. `breaks` names the checks of which one must find
it; "not over" stands for the time limit after healing.
"""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from eventflow import ports
from eventflow.buses.sqlite import SqliteBus
from eventflow.errors import Fenced, StorageBusy, StorageFull
from eventflow.execute import calls, decisions, fold, waiting
from eventflow.execute.turn import Turn
from eventflow.model.journal import Finished, encode
from eventflow.model.run import TERMINAL
from eventflow.route import recovery, router, standing
from eventflow.route.effects import Effects
from eventflow.route.fitting import Fits, pending
from eventflow.route.judged import Judged
from eventflow.route.patience import Patient
from eventflow.stores.sqlite import admission, ending, inbox, journal, ledger, store
from eventflow.stores.sqlite.rows import Row
from eventflow.stores.sqlite.store import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stage import Result

Patch = pytest.MonkeyPatch


class Fault:
    """A mistake, where it shows, and how many seeds it may take to find it."""

    def __init__(self, plant: Callable[[Patch], None], scenario: str, *breaks: str, seeds: int = 40) -> None:
        self.plant, self.scenario, self.breaks, self.seeds = plant, scenario, breaks, seeds
        self.name = plant.__name__

    @contextlib.contextmanager
    def planted(self) -> Iterator[None]:
        with Patch.context() as patch:
            self.plant(patch)
            yield

    def is_found(self, result: Result) -> bool:
        return any(line.startswith(self.breaks) for line in result.violations)


def ack_before_sync(patch: Patch) -> None:
    """The sender is told that its event is safe when it is queued; it is written a moment later."""
    publish = SqliteBus.publish

    async def soon(self: SqliteBus, entries: Any) -> None:
        await ports.sleep(0.05)
        await publish(self, entries)

    async def acknowledge(self: SqliteBus, entries: Any) -> None:
        asyncio.ensure_future(soon(self, entries))  # noqa: RUF006 - nobody waits for it, that is the fault

    patch.setattr(SqliteBus, "publish", acknowledge)


def position_before_run(patch: Patch) -> None:
    """The position is moved in one transaction, the runs are written in the next."""
    commit = SqliteStore.commit

    async def in_two(self: SqliteStore, it: Any) -> Any:
        nothing = dict.fromkeys(("firings", "reruns", "deliveries", "arrivals", "outcomes", "dead"), ())
        await commit(self, msgspec.structs.replace(it, **nothing))
        return await self._writer.run(partial(ledger._effects, self._db, it, self._memo, self._dead_letters))

    patch.setattr(SqliteStore, "commit", in_two)


def new_key_each_try(patch: Patch) -> None:
    """Each attempt carries a key of its own."""
    attempt = calls._attempt

    def fresh(run: Any, call: Any, env: Any) -> Any:
        made = attempt(run, call, env)
        return msgspec.structs.replace(made, idempotency_key=f"{made.idempotency_key}/{call.n}.{call.rep}")

    patch.setattr(calls, "_attempt", fresh)


def check_then_insert(patch: Patch) -> None:
    """Whether a run is there already is asked first and not where it is written; nothing in the schema prevents two."""
    migrations, commit = store.read_migrations, SqliteStore.commit

    def loose(folder: Any) -> Any:
        found = migrations(folder)
        return [msgspec.structs.replace(one, sql=one.sql.replace("NOT NULL UNIQUE,", "NOT NULL,")) for one in found]

    async def ask_first(self: SqliteStore, it: Any) -> Any:
        known = {row[0] for row in self._db.execute("SELECT id FROM run")}
        fresh = tuple(firing for firing in it.firings if firing.run not in known)
        return await commit(self, msgspec.structs.replace(it, firings=fresh))

    patch.setattr(store, "read_migrations", loose)
    patch.setattr(SqliteStore, "commit", ask_first)
    patch.setattr(admission.SQL, "known", "SELECT 1 WHERE ?1 IS NULL")


def memory_decided_twice(patch: Patch) -> None:
    """A batch whose commit was refused is decided again, onto a memory that has seen it."""
    commit = router.Router._commit

    async def once(self: Patient, it: Any) -> Any:
        return await self._store.commit(it)

    async def again(self: router.Router, held: Any, *, checkpoint: bool) -> bool:
        try:
            return await commit(self, held, checkpoint=checkpoint)
        except (StorageFull, StorageBusy, ConnectionError):
            held.effects = Effects()
            self._subscription.rewind(held.partition, held.stored.offset)
            return False

    patch.setattr(Patient, "commit", once)
    patch.setattr(router.Router, "_commit", again)


def recovery_under_the_edited_rule(patch: Patch) -> None:
    """What was decided between checkpoint and position is decided again by the newest rules."""
    recover = router.recover

    async def by_the_newest(
        bus: Any, subscription: Any, recalled: Any, partition: int, front_of: Any, *more: Any
    ) -> Any:
        newest = msgspec.structs.replace(recalled, catalogue=front_of.__self__.newest)
        return await recover(bus, subscription, newest, partition, front_of, *more)

    patch.setattr(router, "recover", by_the_newest)


def timer_before_answer(patch: Patch) -> None:
    """A timeout is taken when its time has come, whatever of the log has not been read yet."""

    def by_the_clock(turn: Any, wait: Any) -> list[int] | None:
        if wait.deadline is not None and turn.now > wait.deadline:
            return []
        turn.wake(wait.deadline + 1)
        return None

    patch.setattr(waiting, "timed_out", by_the_clock)
    patch.setattr(decisions, "timed_out", by_the_clock)


def a_counter_of_occupancy(patch: Patch) -> None:
    """How many runs occupy a group is kept in a counter; it goes down after the end was written."""
    append, start = SqliteStore.append, journal._start

    def change(db: Any, group: str, by: int) -> None:
        db.execute("INSERT INTO setting VALUES (?1, 0) ON CONFLICT DO NOTHING", (f"occupied {group}",))
        db.execute("UPDATE setting SET value = value + ?2 WHERE name = ?1", (f"occupied {group}", by))

    def up(db: Any, it: Any, row: Row) -> None:
        start(db, it, row)
        change(db, row.grp, 1)

    async def down(self: SqliteStore, lease: Any, it: Any) -> Any:
        done = await append(self, lease, it)
        if it.status in TERMINAL or it.status in {"queued", "paused"}:
            group = self._db.execute("SELECT grp FROM run WHERE id = ?", (lease.run,)).get
            await self._writer.run(partial(change, self._db, group, -1))
        return done

    counted = "SELECT coalesce((SELECT CAST(value AS INTEGER) FROM setting WHERE name = 'occupied ' || ?1), 0)"
    patch.setattr(journal, "_start", up)
    patch.setattr(SqliteStore, "append", down)
    patch.setattr(journal.SQL, "occupied", counted)


def a_lost_outbox_row(patch: Patch) -> None:
    """Rows of the outbox are deleted when they are taken, not when they are published."""
    outbox = SqliteStore.outbox

    async def take(self: SqliteStore, limit: int) -> Any:
        rows = await outbox(self, limit)
        await self.outbox_done([id_ for id_, _ in rows])
        return rows

    patch.setattr(SqliteStore, "outbox", take)


def retention_below_memory_at(patch: Patch) -> None:
    """Retention asks how far was decided, not how far back recovery must read."""
    partitions = ledger.partitions

    def decided(db: Any) -> Any:
        return {number: (position, position, read) for number, (position, _, read) in partitions(db).items()}

    patch.setattr(ledger, "partitions", decided)


def lease_ignored(patch: Patch) -> None:
    """Whoever once held a run may go on writing its journal."""

    def anybody(db: Any, lease: Any) -> Row:
        found = db.execute(journal.SQL.held, (lease.run,)).fetchone()
        row = None if found is None else Row(*found)
        if row is None or row.ended is not None:
            raise Fenced(f"{lease.run} is over")
        return row

    patch.setattr(journal, "_held", anybody)
    _bound(patch)


def retry_after_a_terminal_entry(patch: Patch) -> None:
    """A cancel ends the run where it arrives, and whoever holds the run does not look before it goes on."""
    put = inbox.put

    def at_once(db: Any, run: str, kind: Any, identity: str, log_time: int, payload: Any) -> Any:
        found = db.execute(admission.SQL.run_with_fixed, (run,)).fetchone() if kind == "cancel" else None
        row = Row(*found[:-1]) if found is not None else None
        if row is None or row.status != "running":
            return put(db, run, kind, identity, log_time, payload)
        seq = db.execute("SELECT coalesce(max(seq), 0) + 1 FROM journal WHERE run = ?", (row.no,)).get
        entry = encode(Finished(at=log_time, status="cancelled", reason="by_person"))
        db.execute(journal.SQL.insert_line, (row.no, seq, entry))
        ending.end(db, row, "cancelled", "by_person", log_time)
        return "new"

    def alive_or_not(db: Any, lease: Any) -> Row:
        found = db.execute(journal.SQL.held, (lease.run,)).fetchone()
        row = None if found is None else Row(*found)
        if row is None or row.epoch != lease.epoch:
            raise Fenced(f"{lease.run} is held by somebody else")
        return row

    patch.setattr(inbox, "put", at_once)
    patch.setattr(journal, "_held", alive_or_not)


def a_timer_without_its_visit(patch: Patch) -> None:
    """A timer knows its step and not its visit: at the second visit the timer of the first one rings."""
    waited = fold._MOVES[fold.Waited]

    def of_the_step(course: Any, entry: Any) -> None:
        first = course.__dict__.setdefault("timers", {}).setdefault(entry.path, entry)
        waited(course, entry)
        visit = course.open[entry.path]
        visit.waiting = msgspec.structs.replace(entry, deadline=first.deadline, due=first.due)

    patch.setitem(fold._MOVES, fold.Waited, of_the_step)


def fenced_ignored(patch: Patch) -> None:
    """A commit is written whatever it follows."""
    commit = ledger.commit

    def after_anybody(db: Any, it: Any, *rest: Any) -> Any:
        found = db.execute(ledger.SQL.last, (it.partition,)).fetchone()
        return commit(db, msgspec.structs.replace(it, follows="" if found is None else found[0]), *rest)

    patch.setattr(ledger, "commit", after_anybody)


def a_write_of_0_rows_accepted(patch: Patch) -> None:
    """Only the UPDATE knows the epoch of the lease, and nobody looks how many rows it touched."""

    def unchecked(db: Any, lease: Any) -> Row:
        found = db.execute(journal.SQL.held, (lease.run,)).fetchone()
        if found is None:
            raise Fenced(f"{lease.run} is not there")
        row = Row(*found)
        row.epoch, row.worker = lease.epoch, lease.worker
        return row

    for module in (journal, ending, inbox, ledger):
        patch.setattr(module, "exactly", lambda db, number, what: None)
    patch.setattr(journal, "_held", unchecked)
    _bound(patch)


def a_series_that_forgets_what_it_saw(patch: Patch) -> None:
    """The events that a series has counted are not among what a restart reads."""
    unpack = Judged.unpack

    def forgetful(name: Any, key: str, data: bytes) -> Judged:
        one = unpack(name, key, data)
        one.seen = b""
        return one

    patch.setattr(Judged, "unpack", forgetful)


def a_model_that_nobody_waits_for(patch: Patch) -> None:
    """A model is handed over when it happens to be made, not at its row."""

    async def when_made(self: Fits, partition: int, memory: Any, rules: Any, piece: Any) -> None:
        self.ask(partition, memory, rules)
        for rule, fit in list(pending(memory, rules)):
            task = self._jobs[partition, rule.name, fit.model]
            if task.done():
                memory.watched.give(rule.name, fit.model, task.result())

    patch.setattr(Fits, "ready", when_made)


def a_recovery_that_waits_for_what_is_gone(patch: Patch) -> None:
    """A router that brings a partition up to date does not see that it was given to another before it began."""
    catch_up = recovery._catch_up

    async def trusting(bus: Any, subscription: Any, held: Any, at: int, fits: Any) -> None:
        class Trusted:
            assigned = (held.partition,)

            def __getattr__(self, name: str) -> Any:
                return getattr(subscription, name)

        await catch_up(bus, Trusted(), held, at, fits)

    patch.setattr(recovery, "_catch_up", trusting)


def a_halt_by_an_old_view(patch: Patch) -> None:
    """A partition is left out because the log no longer holds our position, though another has moved it on."""
    leave = standing.Standing.leave

    async def at_once(self: standing.Standing, partition: int, reason: str, _last: str) -> None:
        await leave(self, partition, reason, (await self._store.recall(partition)).last)

    patch.setattr(standing.Standing, "leave", at_once)


def _bound(patch: Patch) -> None:
    """A journal that two have written makes no sense, and `advance` may go round in it: end that, and go on."""
    write = Turn.write

    def bounded(self: Turn, entry: Any) -> None:
        if len(self.progress.entries) > 1_000:
            raise RuntimeError("a turn that does not end")
        write(self, entry)

    patch.setattr(Turn, "write", bounded)


FAULTS = (
    Fault(ack_before_sync, "plain", "acknowledged_events_are_in_the_log"),
    Fault(position_before_run, "plain", "every_firing_has_its_run", "what_a_stateless_trigger_wants_runs_once"),
    Fault(new_key_each_try, "plain", "calls_have_one_key_per_visit"),
    Fault(check_then_insert, "doubles", "what_a_stateless_trigger_wants_runs_once"),
    Fault(memory_decided_twice, "full", "state_is_a_fold_over_the_log"),
    Fault(recovery_under_the_edited_rule, "reload", "state_is_a_fold_over_the_log"),
    Fault(timer_before_answer, "approval", "answers_in_time_win"),
    Fault(a_counter_of_occupancy, "groups", "not over", "crowded"),
    Fault(a_lost_outbox_row, "plain", "what_was_said_is_in_the_log"),
    Fault(retention_below_memory_at, "retention", "logged as error", "not over", "everything_is_decided"),
    Fault(lease_ignored, "zombies", "attempts_count_up", "nothing_follows_the_end", "calls_are_written_first"),
    Fault(retry_after_a_terminal_entry, "orders", "nothing_follows_the_end"),
    Fault(a_timer_without_its_visit, "approval", "answers_in_time_win"),
    Fault(fenced_ignored, "zombies", "state_is_a_fold_over_the_log", "the_ledger_is_one_chain"),
    Fault(a_series_that_forgets_what_it_saw, "judging1", "state_is_a_fold_over_the_log", seeds=20),
    Fault(a_model_that_nobody_waits_for, "judging1", "state_is_a_fold_over_the_log", seeds=20),
    Fault(a_recovery_that_waits_for_what_is_gone, "dealt", "not over", seeds=120),
    Fault(a_halt_by_an_old_view, "dealt", "logged as error"),
    Fault(a_write_of_0_rows_accepted, "zombies", "attempts_count_up", "nothing_follows_the_end"),
)  # fmt: skip
