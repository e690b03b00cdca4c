"""The engine's own records: what people and schedules say (control partition), ticks and forwards (data partitions).

All of them are events with source `eventflow` and a type below; the doors refuse both to everybody else (W2). Times in
`data` are microseconds. Each function returns the record's bytes, ready for `Bus.publish`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from eventflow.model.event import ENGINE, Event, Micros, from_micros

TICK = "eventflow.tick"
"""Time went by and nothing else came (W4). On the control partition `data.wall` is the wall clock it saw."""
FORWARD = "eventflow.forward"
"""An event for the partition that owns its state (W8)."""
START = "eventflow.manual.start"
ANSWER = "eventflow.run.answer"
CANCEL = "eventflow.run.cancel"
PAUSE = "eventflow.run.pause"
RESUME = "eventflow.run.resume"
SIGNAL = "eventflow.run.signal"
RERUN = "eventflow.run.rerun"

RUN_STARTED = "eventflow.run.started"
RUN_FINISHED = "eventflow.run.finished"
RUN_SUPPRESSED = "eventflow.run.suppressed"
CATALOGUE = "eventflow.catalogue.changed"
LAG = "eventflow.lag"
HALTED = "eventflow.partition.halted"
LOSS_ACCEPTED = "eventflow.partition.loss_accepted"
"""A person has let a partition go on without what its log has lost (`model.loss.LossAccepted`)."""
ADDED = "eventflow.partition.added"
DEAD_LETTERS_LIMIT = "eventflow.dead_letters.limit"
"""From now on dead letters of a trigger, or of records as a whole, are counted and not kept (`DeadLettersLimit`)."""
KEYS_LIMIT = "eventflow.keys.limit"
"""A trigger holds as many keys as it may, and refuses new ones (`KeysLimit`); said once a day of the log."""
ALARMS = (LAG, KEYS_LIMIT, DEAD_LETTERS_LIMIT, ADDED, HALTED, LOSS_ACCEPTED)
"""Events of the control partition, which a trigger is asked for only when it names one in full (W5)."""
REFUSED = "eventflow.source.refused"
"""A message that a source fetched and that is no event: it becomes a dead letter, and the source goes on."""

RESERVED_EXTENSIONS = ("eventflowchain", "eventflowhops", "sourcename", "sourcetype")
"""Extension attributes that only the engine and its door set (W2)."""


class Tick(msgspec.Struct, frozen=True):
    """The body of a tick."""

    wall: Micros


class Forward(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of a forward: the event's own bytes and where, when and by which rules it was selected (W8, W11)."""

    partition: int
    offset: int
    log_time: Micros
    catalogue: int
    triggers: tuple[tuple[str, str], ...]
    """(workflow, trigger) of each trigger that must keep it."""
    event: msgspec.Raw
    era: int = 0
    """How often the source partition's log was replaced by another before: each counts its offsets anew."""

    @property
    def log(self) -> str:
        """The name of the log that `offset` is of."""
        return f"{self.partition}.{self.era}" if self.era else str(self.partition)


class DeadLettersLimit(msgspec.Struct, frozen=True):
    """The body of `eventflow.dead_letters.limit`: whose letters (both empty: records as a whole), and the bound."""

    workflow: str
    trigger: str
    limit: int


class KeysLimit(msgspec.Struct, frozen=True):
    """The body of `eventflow.keys.limit`."""

    workflow: str
    trigger: str
    limit: int


class Start(msgspec.Struct, frozen=True):
    """A person starts a workflow."""

    workflow: str
    inputs: dict[str, Any] = {}
    by: str = ""


class Answer(msgspec.Struct, frozen=True):
    """A person answers a question of a run. `path` empty: the only open question of the run."""

    run: str
    case: str
    path: str = ""
    visit: int = 0
    by: str = ""
    comment: str = ""


class Order(msgspec.Struct, frozen=True):
    """A person cancels, pauses or resumes: one run, or with `workflow` all open runs of it.

    `mode` of a resume: `go` (default), `skip` past or `fail` the step that parked it.
    """

    run: str = ""
    workflow: str = ""
    by: str = ""
    comment: str = ""
    mode: str = "go"


class Rerun(msgspec.Struct, frozen=True):
    """A person runs a run again, from the start or from a step (`from_step`), as a new run."""

    run: str
    from_step: str = ""
    by: str = ""


class Refusal(msgspec.Struct, frozen=True):
    """Why a fetched message became no event. `place` says where it lies; `body` is text, or base64 (`encoded`)."""

    source: str
    place: str
    code: str
    reason: str
    body: str
    encoded: bool = False


class _Refused(msgspec.Struct):
    data: Refusal


def refused(data: bytes) -> str:
    """What a record of type `REFUSED` says, as a sentence."""
    found = msgspec.json.decode(data, type=_Refused).data
    return f"source {found.source!r}, {found.place}: {found.reason}"


def record(type_: str, id_: str, at: Micros, data: msgspec.Struct, *, subject: str | None = None) -> bytes:
    """An engine record. `id_` makes it unique together with the source; `at` is the wall clock of who says it."""
    return Event(
        id=id_, source=ENGINE, type=type_, time=from_micros(at), subject=subject, kind=type_, data=data
    ).encode()
