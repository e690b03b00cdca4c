"""What expressions of a step may name, made when an expression asks for it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eventflow.execute.fold import shown
from eventflow.model.event import from_micros
from eventflow.model.workflow import Loop

if TYPE_CHECKING:
    from collections.abc import Callable

    from eventflow.execute.course import Course, Scope


class Names(dict[str, Any]):
    """The names seen from one scope of a run; `more` are values that only this expression sees."""

    __slots__ = ("course", "scope", "url")

    def __init__(self, course: Course, scope: Scope, url: str, **more: Any) -> None:
        """Make nothing before it is asked for."""
        super().__init__(more)
        self.course, self.scope, self.url = course, scope, url

    def __missing__(self, name: str) -> Any:
        """Make a value, once."""
        make = _MAKERS.get(name)
        if make is not None:
            value = self[name] = make(self)
            return value
        for loop in _loops(self.scope):
            if loop["as"] == name and "item" in loop:
                return loop["item"]
        raise KeyError(name)

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a name; `default` when there is none."""
        try:
            return self[name]
        except KeyError:
            return default


def _steps(names: Names) -> dict[str, Any]:
    """Every declared step; in a round its own steps as they are in this round."""
    layers: list[dict[str, Any]] = []
    scope: Scope | None = names.scope
    while scope is not None:
        if not layers or layers[-1] is not scope.views:
            layers.append(scope.views)
        scope = scope.owner.scope if scope.owner is not None else None
    if len(layers) == 1 and layers[0] is names.course.views:
        return layers[0]
    merged: dict[str, Any] = dict(names.course.views)
    for layer in reversed(layers):
        merged.update(layer)
    return merged


def _loops(scope: Scope | None) -> list[dict[str, Any]]:
    """The rounds that the scope is in, the innermost first."""
    found = []
    while scope is not None and scope.owner is not None:
        if isinstance(scope.owner.node.do, Loop):
            do, index = scope.owner.node.do, scope.index or 0
            loop: dict[str, Any] = {"index": index, "first": index == 0, "as": do.as_}
            if scope.owner.items is not None:
                loop["item"] = loop[do.as_] = scope.owner.items[index]
                loop["size"] = len(scope.owner.items)
            found.append(loop)
        scope = scope.owner.scope
    return found


def _loop(names: Names) -> dict[str, Any] | None:
    loops = _loops(names.scope)
    return loops[0] if loops else None


def _error(names: Names) -> dict[str, Any] | None:
    trouble = names.scope.trouble
    return shown(trouble) if trouble is not None else None


def _run(names: Names) -> dict[str, Any]:
    run = names.course.run
    begun = names.course.begun
    return {
        "id": run.id, "number": run.number, "attempt": 2 if run.rerun_of else 1, "url": names.url, "by": run.by,
        "started_at": from_micros(begun.at if begun is not None else run.created), "signals": names.course.signals,
    }  # fmt: skip


def _workflow(names: Names) -> dict[str, Any]:
    workflow = names.course.plan.workflow
    return {
        "id": workflow.id, "name": workflow.name, "version": workflow.version, "hash": names.course.plan.hash,
        "tags": list(workflow.tags), "owner": workflow.owner,
    }  # fmt: skip


def _trigger(names: Names) -> dict[str, Any]:
    run = names.course.run
    return {"id": run.trigger, "key": run.key, "fired_at": from_micros(run.fired_at), "reason": "", **run.facts}


_MAKERS: dict[str, Callable[[Names], Any]] = {
    "steps": _steps,
    "inputs": lambda names: names.course.run.inputs,
    "vars": lambda names: names.course.plan.workflow.vars,
    "event": lambda names: names.course.events[0] if names.course.copies else {},
    "events": lambda names: names.course.events,
    "trigger": _trigger,
    "run": _run,
    "workflow": _workflow,
    "loop": _loop,
    "error": _error,
}
