"""The entries of a run's journal: what happened to the run, from which alone its place in the program is known again.

Each entry is a JSON object whose `t` says what it is. The tags and field names are for ever: a journal that an old
release wrote must be read by every later one, so fields are only added, always with a default, and a meaning that
changes gets a new tag. Whatever the interpreter chose (where to go next, when to try again, which items a loop goes
over) is written down as chosen, so reading a journal evaluates no expression and runs no code twice.

`path` is the step path: names of the enclosing steps, a loop's with the round (`gather/pods`, `each[2]/send`). `visit`
counts the visits of that path from 1 over the whole run. Times are log-clock `Micros`.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from eventflow.model.event import Micros

Ending = Literal["success", "failure", "timeout", "skipped", "cancelled"]
"""How a visit of a step can end."""


class Trouble(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why something failed. `code` is what `retry_on` names; `step` is the name of the step, `attempts` its tries."""

    code: str
    message: str
    retryable: bool = False
    step: str = ""
    attempts: int = 0


class _Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="t"):
    """What all entries have: when it was written."""

    at: Micros


class _Visit(_Entry, frozen=True, kw_only=True, omit_defaults=True, tag_field="t"):
    """An entry about one visit of one step."""

    path: str
    visit: int = 1


class Begun(_Entry, frozen=True, kw_only=True, omit_defaults=True, tag="begin"):
    """The run begins. A re-run says the step it begins at, and the run it repeats."""

    start: str = ""
    of: str = ""


class Copied(_Entry, frozen=True, kw_only=True, omit_defaults=True, tag="copy"):
    """A step before the start of a re-run, as it ended in the run that is repeated. `view` is what `steps.x` shows."""

    step: str
    view: dict[str, Any]


class Entered(_Visit, frozen=True, kw_only=True, omit_defaults=True, tag="enter"):
    """A parallel step or a loop begins; `items` is what a `for_each` goes over. After `deadline` it times out."""

    deadline: Micros | None = None
    items: list[Any] | None = None


class Branched(_Visit, frozen=True, kw_only=True, omit_defaults=True, tag="branch"):
    """A branch of a parallel step begins."""

    branch: str


class Round(_Visit, frozen=True, kw_only=True, omit_defaults=True, tag="round"):
    """Round `i` (from 0) of a loop begins; not before `due` where there is a delay between rounds."""

    i: int
    due: Micros | None = None


class Tried(_Visit, frozen=True, kw_only=True, omit_defaults=True, tag="try"):
    """Attempt `n` is about to be made; `rep` counts its repetitions after a crash.

    `safe` says whether a try that may have happened can be repeated with the same key. `input` is what `with` rendered
    to at the first attempt, values from secrets left out; absent where it is too large. `run` is the child of a
    `workflow.run`.
    """

    n: int = 1
    rep: int = 0
    uses: str = ""
    safe: bool = False
    input: Any = msgspec.UNSET
    run: str = ""


class Again(_Visit, frozen=True, kw_only=True, omit_defaults=True, tag="retry"):
    """Attempt `n` failed; the next one comes at `due`."""

    n: int
    error: Trouble
    due: Micros


class Waited(_Visit, frozen=True, kw_only=True, omit_defaults=True, tag="wait"):
    """The visit waits: until `due` (a timer), or for an event, an answer or a child, until `deadline`.

    `cases` are the offered answers; `users`, `groups`, `exclude`, `needed` who may give them and how many must.
    """

    kind: Literal["timer", "event", "answer", "child"]
    due: Micros | None = None
    deadline: Micros | None = None
    key: str | None = None
    since: Micros = 0
    after: int = 0
    cases: list[str] = []
    users: list[str] = []
    groups: list[str] = []
    exclude: list[str] = []
    needed: int = 1
    show: dict[str, Any] = {}


class Heard(_Entry, frozen=True, kw_only=True, omit_defaults=True, tag="hear"):
    """Item `item` of the inbox has been dealt with, in this way.

    `effect`: taken, vote (one of several needed), refused, late, passed (an event that does not fit), void (nothing
    waits for it). `data` holds what of it matters later.
    """

    item: int
    kind: str
    effect: str
    path: str = ""
    visit: int = 0
    by: str = ""
    note: str = ""
    data: dict[str, Any] = {}


class Ended(_Visit, frozen=True, kw_only=True, omit_defaults=True, tag="end"):
    """The visit is over, and where its list of steps goes from here.

    `to` is the next step; with `to` empty and `ends` set the list is over (`why` says more), with both empty nothing
    follows (the list was cancelled from outside). `of` is the failed step that `to`, a handler, deals with.
    `case`, `by`, `who`, `reason` are a decision's. `unread` are partitions that a timeout did not wait for any longer.
    """

    status: Ending
    outputs: dict[str, Any] = {}
    error: Trouble | None = None
    to: str = ""
    ends: Literal["", "success", "failure", "cancelled"] = ""
    why: str = ""
    of: str = ""
    case: str = ""
    by: str = ""
    who: list[str] = []
    reason: str = ""
    arrival: int = 0
    unread: list[int] = []


class FellBack(_Entry, frozen=True, kw_only=True, omit_defaults=True, tag="fallback"):
    """Nothing took the failure of the run: fallback action number `i` (from 0) begins."""

    i: int
    reason: str = ""
    error: Trouble | None = None


class Finished(_Entry, frozen=True, kw_only=True, omit_defaults=True, tag="finish"):
    """The run is over; nothing follows."""

    status: Literal["succeeded", "failed", "cancelled"]
    reason: str | None = None
    outputs: dict[str, Any] = {}
    error: Trouble | None = None


Entry = (
    Begun | Copied | Entered | Branched | Round | Tried | Again | Waited | Heard | Ended | FellBack | Finished
)  # fmt: skip

encode = msgspec.json.Encoder().encode
"""An entry as one line of JSON."""

decode = msgspec.json.Decoder(Entry).decode
"""An entry from its JSON. Raises `msgspec.DecodeError` on what a newer version wrote."""
