"""A run told in sentences, from its journal alone: what started it, the way it went, each attempt, why it ended so.

Data first: a `Line` is one thing that happened with its place and time; the sentence is for people, and whoever wants
something else reads the entry. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from eventflow.model import journal as j
from eventflow.model.event import Micros
from eventflow.model.run import REASONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from eventflow.model.run import Run

HOW = {
    "success": "succeeded",
    "failure": "failed",
    "timeout": "took too long",
    "skipped": "was skipped: its `if` is false",
    "cancelled": "was cancelled",
}


class Line(msgspec.Struct, frozen=True):
    """One thing that happened. `after` is the time since the run was created, in microseconds."""

    at: Micros
    after: Micros
    kind: str
    path: str
    visit: int
    sentence: str


def explain(run: Run, entries: Iterable[j.Entry]) -> list[Line]:
    """The lines of a run in order; the first says what started it, the last how it ended or what it waits for."""
    lines = [_line(run, run.created, "start", "", 0, _started(run))]
    for entry in entries:
        sentence = _SAYS[type(entry)](entry)
        if sentence:
            kind = str(type(entry).__struct_config__.tag)
            path, visit = getattr(entry, "path", ""), getattr(entry, "visit", 0)
            lines.append(_line(run, entry.at, kind, path, visit, sentence))
    if run.ended is None:
        lines.append(_line(run, lines[-1].at, run.status, "", 0, _stands(run)))
    elif run.status == "suppressed":
        lines.append(
            _line(run, run.ended, "end", "", 0, f"It was not started. {REASONS.get(run.reason or '', '')}".strip())
        )
    return lines


def _line(run: Run, at: Micros, kind: str, path: str, visit: int, sentence: str) -> Line:
    return Line(at, max(0, at - run.created), kind, path, visit, sentence)


def _started(run: Run) -> str:
    if run.parent is not None:
        by = f"step {run.parent.path} of {run.parent.run}, attempt {run.parent.attempt},"
    elif run.rerun_of:
        start = f" from step {run.from_step}" if run.from_step else ""
        by = f"{run.by or 'Somebody'} repeated {run.rerun_of}{start} and"
    elif run.by:
        by = f"{run.by}"
    else:
        events = ", ".join(ref.handle for ref in run.events)
        key = f" for key {run.key}" if run.key is not None else ""
        by = f"Trigger {run.trigger}{key}" + (f" fired on {events} and" if events else "")
    return f"{by} started run {run.number} of {run.workflow}."


def _stands(run: Run) -> str:
    reason = f": {REASONS[run.reason]}" if run.reason in REASONS else "."
    return f"It is {run.status}{reason}"


def _name(entry: Any) -> str:
    return f"{entry.path}" + (f" (visit {entry.visit})" if entry.visit > 1 else "")


def _begun(entry: j.Begun) -> str:
    return f"It began at step {entry.start}." if entry.start else "It began."


def _entered(entry: j.Entered) -> str:
    return f"{_name(entry)} began" + (f" with {len(entry.items)} items." if entry.items is not None else ".")


def _round(entry: j.Round) -> str:
    number = f"round {entry.i + 1}"
    return f"{_name(entry)}: {number} waits." if entry.due is not None else f"{_name(entry)}: {number} began."


def _tried(entry: j.Tried) -> str:
    again = f", repetition {entry.rep} after an interruption" if entry.rep else ""
    child = f" as {entry.run}" if entry.run else ""
    return f"{_name(entry)}: attempt {entry.n} of {entry.uses}{child}{again}."


def _again(entry: j.Again) -> str:
    wait = (entry.due - entry.at) / 1_000_000
    return (
        f"{_name(entry)}: attempt {entry.n} failed ({entry.error.code}: {entry.error.message}); next in {wait:.3g} s."
    )


def _waited(entry: j.Waited) -> str:
    limit = f", {(entry.deadline - entry.at) / 1_000_000:.6g} s at most" if entry.deadline is not None else ""
    match entry.kind:
        case "timer":
            return f"{_name(entry)} waits {((entry.due or entry.at) - entry.at) / 1_000_000:.6g} s."
        case "event":
            key = f" for key {entry.key}" if entry.key is not None else ""
            return f"{_name(entry)} waits for an event{key}{limit}."
        case "answer":
            return f"{_name(entry)} asks a person: {' or '.join(entry.cases)}{limit}."
    return f"{_name(entry)} waits for the end of its workflow{limit}."


def _heard(entry: j.Heard) -> str:
    by = f" by {entry.by}" if entry.by else ""
    case = f" {entry.data['case']}" if entry.kind == "answer" and entry.data.get("case") else ""
    note = f" ({entry.note})" if entry.note else ""
    return f"{entry.kind.capitalize()}{case}{by}: {entry.effect}{note}."


def _ended(entry: j.Ended) -> str:
    trouble = f" ({entry.error.code}: {entry.error.message})" if entry.error is not None else ""
    case = f" with {entry.case}, by {entry.by}" if entry.case else ""
    reason = f" because {entry.reason}" if entry.reason else ""
    where = f"; {entry.to} deals with it" if entry.of else ""
    return f"{_name(entry)} {HOW[entry.status]}{case}{reason}{trouble}{where}."


def _fell(entry: j.FellBack) -> str:
    return f"Nothing took the failure: fallback action {entry.i + 1} began."


def _finished(entry: j.Finished) -> str:
    reason = f": {REASONS.get(entry.reason, entry.reason)}" if entry.reason else "."
    return f"It {entry.status if entry.status != 'cancelled' else 'was cancelled'}{reason}"


_SAYS: dict[type, Callable[[Any], str]] = {
    j.Begun: _begun,
    j.Copied: lambda entry: f"{entry.step} was taken over: {entry.view.get('status')}.",
    j.Entered: _entered,
    j.Branched: lambda entry: f"{_name(entry)}: branch {entry.branch} began.",
    j.Round: _round,
    j.Tried: _tried,
    j.Again: _again,
    j.Waited: _waited,
    j.Heard: _heard,
    j.Ended: _ended,
    j.FellBack: _fell,
    j.Finished: _finished,
}
