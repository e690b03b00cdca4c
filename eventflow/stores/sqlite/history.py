"""The reader's side: runs, journals, questions, refusals, newest first (questions: oldest first)."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any

import msgspec

from eventflow.errors import NotFound
from eventflow.model.outcome import DeadLetter, Outcome
from eventflow.model.record import Ref
from eventflow.model.run import OPEN, TERMINAL, Wait
from eventflow.plugin.store import JournalLine, OpenWait
from eventflow.stores.sqlite.rows import copy_in, item_in, read_object, run_in
from eventflow.stores.sqlite.statements import load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eventflow.model.run import EventCopy, InboxItem, Run
    from eventflow.stores.sqlite.sql import Sql


SQL = load("history")
END = (1 << 63) - 1
STATUSES = (*OPEN, *TERMINAL)

read_outcome = msgspec.json.Decoder(Outcome).decode


def runs(
    db: Sql,
    limit: int,
    after: str | None,
    workflow: str | None,
    status: Sequence[str],
    event: Ref | None,
) -> list[Run]:
    """See `History.runs`."""
    before = END if after is None else _no(db, after)
    if event is not None:
        found = _of_event(db, event, before, workflow, status)
    elif status:
        by_status = [_of_status(db, one, before, workflow, limit) for one in dict.fromkeys(status)]
        found = list(heapq.merge(*by_status, key=lambda columns: -columns[0]))
    elif workflow is not None:
        found = db.execute(SQL.runs_of_workflow, (before, limit, workflow)).fetchall()
    else:
        found = db.execute(SQL.runs, (before, limit)).fetchall()
    return [run_in(columns) for columns in found[:limit]]


def _of_status(db: Sql, status: str, before: int, workflow: str | None, limit: int) -> list[Any]:
    if workflow is None:
        return db.execute(_with_status(SQL.runs, status), (before, limit)).fetchall()
    return db.execute(_with_status(SQL.runs_of_workflow, status), (before, limit, workflow)).fetchall()


def _of_event(db: Sql, event: Ref, before: int, workflow: str | None, status: Sequence[str]) -> list[Any]:
    """One event starts few runs: what else is asked is looked at afterwards."""
    found = db.execute(SQL.runs_of_event, (before, END, event.partition, event.offset)).fetchall()
    return [
        columns
        for columns in found
        if (workflow is None or columns[2] == workflow) and (not status or columns[7] in status)
    ]


def run(db: Sql, id_: str) -> Run:
    """See `History.run`."""
    found = db.execute(SQL.run, (id_,)).fetchone()
    if found is None:
        raise _no_run(id_)
    return run_in(found)


def read(db: Sql, id_: str) -> list[JournalLine]:
    """See `History.read`."""
    return [JournalLine(seq, data) for seq, data in db.execute(SQL.lines, (_no(db, id_),))]


def inbox(db: Sql, id_: str) -> list[InboxItem]:
    """See `History.inbox`."""
    return list(map(item_in, db.execute(SQL.all_items, (id_,))))


def run_events(db: Sql, id_: str) -> list[EventCopy]:
    """See `History.run_events`."""
    return list(map(copy_in, db.execute(SQL.events, (_no(db, id_),))))


def questions(db: Sql, limit: int, after: str | None) -> list[OpenWait]:
    """See `History.questions`."""
    return [_question(columns) for columns in db.execute(SQL.questions, (*_asked(db, after), limit))]


def _asked(db: Sql, after: str | None) -> tuple[int, str, int]:
    """The place of a question in the list, whether it is still open or not."""
    if after is None:
        return (0, "", 0)
    run_, _, step = after.partition("/")
    path, _, visit = step.rpartition("/")
    if not step:
        return (_no(db, run_) + 1, "", -1)
    return (_no(db, run_), path, _number(visit, after))


def _number(text: str, cursor: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise NotFound(f"{cursor!r} is no place in this list; take `after` from the page before")
    return int(text)


def _question(columns: Sequence[Any]) -> OpenWait:
    run_, workflow, path, visit, kind, selector, key, since, after, deadline, show = columns
    wait = Wait(
        path=path, visit=visit, kind=kind, selector=selector, key=key, since=since, after=after, deadline=deadline,
        show=read_object(show),
    )  # fmt: skip
    return OpenWait(run_, workflow, wait)


def outcomes(db: Sql, ref: Ref) -> list[Outcome]:
    """See `History.outcomes`."""
    return [read_outcome(data) for (data,) in db.execute(SQL.outcomes, (ref.partition, ref.offset))]


def dead(db: Sql, limit: int, after: str | None) -> list[tuple[str, DeadLetter]]:
    """See `History.dead`."""
    before = END if after is None else _number(after, after)
    return [
        (str(id_), DeadLetter(ref=Ref(partition, offset), log_time=log_time, workflow=workflow, trigger=trigger,
                              error=error, data=data))
        for id_, partition, offset, log_time, workflow, trigger, error, data in db.execute(SQL.dead, (before, limit))
    ]  # fmt: skip


def counts(db: Sql) -> dict[tuple[str, str], int]:
    """See `History.counts`: by workflow, and under "" of all workflows together."""
    found: dict[tuple[str, str], int] = {}
    for statement in (SQL.tally, SQL.count_open):
        for workflow, status, number in db.execute(statement):
            found[workflow, status] = number
            found["", status] = found.get(("", status), 0) + number
    return found


def _no(db: Sql, id_: str) -> int:
    found = db.execute(SQL.no_of, (id_,)).fetchone()
    if found is None:
        raise _no_run(id_)
    return int(found[0])


def _no_run(id_: str) -> NotFound:
    return NotFound(f"no run {id_!r}; it never was, or retention took it")


def _with_status(statement: str, status: str) -> str:
    """The statement for one status, with the index of its kind: SQLite would rather read past all succeeded runs."""
    if status not in STATUSES:
        raise ValueError(f"{status!r} is no status of a run; there are: {', '.join(STATUSES)}")
    chosen = f"WHERE run.status = '{status}' AND"
    if status in OPEN:
        chosen, index = f"{chosen} run.ended IS NULL AND", "INDEXED BY run_open"
    else:
        index = "" if status == "succeeded" else "INDEXED BY run_unhappy"
    return statement.replace("FROM run", f"FROM run {index}", 1).replace("WHERE", chosen, 1)
