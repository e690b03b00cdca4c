"""Where a run is: its place in the program, as data.

A run is a tree: a scope is a list of steps under way and has one current visit; the visit of a parallel step or of a
loop has scopes of its own. Only `fold.apply` moves it. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from eventflow.model.event import decode, from_micros

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from eventflow.execute.program import Block, Node, Plan
    from eventflow.model.event import Micros
    from eventflow.model.journal import (
        Begun,
        FellBack,
        Finished,
        Trouble,
        Waited,
    )
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
        self.views: Views = {name: pending() for name in plan.root.names}
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


def open_visits(scope: Scope) -> Iterator[Visit]:
    """The visits under way in a scope, inner ones first."""
    visit = scope.current
    if visit is None:
        return
    for inner in list(visit.scopes.values()):
        yield from open_visits(inner)
    yield visit


def pending() -> dict[str, Any]:
    """What `steps` shows of a step that has not been visited."""
    return {"status": "pending", "outputs": {}}
