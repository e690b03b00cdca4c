"""One turn of a run: what `advance` is given, what it gives back, and the hand that writes entries while it decides.

Every entry is applied to the course as it is written, so whatever is decided later in the turn sees it. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from eventflow.execute.fold import apply
from eventflow.execute.graph import leads
from eventflow.execute.names import Names
from eventflow.execute.program import Mold
from eventflow.execute.values import as_json, bounded
from eventflow.match import EvaluationError, ExpressionError
from eventflow.model.event import Micros
from eventflow.model.journal import Ended, Entry, Trouble
from eventflow.model.record import CONTROL
from eventflow.model.run import Firing, Status, Wait
from eventflow.model.workflow import Input, Workflow

if TYPE_CHECKING:
    from eventflow.execute.course import Course, Scope, Visit
    from eventflow.execute.program import Node
    from eventflow.model.journal import Ending

HALTED_FOR: Final[Micros] = 300_000_000
"""How long a halted partition may hold a timeout (W21)."""
LOOK_AGAIN: Final[Micros] = 250_000
"""How soon to look again whether the log has passed a deadline that the clock has passed."""

CallId = tuple[str, int, int, int]
"""(path, visit, attempt, repetition) of a call."""


class Frontier(msgspec.Struct, frozen=True):
    """How far each partition has been read, as log times, and which of them are halted (W21)."""

    read: dict[int, Micros] = {}
    halted: frozenset[int] = frozenset()

    def unread(self, deadline: Micros, *, control_only: bool) -> list[int]:
        """The partitions that may still bring something logged at or before the deadline."""
        if control_only:
            return [] if self.read.get(CONTROL, 0) > deadline else [CONTROL]
        known = self.read.keys() | {CONTROL} | self.halted
        return sorted(p for p in known if self.read.get(p, 0) <= deadline)


class Given(msgspec.Struct, frozen=True):
    """What `advance` may look up: all of it pure.

    `idempotent` says it of an action by name (false where there is no such action), `workflow` gives the newest
    definition by id, `complete` makes typed inputs of given ones and raises `ValueError` or an `EventflowError`;
    `url` is the page of the run.
    """

    idempotent: Callable[[str], bool]
    workflow: Callable[[str], Workflow | None]
    complete: Callable[[Mapping[str, Input], Mapping[str, Any]], dict[str, Any]]
    url: str = ""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """An outside call to be made once its entry is durable.

    `inputs` and `env` still lack secrets; `fill` of the `molds` puts them in; `names` is None without any.
    """

    path: str
    visit: int
    n: int
    rep: int
    uses: str
    step: str
    timeout: Micros | None
    inputs: Any
    env: Any
    molds: tuple[Mold, Mold]
    names: Names | None

    @property
    def id(self) -> CallId:
        """What its return is known by."""
        return (self.path, self.visit, self.n, self.rep)


class Return(msgspec.Struct, frozen=True, kw_only=True):
    """How a call came back: outputs, or an error."""

    call: CallId
    outputs: dict[str, Any] = {}
    error: Trouble | None = None


class Progress(msgspec.Struct):
    """What one turn decided. Nothing of it counts before `entries` are durable."""

    entries: list[Entry] = []
    calls: list[Call] = []
    break_off: list[CallId] = []
    waits: list[Wait] = []
    withdraw: list[tuple[str, int]] = []
    children: list[Firing] = []
    outbox: list[bytes] = []
    status: Status | None = None
    reason: str | None = None
    outputs: dict[str, Any] | None = None
    wake_at: Micros | None = None
    decisive: bool = False
    seen: int = 0

    @property
    def terminal(self) -> bool:
        """Whether the run is over with it."""
        return self.status in {"succeeded", "failed", "cancelled", "suppressed"}


class StepFailed(Exception):
    """A step cannot go on; carries the trouble."""

    def __init__(self, code: str, message: str) -> None:
        """Say what and why."""
        super().__init__(message)
        self.trouble = Trouble(code, message)


def only(given: Mapping[str, Any], uses: str, *names: str) -> None:
    """Refuse what the action does not know. Raises `StepFailed`."""
    unknown = sorted(given.keys() - set(names))
    if unknown:
        raise StepFailed("inputs", f"{uses} knows no {', '.join(unknown)}; it takes {', '.join(names)}")


class Turn:
    """The work of one turn."""

    def __init__(self, course: Course, given: Given, now: Micros, frontier: Frontier, alive: frozenset[CallId]) -> None:
        """Begin with an empty progress."""
        self.course, self.given, self.now, self.frontier, self.alive = course, given, now, frontier, alive
        self.plan = course.plan
        self.progress = Progress()
        self.begun: set[CallId] = set()

    def write(self, entry: Entry) -> None:
        """Decide it: into the progress and onto the course."""
        self.progress.entries.append(entry)
        apply(self.course, entry)

    def wake(self, at: Micros) -> None:
        """Somebody must look again at `at`."""
        if self.progress.wake_at is None or at < self.progress.wake_at:
            self.progress.wake_at = at

    def is_alive(self, visit: Visit) -> bool:
        """Whether the visit's call is under way in this process."""
        return visit.call_id in self.alive or visit.call_id in self.begun

    # --- expressions ---

    def names(self, scope: Scope, **more: Any) -> Names:
        """What an expression in this scope may name."""
        return Names(self.course, scope, self.given.url, **more)

    def value(self, scope: Scope, text: str, key: str, **more: Any) -> Any:
        """The value of an expression as JSON. Raises `StepFailed` that names the key it stands in."""
        try:
            return as_json(self.plan.program(text).evaluate(self.names(scope, **more)))
        except (EvaluationError, ExpressionError, TypeError, ValueError) as error:
            raise StepFailed("expression", f"{key}: {text.strip()}: {error}") from error

    def holds(self, scope: Scope, text: str, key: str, **more: Any) -> bool:
        """The truth of a condition; an error is never false. Raises `StepFailed`."""
        try:
            return self.plan.program(text).test(self.names(scope, **more))
        except (EvaluationError, ExpressionError) as error:
            raise StepFailed("expression", f"{key}: {text.strip()}: {error}") from error

    def render(self, scope: Scope, shape: Any, key: str, *, secrets: bool = False) -> Any:
        """A `${{ }}` shape with its values, as JSON; None where a secret belongs. Raises `StepFailed`."""
        try:
            mold = self.plan.mold(shape, secrets=secrets)
            return mold.fixed if mold.constant else as_json(mold.render(self.names(scope)))
        except (EvaluationError, ExpressionError, TypeError, ValueError) as error:
            raise StepFailed("expression", f"{key}: {error}") from error

    # --- endings ---

    def end(
        self,
        scope: Scope,
        node: Node,
        status: Ending,
        *,
        outputs: dict[str, Any] | None = None,
        error: Trouble | None = None,
        then: str | None = None,
        **more: Any,
    ) -> None:
        """A visit is over: write it down with where it leads."""
        path = scope.path(node.name)
        visit = self.course.open.get(path)
        number = visit.number if visit is not None else self.course.visits.get(path, 0) + 1
        if visit is not None and visit.waiting is not None:
            self.leave(visit)
        way = leads(scope, node, status, then)
        if error is not None and not error.step:
            attempts = visit.n if visit is not None else 0
            error = msgspec.structs.replace(error, step=node.name, attempts=attempts)
        if way.error is not None:
            had = f"; {node.name} had failed: {error.code}: {error.message}" if error is not None else ""
            error = msgspec.structs.replace(way.error, message=way.error.message + had)
        self.write(
            Ended(
                at=self.now, path=path, visit=number, status=status, outputs=bounded(outputs) if outputs else {},
                error=error, to=way.to, ends=way.ends, why=way.why, of=way.of, **more,
            )
        )  # fmt: skip

    def leave(self, visit: Visit) -> None:
        """A wait is over: nobody may answer it any more, and what came first decides."""
        waiting = visit.waiting
        if waiting is not None and waiting.kind != "timer":
            self.progress.decisive = True
            if waiting.kind != "child":
                self.progress.withdraw.append((visit.path, visit.number))

    def cancel(self, visit: Visit, why: str) -> None:
        """End a visit from outside: its call is broken off, nothing follows in its list."""
        if visit.call_id in self.begun:  # of this very turn: it is not made at all
            self.progress.calls = [call for call in self.progress.calls if call.id != visit.call_id]
        elif visit.call and self.is_alive(visit):
            self.progress.break_off.append(visit.call_id)
        self.leave(visit)
        error = Trouble("cancelled", why, step=visit.node.name, attempts=visit.n)
        self.write(Ended(at=self.now, path=visit.path, visit=visit.number, status="cancelled", error=error))
