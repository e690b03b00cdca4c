"""The executor's side: taking runs under lease, and writing their journals (W12, W18, W20).

`claim` is the only place that starts a queued run. What needs somebody is found by `run_ready` (an index over a
generated column: a function of the row, so it cannot be forgotten) and by `vacancy`, the groups worth a look.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventflow.errors import Conflict, Fenced, Unread
from eventflow.model.run import OCCUPYING, TERMINAL
from eventflow.plugin.store import Append, Appended, Claim, JournalLine, Lease
from eventflow.stores.sqlite import admission, ending, inbox
from eventflow.stores.sqlite.memo import SMALL
from eventflow.stores.sqlite.rows import Row, copy_in, exactly, item_in, read_fixed, run_of
from eventflow.stores.sqlite.statements import load

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from eventflow.model.event import Micros
    from eventflow.stores.sqlite.memo import Memo
    from eventflow.stores.sqlite.sql import Sql


SQL = load("journal")

NOTHING_NEW = Appended(())
EXPIRED_AT_ONCE = 1000
"""How many runs one claim ends as expired: the rest waits for the next, so that a claim stays short."""


class Taking:
    """One call of `claim` while it is under way; `taken` are the rows as they are after it."""

    def __init__(self, worker: str, limit: int, until: Micros, now: Micros) -> None:
        """Nothing is taken yet."""
        self.worker, self.limit, self.until, self.now = worker, limit, until, now
        self.taken: list[Row] = []

    @property
    def room(self) -> int:
        """How many more may be taken."""
        return self.limit - len(self.taken)


# --- claim -----------------------------------------------------------------------------------------------------------


def claim(db: Sql, worker: str, limit: int, until: Micros, now: Micros, memo: Memo) -> list[Claim]:
    """See `Journal.claim`: what is begun goes first, then the lines of the groups that have room."""
    it = Taking(worker, limit, until, now)
    for columns in db.execute(SQL.expired, (it.now, EXPIRED_AT_ONCE)).fetchall():
        ending.end(db, Row(*columns), "suppressed", "expired", it.now)
    for columns in db.execute(SQL.ready, (it.now, it.room)).fetchall():
        row = Row(*columns)
        if row.status == "queued" and _may_start(db, row):
            _start(db, it, row)
        else:
            _lease(db, it, row)
    for no, group in _vacancies(db):
        if it.room <= 0:
            break
        _fill(db, it, no, group)
    return [_hand_over(db, row, memo) for row in it.taken]


def _vacancies(db: Sql) -> Iterator[tuple[int, str]]:
    """Groups to look at, the longest unseen first. Those put back meanwhile come behind and are not seen again."""
    last = db.execute(SQL.last_vacancy).get or 0
    after = 0
    while after < last and (page := db.execute(SQL.vacancies, (after, last)).fetchall()):
        yield from page
        after = page[-1][0]


def _fill(db: Sql, it: Taking, no: int, group: str) -> None:
    """Start the line of a group from its head as long as there is room; look again later if there still is."""
    db.execute(SQL.drop_vacancy, (no,))
    exactly(db, 1, f"vacancy of {group}")
    line = [Row(*columns) for columns in db.execute(SQL.line_of_group, (group, it.room + 1)).fetchall()]
    occupying = db.execute(SQL.occupied, (group,)).get if line else 0
    for row in line:
        if occupying >= row.places:
            return
        if it.room <= 0 or row.lease_until > it.now:  # more than this call may take; or its inbox is being dealt with
            db.execute(SQL.put_vacancy, (group,))
            return
        _start(db, it, row)
        occupying += 1


def _may_start(db: Sql, row: Row) -> bool:
    head = db.execute(SQL.head_of_group, (row.grp,)).get
    return bool(head == row.no and db.execute(SQL.occupied, (row.grp,)).get < row.places)


def _start(db: Sql, it: Taking, row: Row) -> None:
    db.execute(SQL.start_run, (it.worker, row.epoch + 1, it.until, it.now, row.no))
    exactly(db, 1, f"start of {row.id}")
    row.status, row.wake_at = "running", None
    row.started = it.now if row.started is None else row.started
    _taken(it, row)


def _lease(db: Sql, it: Taking, row: Row) -> None:
    db.execute(SQL.lease_run, (it.worker, row.epoch + 1, it.until, row.no))
    exactly(db, 1, f"lease of {row.id}")
    _taken(it, row)


def _taken(it: Taking, row: Row) -> None:
    row.worker, row.epoch, row.lease_until = it.worker, row.epoch + 1, it.until
    it.taken.append(row)


def _hand_over(db: Sql, row: Row, memo: Memo) -> Claim:
    lines: tuple[JournalLine, ...] = ()
    if row.epoch > 1:  # nobody has written before the first lease
        lines = tuple([JournalLine(seq, data) for seq, data in db.execute(SQL.lines, (row.no,))])
    items = tuple(map(item_in, db.execute(SQL.inbox, (row.id, 0)))) if row.inbox_last else ()
    fixed, small = memo.fixed(row.id) if row.epoch > 1 else None, True
    if fixed is None:
        data = db.execute(SQL.fixed, (row.no,)).get
        fixed, small = read_fixed(data), len(data) <= SMALL
    if small:
        memo.keep(row, fixed)
    return Claim(
        lease=Lease(row.id, row.worker or "", row.epoch),
        run=run_of(row, fixed),  # outputs come with the end
        lines=lines,
        inbox=items,
        events=tuple(map(copy_in, db.execute(SQL.events, (row.no,)))),
        definition=memo.definition(db, row.definition),
        admitted=row.status != "queued",
    )


# --- append ----------------------------------------------------------------------------------------------------------


def append(db: Sql, lease: Lease, it: Append, memo: Memo) -> Appended:
    """See `Journal.append`. Everything that can refuse is looked at before anything is written."""
    row = _still_held(db, lease, memo) or _held(db, lease)
    if it.decisive and row.inbox_last > it.inbox_seen:
        message = (
            f"{row.id}: the inbox is at {row.inbox_last}, this was decided on {it.inbox_seen}; read and decide again"
        )
        raise Unread(message)
    if it.status in OCCUPYING and row.status not in OCCUPYING:
        message = f"{row.id} is {row.status}: only a claim starts it; append 'queued' and let go"
        raise Conflict(message)
    for seq, entry in enumerate(it.entries, (row.lines or 0) + 1):
        db.execute(SQL.insert_line, (row.no, seq, entry))
    inbox.withdraw(db, row, it.withdraw)
    for event in it.outbox:
        db.execute(SQL.insert_outbox, (event,))
    if it.children:
        db.execute(SQL.want_newest_waits)
    for firing in it.children:
        admission.admit(db, firing, it.at, memo)
    seen = max(row.inbox_seen, it.inbox_seen)
    if it.status in TERMINAL:
        fixed = memo.forget(row.id)
        ending.end(db, row, it.status, it.reason, it.at, seen=seen, outputs=it.outputs, fixed=fixed)
    else:
        _go_on(db, row, it, seen)
    if row.inbox_last <= it.inbox_seen and not it.waits and not it.children:
        return NOTHING_NEW
    return Appended(tuple(map(item_in, db.execute(SQL.inbox, (row.id, it.inbox_seen)))))


def _still_held(db: Sql, lease: Lease, memo: Memo) -> Row | None:
    """The row of a run taken lately, of which only what changes is read; None: look again, and say what is wrong."""
    row = memo.row(lease.run)
    found = None if row is None else db.execute(SQL.held_still, (row.no, lease.run)).fetchone()
    if row is None or found is None:
        return None
    (row.status, row.reason, row.started, row.wake_at, row.inbox_last, row.inbox_seen, row.worker, row.epoch,
     row.lease_until, row.lines) = found  # fmt: skip
    return row if row.epoch == lease.epoch and row.worker == lease.worker else None


def _held(db: Sql, lease: Lease) -> Row:
    found = db.execute(SQL.held, (lease.run,)).fetchone()
    row = None if found is None else Row(*found)
    if row is None or row.epoch != lease.epoch or row.worker != lease.worker or row.ended is not None:
        what = "is not there" if row is None else f"is {row.status}, held by {row.worker or 'nobody'} ({row.epoch})"
        message = f"{lease.run} {what}; the lease of {lease.worker} ({lease.epoch}) is void: drop the run"
        raise Fenced(message)
    return row


def _go_on(db: Sql, row: Row, it: Append, seen: int) -> None:
    status = it.status or row.status
    reason = row.reason if it.status is None else it.reason
    worker, until = (None, 0) if it.release else (row.worker, row.lease_until)
    before = (row.status, row.reason, row.wake_at, row.inbox_seen, row.worker, row.lease_until)
    after = (status, reason, it.wake_at, seen, worker, until)
    if after != before:
        db.execute(SQL.update_run, (*after, row.no, row.epoch))
        exactly(db, 1, f"append to {row.id}")
    for wanted in it.waits:
        inbox.wait(db, row, wanted)


# --- leases ----------------------------------------------------------------------------------------------------------


def renew(db: Sql, leases: Sequence[Lease], until: Micros) -> list[Lease]:
    """See `Journal.renew`."""
    lost: list[Lease] = []
    for lease in leases:
        db.execute(SQL.renew, (until, lease.run, lease.worker, lease.epoch))
        if not db.changes():
            lost.append(lease)
    return lost


def release(db: Sql, worker: str) -> None:
    """See `Journal.release`."""
    for (no,) in db.execute(SQL.leased_by, (worker,)).fetchall():
        db.execute(SQL.release, (no,))
        exactly(db, 1, f"release by {worker}")


def next_wake(db: Sql, now: Micros) -> Micros | None:
    """See `Journal.next_wake`."""
    found: Micros | None = db.execute(SQL.next_wake, (now,)).get
    return found
