"""What people say, as records of the control partition: start, answer, cancel, pause, resume, signal, rerun (W5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from eventflow.match import EvaluationError
from eventflow.model import commit, control
from eventflow.model.commit import Delivery
from eventflow.model.event import ENGINE
from eventflow.model.identity import run_id
from eventflow.model.record import Ref
from eventflow.route import firing
from eventflow.route.case import Case, Desk
from eventflow.route.inputs import BadInputs

if TYPE_CHECKING:
    from eventflow.model.record import Record
    from eventflow.model.run import InboxKind

_ORDERS: Final[dict[str, InboxKind]] = {control.CANCEL: "cancel", control.PAUSE: "pause", control.RESUME: "resume"}
T = TypeVar("T")


class _Envelope(msgspec.Struct):
    id: str
    data: msgspec.Raw


class _Signal(msgspec.Struct):
    """The body of a signal: to one run, or to all open runs of a workflow."""

    run: str = ""
    workflow: str = ""


def take(desk: Desk, record: Record, type_: str) -> None:
    """Turn a command into its effect. Raises `msgspec.DecodeError` on one that cannot be read."""
    envelope = msgspec.json.decode(record.data, type=_Envelope)
    body = envelope.data
    if type_ == control.START:
        _start(desk, record, msgspec.json.decode(body, type=control.Start))
    elif type_ == control.RERUN:
        again = msgspec.json.decode(body, type=control.Rerun)
        new = run_id("rerun", again.run, [(ENGINE, envelope.id)])
        desk.effects.reruns.append(
            commit.Rerun(run=new, of=again.run, from_step=again.from_step, by=again.by, log_time=record.log_time)
        )
    elif type_ == control.ANSWER:
        answer = msgspec.json.decode(body, type=control.Answer)
        payload = {
            "case": answer.case, "path": answer.path, "visit": answer.visit, "by": answer.by, "comment": answer.comment,
        }  # fmt: skip
        _deliver(desk, record, envelope.id, "answer", payload, run=answer.run)
    elif type_ == control.SIGNAL:
        target = msgspec.json.decode(body, type=_Signal)
        event = msgspec.json.decode(record.data)
        _deliver(desk, record, envelope.id, "signal", {"event": event}, run=target.run, workflow=target.workflow)
    else:
        order = msgspec.json.decode(body, type=control.Order)
        payload = {"by": order.by, "comment": order.comment, "mode": order.mode, "reason": "by_person"}
        _deliver(desk, record, envelope.id, _ORDERS[type_], payload, run=order.run, workflow=order.workflow)


def _deliver(
    desk: Desk, record: Record, id_: str, kind: InboxKind, payload: dict[str, Any], *, run: str, workflow: str = ""
) -> None:
    if not run and not workflow:
        raise ValueError(f"a {kind} names neither a run nor a workflow")
    desk.effects.deliveries.append(
        Delivery(
            kind=kind, identity=f"{ENGINE}/{id_}", log_time=record.log_time, run=run, workflow=workflow, payload=payload
        )
    )


def _start(desk: Desk, record: Record, order: control.Start) -> None:
    name = (order.workflow, firing.MANUAL)
    case = Case(Ref(record.partition, record.offset), record.log_time, record.data, {})
    started = desk.front.rules.workflows.get(order.workflow)
    if started is None or not started.workflow.enabled:
        desk.refuse(name, case, "matched", "disabled", workflow=order.workflow, known=started is not None)
        return
    try:
        fired = firing.of_person(started, case, order)
    except BadInputs as error:
        desk.refuse(name, case, "inputs_valid", "inputs", problems=error.problems)
    except EvaluationError as error:
        desk.refuse(name, case, "inputs_valid", "inputs", error=str(error))
    else:
        desk.count(name, "fired")
        desk.effects.firings.append(fired)
