"""Where a run is: its place in the program, put together from the entries of its journal and from nothing else.

`Course.apply` is the only thing that moves it, for entries read back and for entries just decided, so what an executor
holds in memory is what another one would read after a crash. It evaluates nothing. Pure.

A run is a tree: a scope is a list of steps under way and has one current visit; the visit of a parallel step or of a
loop has scopes of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from eventflow.model.event import decode, from_micros, parse_time
from eventflow.model.journal import (
    Again,
    Begun,
    Branched,
    Copied,
    Ended,
    Entered,
    FellBack,
    Finished,
    Heard,
    Round,
    Tried,
    Waited,
)
from eventflow.model.workflow import Loop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from eventflow.execute.program import Block, Node, Plan
    from eventflow.model.event import Micros
    from eventflow.model.journal import Entry, Trouble
    from eventflow.model.run import EventCopy, InboxItem, Run

Views = dict[str, dict[str, Any]]
"""What `steps` shows: step name → status, outputs and the rest."""


class Visit:
    """One visit of one step."""

    __slots__ = (
        "call", "deadline", "due", "error", "failed", "input", "items", "lost", "n", "node", "number", "open", "path",
        "rep", "results", "rounds", "safe", "scope", "scopes", "started", "started_try", "status", "successes", "view",
        "votes", "waiting",
    )  # fmt: skip

    def __init__(self, scope: Scope, node: Node, path: str, number: int, at: Micros) -> None:
        """It begins."""
        self.scope, self.node, self.path, self.number, self.started = scope, node, path, number, at
        self.status = "running"
        self.open = True
        self.n, self.rep, self.lost, self.safe = 0, 0, 0, False
        self.started_try = at
        self.input: Any = msgspec.UNSET
        self.call = False
        """An attempt is under way outside, or was when somebody crashed."""
        self.due: Micros | None = None
        """When the next attempt, or the next round, comes."""
        self.deadline: Micros | None = None
        self.waiting: Waited | None = None
        self.votes: dict[str, str] = {}
        self.error: Trouble | None = None
        self.items: list[Any] | None = None
        self.rounds = 0
        self.scopes: dict[Any, Scope] = {}
        """Branches or rounds under way, by name or number; what is over is in `results`."""
        self.results: dict[Any, Scope] = {}
        self.failed: Scope | None = None
        """The first branch or round that did not succeed."""
        self.successes = 0
        self.view: dict[str, Any] = {"status": "running", "outputs": {}, "started_at": from_micros(at)}

    @property
    def call_id(self) -> tuple[str, int, int, int]:
        """What names the call that is under way."""
        return (self.path, self.number, self.n, self.rep)


class Scope:
    """A list of steps under way."""

    __slots__ = (
        "at", "block", "counts", "current", "error", "handles", "index", "owner", "prefix", "result", "views", "why",
    )  # fmt: skip

    def __init__(self, block: Block, prefix: str, owner: Visit | None, views: Views, index: int | None = None) -> None:
        """It begins at its first step."""
        self.block, self.prefix, self.owner, self.views, self.index = block, prefix, owner, views, index
        self.at = block.first()
        self.current: Visit | None = None
        self.result = "" if self.at else "success"
        self.why = ""
        self.handles = ""
        """The failed step that the current one, a handler, deals with."""
        self.error: Trouble | None = None
        self.counts: dict[str, int] = {}

    def path(self, name: str) -> str:
        """The path of one of its steps."""
        return f"{self.prefix}/{name}" if self.prefix else name

    @property
    def trouble(self) -> Trouble | None:
        """The last failure here or around: what `error` shows."""
        scope: Scope | None = self
        while scope is not None:
            if scope.error is not None:
                return scope.error
            scope = scope.owner.scope if scope.owner is not None else None
        return None


class Course:
    """The place of one run in its program."""

    def __init__(self, plan: Plan, run: Run, events: Iterable[EventCopy], inbox: Iterable[InboxItem] = ()) -> None:
        """Nothing has happened yet."""
        self.plan, self.run, self.copies = plan, run, tuple(events)
        self.views: Views = {name: _pending() for name in plan.root.names}
        self.root = Scope(plan.root, "", None, self.views)
        self.fallback: Scope | None = None
        self.fallback_views: Views = {}
        self.fell: FellBack | None = None
        self.begun: Begun | None = None
        self.finished: Finished | None = None
        self.paused = False
        self.inbox = {item.id: item for item in inbox}
        self.seen = 0
        self.signals: list[dict[str, Any]] = []
        self.visits: dict[str, int] = {}
        self.open: dict[str, Visit] = {}
        self.taken: dict[str, set[int]] = {}
        self.scopes: dict[tuple[str, int], Scope] = {("", plan.root.number): self.root}
        self._events: list[dict[str, Any]] | None = None
        self.heard: set[int] = set()

    @property
    def events(self) -> list[dict[str, Any]]:
        """The run's events as expressions see them."""
        if self._events is None:
            self._events = [decode(copy.data).view() for copy in self.copies]
        return self._events

    def new_items(self) -> list[InboxItem]:
        """Items of the inbox that nobody has dealt with, in order."""
        if not self.inbox:
            return []
        return [item for id_, item in sorted(self.inbox.items()) if id_ > self.seen]

    def apply(self, entry: Entry) -> None:
        """Move as the entry says."""
        _MOVES[type(entry)](self, entry)

    def visit(self, path: str, number: int) -> Visit | None:
        """The visit, while it is open."""
        found = self.open.get(path)
        return found if found is not None and found.number == number else None

    def enter(self, path: str, number: int, at: Micros) -> Visit:
        """The visit of this number, begun now if it has not been."""
        found = self.open.get(path)
        if found is not None:
            return found
        prefix, _, name = path.rpartition("/")
        scope, node = self._home(prefix, name)
        visit = Visit(scope, node, path, number, at)
        scope.current, scope.at = visit, ""
        scope.counts[name] = scope.counts.get(name, 0) + 1
        self.visits[path] = number
        self.open[path] = visit
        scope.views[name] = visit.view
        return visit

    def _home(self, prefix: str, name: str) -> tuple[Scope, Node]:
        if not prefix and self.fallback is not None:
            return self.fallback, self.fallback.block.nodes[name]
        block = self.plan.block_of[name]
        return self.scopes[prefix, block.number], block.nodes[name]

    def hold(self, key: Any, scope: Scope) -> None:
        """Take in a branch or a round that begins."""
        self.scopes[scope.prefix, scope.block.number] = scope
        if scope.owner is not None:
            scope.owner.scopes[key] = scope
        if scope.result:
            self.settle(scope)

    def settle(self, scope: Scope) -> None:
        """A branch or round is over."""
        owner = scope.owner
        self.scopes.pop((scope.prefix, scope.block.number), None)
        if owner is None:
            return
        key = scope.index if scope.index is not None else scope.block.label
        owner.scopes.pop(key, None)
        owner.results[key] = scope
        owner.successes += scope.result == "success"
        if scope.result != "success" and owner.failed is None:
            owner.failed = scope


