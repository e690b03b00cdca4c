"""What failed while it was decided: the dead letter of a trigger, or of a record as a whole (W17)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventflow.model.outcome import DeadLetter
from eventflow.model.record import Ref
from eventflow.route.case import said

if TYPE_CHECKING:
    from eventflow.model.record import Record
    from eventflow.route.case import Case, Desk
    from eventflow.route.rules import Rule


def fail(desk: Desk, rule: Rule, case: Case, error: Exception) -> None:
    """An exception of one trigger: its dead letter, its refusal (W17)."""
    desk.refuse(rule.name, case, "matched", "failed", error=said(error))
    desk.effects.dead.append(
        DeadLetter(
            ref=case.ref, log_time=case.log_time, workflow=rule.name[0], trigger=rule.name[1], error=said(error),
            data=case.data,
        )
    )  # fmt: skip


def bury(desk: Desk, record: Record, error: Exception) -> None:
    """A record that could not be decided as a whole is a dead letter (W17)."""
    ref = Ref(record.partition, record.offset)
    desk.effects.dead.append(DeadLetter(ref=ref, log_time=record.log_time, error=said(error), data=record.data))
