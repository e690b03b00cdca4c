"""A definition made ready to be executed: its lists of steps with their order, and its expressions, compiled once.

One `Plan` serves all runs of a definition. Expressions are compiled when first needed, so a run pays for the steps it
reaches. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from eventflow.match import Env, Template, compile, template  # noqa: A004 - the door's word
from eventflow.match.waits import WaitFilter, split
from eventflow.model.order import bodies, every, handlers
from eventflow.model.workflow import Action, Conditions, Decision, Loop, Parallel, Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eventflow.match import Program
    from eventflow.model.workflow import Workflow

NAMES: Final = ("event", "events", "trigger", "inputs", "steps", "vars", "run", "workflow", "loop", "error", "result")
"""What expressions in steps may name; `result` in `outputs` only, `secrets` in `with` and `env` only."""


class Node:
    """A step in its list."""

    __slots__ = ("blocks", "do", "kind", "name", "place", "step")

    def __init__(self, step: Step, place: int) -> None:
        """Know the step; the lists inside it are put in by `Plan`."""
        self.step, self.place, self.name = step, place, step.name
        self.do: Any = step.do
        self.kind = _kind(step)
        self.blocks: dict[str, Block] = {}


class Block:
    """A list of steps that follow each other: the workflow's own, a branch, the body of a loop."""

    __slots__ = ("bare", "handlers", "label", "names", "nodes", "number", "order")

    def __init__(self, number: int, label: str, nodes: tuple[Node, ...], handlers: frozenset[str]) -> None:
        """`number` tells lists apart, `label` is a branch's name, `bare` says that conditions do not count here."""
        self.number, self.label, self.bare = number, label, False
        self.handlers = handlers
        self.order = nodes
        self.nodes = {node.name: node for node in nodes}
        self.names = tuple(inner.name for node in nodes for inner in every((node.step,)))
        """Of every step in it, at any depth."""

    def first(self) -> str:
        """The step it begins with; empty when there is none."""
        return self.after(-1)

    def after(self, place: int) -> str:
        """The step that follows in normal order, which passes over handlers; empty at the end."""
        for node in self.order[place + 1 :]:
            if node.name not in self.handlers:
                return node.name
        return ""


class Plan:
    """A definition as the executor walks it."""

    def __init__(self, workflow: Workflow, hash_: str) -> None:
        """Lay out the steps; compile nothing yet."""
        self.workflow, self.hash = workflow, hash_
        self.handlers = handlers(workflow)
        self.block_of: dict[str, Block] = {}
        self._blocks = 0
        items = {step.do.as_ for step in every(workflow.steps) if isinstance(step.do, Loop)}
        self._env = Env(dict.fromkeys((*NAMES, *sorted(items))))
        self._call_env = Env(dict.fromkeys((*NAMES, *sorted(items), "secrets")))
        self._programs: dict[str, Program] = {}
        self._molds: dict[int, tuple[Any, Mold]] = {}
        self._filters: dict[str, WaitFilter] = {}
        self.root = self._block("", workflow.steps)
        self.fallback = tuple(self._fallback(place) for place in range(len(workflow.fallback)))

    def _block(self, label: str, steps: tuple[Step, ...]) -> Block:
        nodes = tuple(Node(step, place) for place, step in enumerate(steps))
        self._blocks += 1
        block = Block(self._blocks, label, nodes, self.handlers)
        for node in nodes:
            self.block_of[node.name] = block
            labels = tuple(node.do.branches) if isinstance(node.do, Parallel) else ("",)
            inner = zip(labels, bodies(node.step), strict=False)
            node.blocks = {name: self._block(name, body) for name, body in inner}
        return block

    def _fallback(self, place: int) -> Block:
        """The list of one fallback action: a step of this file without its conditions, or one made for the action."""
        wanted = self.workflow.fallback[place]
        self._blocks += 1
        if wanted.action in self.block_of:
            node = self.block_of[wanted.action].nodes[wanted.action]
        else:
            step = Step(name=f"fallback[{place}]", do=Action(uses=wanted.action, with_=wanted.with_))
            node = Node(step, 0)
        block = Block(self._blocks, "", (node,), frozenset())
        block.bare = True
        return block

    def program(self, text: str) -> Program:
        """A compiled expression. Raises `ExpressionError`."""
        found = self._programs.get(text)
        if found is None:
            found = self._programs[text] = compile(text, self._env)
        return found

    def mold(self, value: Any, *, secrets: bool = False) -> Mold:
        """A compiled `${{ }}` shape of this definition. Raises `ExpressionError`."""
        found = self._molds.get(id(value))
        if found is None:
            # the shape is kept with it, so that its identity is not given to another one
            found = self._molds[id(value)] = (value, Mold(value, self._call_env if secrets else self._env))
        return found[1]

    def filter(self, text: str | None) -> WaitFilter:
        """A wait's filter in parts (W20). Raises `ExpressionError`."""
        if text is None:
            return WaitFilter()
        if text not in self._filters:
            self._filters[text] = split(text)
        return self._filters[text]


class Mold:
    """A JSON shape whose texts may hold expressions; those that read secrets are kept apart, to be filled last."""

    __slots__ = ("constant", "fixed", "late", "now")

    def __init__(self, value: Any, env: Env) -> None:
        """Compile every text in it. Raises `ExpressionError`."""
        self.late: list[tuple[tuple[Any, ...], Template]] = []
        shape = self._without_secrets(value, (), env)
        self.now = template(shape, env)
        self.constant = self.now.is_constant
        self.fixed = self.now.render({}) if self.constant else None

    def _without_secrets(self, value: Any, path: tuple[Any, ...], env: Env) -> Any:
        if isinstance(value, dict):
            return {name: self._without_secrets(item, (*path, name), env) for name, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._without_secrets(item, (*path, at), env) for at, item in enumerate(value)]
        if isinstance(value, str) and "${{" in value and "secrets" in value:
            compiled = template(value, env)
            if "secrets" in compiled.names:
                self.late.append((path, compiled))
                return None
        return value

    def render(self, names: Mapping[str, object]) -> Any:
        """The shape with values, None where a secret belongs. Raises `EvaluationError`."""
        return self.now.render(names)

    def fill(self, rendered: Any, names: Mapping[str, object]) -> Any:
        """A copy of a rendered shape with what reads secrets put in. Raises `EvaluationError`."""
        for path, late in self.late:
            rendered = _put(rendered, path, late.render(names))
        return rendered

    def secrets(self) -> frozenset[str]:
        """The names of the secrets it reads; `*` when that cannot be told."""
        paths = [path for _, late in self.late for path in late.paths if path[0] == "secrets"]
        return frozenset(path[1] if len(path) > 1 else "*" for path in paths)


def _put(value: Any, path: tuple[Any, ...], what: Any) -> Any:
    if not path:
        return what
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _put(copy[path[0]], path[1:], what)
    return copy


def _kind(step: Step) -> str:
    match step.do:
        case Action():
            return "action"
        case Decision():
            return "decision"
        case Parallel():
            return "parallel"
    return "loop"


BARE: Final = Conditions()
"""The conditions of a fallback: whatever the step says, its end only leads to the next fallback."""