def fold(course: Course, entries: Iterable[Entry]) -> Course:
    """The course after these entries."""
    for entry in entries:
        course.apply(entry)
    return course


def open_visits(scope: Scope) -> Iterator[Visit]:
    """The visits under way in a scope, inner ones first."""
    visit = scope.current
    if visit is None:
        return
    for inner in list(visit.scopes.values()):
        yield from open_visits(inner)
    yield visit


def _pending() -> dict[str, Any]:
    return {"status": "pending", "outputs": {}}


# --- one move for each kind of entry ---------------------------------------------------------------------------------


def _begin(course: Course, entry: Begun) -> None:
    course.begun = entry
    if entry.start:
        course.root.at, course.root.result = entry.start, ""


def _copy(course: Course, entry: Copied) -> None:
    view = dict(entry.view)
    for name in ("started_at", "ended_at"):
        if isinstance(view.get(name), str):
            view[name] = parse_time(view[name])
    course.views[entry.step] = view


def _entered(course: Course, entry: Entered) -> None:
    visit = course.enter(entry.path, entry.visit, entry.at)
    visit.deadline, visit.items = entry.deadline, entry.items
    if isinstance(visit.node.do, Loop):
        visit.view["items"] = []


def _branched(course: Course, entry: Branched) -> None:
    visit = course.open[entry.path]
    block = visit.node.blocks[entry.branch]
    course.hold(entry.branch, Scope(block, entry.path, visit, visit.scope.views))


