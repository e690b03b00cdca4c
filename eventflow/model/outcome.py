"""What one trigger made of one event: the record behind `explain`, metrics, the console and tests.

`STAGES` is the fixed order of a trigger's stages (DESIGN 4, W7); a refusal names the first that said no, with a
stable reason code. The codes are a closed list and are documented in the reference.
"""

from __future__ import annotations

from typing import Any

import msgspec

from eventflow.model.event import Micros
from eventflow.model.record import Ref

STAGES = (
    "received", "authentic", "duplicate",
    "matched", "filtered", "looped", "keyed",
    "repeated", "changed", "counting", "holding", "waiting", "raised", "batched", "unless", "active", "muted",
    "cooldown", "limited", "inputs_valid",
    "breaker", "concurrency", "started",
)  # fmt: skip
"""Every stage in the order in which a trigger asks them."""

REASONS = {
    "selector": "The event is not of the source, type or match that the trigger selects.",
    "filter_false": "The filter is false for this event.",
    "filter_error": "The filter could not be evaluated; an error is never false.",
    "loop": "The workflow is already in the chain of workflows that led to this event.",
    "hops": "The event has passed more than 16 workflows.",
    "key_error": "The key could not be evaluated to text.",
    "key_limit": "The trigger already holds as many keys as it may.",
    "forwarded": "The event was handed to the partition that owns the key.",
    "rule_changed": "The rules changed on the way to the partition that owns the key.",
    "seen": "This very event was counted before.",
    "dedup": "An event with the same dedup key came within the window.",
    "cooldown": "The trigger fired less than `cooldown` ago for this key.",
    "limit": "The trigger has fired as often as `limit` allows for this key.",
    "value_error": "The value to be judged could not be evaluated, or is no number.",
    "no_value": "The event has no value to be judged.",
    "learning": "The detector is still learning this series.",
    "normal": "The sample is not unusual enough for an alarm.",
    "ignored": "The sample is unusual, but in the direction or below the floor that the detector ignores.",
    "quiet": "The sample is unusual, but an alarm of this series began shortly before.",
    "at_most": "The series has had as many alarms as `at_most` allows.",
    "pending": "The sample is unusual; the alarm begins when this has lasted as long as `for` says.",
    "open": "The alarm of this series is open already; only its beginning and its end fire.",
    "clearing": "The alarm is open and the sample is not unusual; it ends when this has lasted.",
    "raised": "An alarm of this series began here, and `fire_on` asks for the other edge.",
    "cleared": "The alarm of this series ended here, and `fire_on` asks for the other edge.",
    "inputs": "The inputs for the workflow could not be made from the event.",
    "late": "A schedule's time lies further back than `max_late`, or `missed` says skip.",
    "disabled": "The trigger or the workflow is disabled.",
    "shadow": "The workflow is in shadow mode: a run would have started.",
    "undecided": "The event is in the log and has not been decided yet.",
    "not_then": "By the rules of now it would fire; when it was decided, the rules were others.",
    "failed": "Deciding raised an exception; the event is a dead letter for this trigger.",
    "fired": "The trigger fired.",
}
"""Reason codes of outcomes and the sentence for each."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One trigger's answer to one record. `values` are what the stage looked at, JSON values only."""

    ref: Ref
    log_time: Micros
    workflow: str
    trigger: str
    stage: str
    reason: str
    key: str | None = None
    values: dict[str, Any] = {}


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A record that could not be decided, for one trigger or (`workflow` empty) as a whole, and why."""

    ref: Ref
    log_time: Micros
    workflow: str = ""
    trigger: str = ""
    error: str = ""
    data: bytes = b""
    always: bool = False
    """Kept however many there are: what a person has decided. Not part of what is kept."""


class DeadCount(msgspec.Struct, frozen=True):
    """Dead letters that were counted and not kept, of one trigger or (`workflow` empty) of records as a whole.

    `first` and `last` are the log times of the first and last one.
    """

    workflow: str
    trigger: str
    count: int
    first: Micros
    last: Micros