def _round(course: Course, entry: Round) -> None:
    visit = course.open[entry.path]
    visit.rounds = entry.i + 1
    visit.due = None
    if entry.due is not None:
        visit.due, visit.rounds = entry.due, entry.i
        return
    block = visit.node.blocks[""]
    views = {name: _pending() for name in block.names}
    visit.view["items"].append(views)
    course.hold(entry.i, Scope(block, f"{entry.path}[{entry.i}]", visit, views, entry.i))


def _tried(course: Course, entry: Tried) -> None:
    visit = course.enter(entry.path, entry.visit, entry.at)
    if entry.rep:
        visit.lost += 1
    else:
        visit.started_try = entry.at
    visit.n, visit.rep, visit.safe = entry.n, entry.rep, entry.safe
    visit.call, visit.due, visit.waiting = True, None, None
    if entry.input is not msgspec.UNSET:
        visit.input = entry.input
    visit.status = visit.view["status"] = "running"
    visit.view["attempts"] = entry.n


def _again(course: Course, entry: Again) -> None:
    visit = course.open[entry.path]
    visit.call, visit.waiting, visit.due, visit.error = False, None, entry.due, entry.error
    if entry.error.code == "interrupted":
        visit.lost += 1
    visit.status = visit.view["status"] = "waiting"


def _waited(course: Course, entry: Waited) -> None:
    visit = course.enter(entry.path, entry.visit, entry.at)
    visit.waiting, visit.call = entry, False
    visit.status = visit.view["status"] = "waiting"


def _heard(course: Course, entry: Heard) -> None:
    course.seen = max(course.seen, entry.item)
    if entry.effect == "vote":
        visit = course.visit(entry.path, entry.visit)
        if visit is not None:
            visit.votes[entry.by] = entry.data["case"]
    if entry.effect != "taken":
        return
    if entry.kind in {"pause", "resume"}:
        course.paused = entry.kind == "pause"
    elif entry.kind == "signal":
        course.signals.append(_signal(course.inbox.get(entry.item)))


def _signal(item: InboxItem | None) -> dict[str, Any]:
    event = item.payload.get("event") if item is not None else None
    return decode(msgspec.json.encode(event)).view() if isinstance(event, dict) and "id" in event else {}


def _ended(course: Course, entry: Ended) -> None:
    visit = course.enter(entry.path, entry.visit, entry.at)
    scope = visit.scope
    _show(visit.view, visit, entry)
    visit.open, visit.call, visit.due, visit.waiting = False, False, None, None
    visit.status, visit.error = entry.status, entry.error
    del course.open[entry.path]
    for inner in visit.scopes.values():
        course.scopes.pop((inner.prefix, inner.block.number), None)
    visit.scopes = {}
    if entry.arrival:
        course.taken.setdefault(visit.node.name, set()).add(entry.arrival)
    scope.current, scope.at = None, entry.to
    if entry.error is not None:
        scope.error = entry.error
    if entry.to:
        scope.handles = entry.of
    else:
        scope.result, scope.why = entry.ends or "cancelled", entry.why
        if scope.owner is not None:
            course.settle(scope)


def _show(view: dict[str, Any], visit: Visit, entry: Ended) -> None:
    view["status"], view["outputs"], view["ended_at"] = entry.status, entry.outputs, from_micros(entry.at)
    if visit.n:
        view["attempts"] = visit.n
    if entry.error is not None and entry.status not in {"success", "skipped"}:
        view["error"] = shown(entry.error)
    if entry.case:
        view |= {"decision": entry.case, "by": entry.by, "who": entry.who, "reason": entry.reason, "confidence": 1.0}


def shown(error: Trouble) -> dict[str, Any]:
    """A failure as expressions see it."""
    return {"step": error.step, "code": error.code, "message": error.message, "attempts": error.attempts}


def _fell(course: Course, entry: FellBack) -> None:
    course.fell = entry
    if entry.error is not None:
        course.root.error = entry.error
    block = course.plan.fallback[entry.i]
    views = course.views if block.order[0].name in course.views else course.fallback_views
    course.fallback = Scope(block, "", None, views)
    course.fallback.error = course.root.error


def _finished(course: Course, entry: Finished) -> None:
    course.finished = entry


_MOVES: dict[type, Callable[[Course, Any], None]] = {
    Begun: _begin, Copied: _copy, Entered: _entered, Branched: _branched, Round: _round, Tried: _tried, Again: _again,
    Waited: _waited, Heard: _heard, Ended: _ended, FellBack: _fell, Finished: _finished,
}  # fmt: skip
