"""A catalogue made ready to decide by: an index over what triggers and waits select, and everything they evaluate.

`Rules` is made once per catalogue (W11) and shared by all partitions; it holds no state. Wait selectors come from the
newest catalogue and from every definition that an open run is pinned to (W20); they are apart (`Waits`), because they
come into force before the triggers do.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

import msgspec

from eventflow.errors import ComponentError
from eventflow.match import Env, ExpressionError, Index, compile, template  # noqa: A004 - the door's word
from eventflow.match.waits import split
from eventflow.model.control import ALARMS
from eventflow.model.identity import digest, partition_of
from eventflow.model.record import CONTROL
from eventflow.model.workflow import Action, Catalogue, Loop, Match, Parallel, Selector, Step, Trigger, Workflow, decode
from eventflow.route.judge import SILENT
from eventflow.route.selection import entry
from eventflow.route.watching import WEEK, Find, Watch, no_types

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from eventflow import match
    from eventflow.match import Program
    from eventflow.model.detection import Condition
    from eventflow.model.event import Micros

_DAY: Final[Micros] = 86_400_000_000
_ALWAYS: Final = ("id", "source", "type", "eventflowchain", "eventflowhops")
_LARGE: Final = frozenset((("event",), ("event", "data"), ("event", "body")))
_NAMES: Final = ("event", "events", "trigger", "inputs")


class Rule:
    """One trigger of a workflow, compiled. `state` names selector, key and schedule: another is a new state (W11)."""

    __slots__ = (
        "dedup", "definition", "group", "idle", "inputs", "is_constant", "key", "name", "salt", "state", "stateful",
        "trigger", "watch", "whole", "workflow",
    )  # fmt: skip

    def __init__(self, definition: str, workflow: Workflow, trigger: Trigger, find: Find = no_types) -> None:
        """Compile the trigger; `find` knows detector types. Raises `ExpressionError`, `ComponentError`."""
        self.name = (workflow.id, trigger.id)
        self.definition = definition
        self.workflow = workflow
        self.trigger = trigger
        self.stateful = trigger.stateful
        small = Env({"event": None}, {"vars": workflow.vars})
        self.key: Program | None = compile(trigger.key, small) if trigger.key is not None else None
        self.dedup: Program | None = compile(trigger.dedup.key, small) if trigger.dedup is not None else None
        self.inputs = template(trigger.inputs, env_of(workflow))
        self.group = template(workflow.concurrency.group, env_of(workflow))
        self.is_constant = self.inputs.is_constant and workflow.concurrency.group is None
        read = self.inputs.paths | self.group.paths
        self.whole = any(path[0] == "events" or path in _LARGE for path in read)
        self.watch = Watch(self.name, trigger, workflow.vars, find) if trigger.condition is not None else None
        self.state = _state_of(trigger, find)
        self.salt = digest((*self.name, self.state), 16)
        self.idle = max(_DAY, trigger.cooldown or 0, *(limit.per for limit in trigger.limit)) + 1
        if trigger.condition is not None:
            self.idle = max(self.idle, _lasts(trigger.condition))

    @property
    def paths(self) -> Iterator[tuple[str, ...]]:
        """What its expressions read beside the selector, unless a firing decodes the event whole for them."""
        if not self.whole:
            yield from self.inputs.paths | self.group.paths
        for program in (self.key, self.dedup):
            if program is not None:
                yield from program.paths
        if self.watch is not None:
            yield ("event", "time")
            for program in self.watch.programs:
                yield from program.paths

    @property
    def on_control(self) -> bool:
        """Whether the control partition owns it: it selects nothing but alarms of the engine (W5)."""
        return self.trigger.selector is not None and self.trigger.selector.event in ALARMS

    def owner(self, key: str | None, partitions: int) -> int:
        """The partition that owns the state of `key` (W8)."""
        if self.on_control or (self.trigger.schedule is not None and self.trigger.schedule.every is None):
            return CONTROL
        if key is not None:
            return partition_of(key, partitions)
        if partitions == 1:
            return 0
        return int.from_bytes(digest(self.name, 8), "big") % partitions


class Started:
    """What starting a workflow by hand needs."""

    __slots__ = ("definition", "group", "workflow")

    def __init__(self, definition: str, workflow: Workflow) -> None:
        """Compile the concurrency group. Raises `ExpressionError`."""
        self.definition = definition
        self.workflow = workflow
        self.group = template(workflow.concurrency.group, env_of(workflow))


class Rules:
    """The triggers of one catalogue."""

    def __init__(self, catalogue: Catalogue, zone: str = "UTC", find: Find = no_types) -> None:
        """Compile everything; what does not compile is left out and named in `broken`. `find` knows detector types."""
        self.find = find
        self.number = catalogue.number
        self.zone = zone
        self.workflows: dict[str, Started] = {}
        self.broken: dict[tuple[str, str], str] = {}
        self.by_name: dict[tuple[str, str], Rule] = {}
        self.known: dict[tuple[str, str], str] = {}
        """Every trigger of the catalogue, enabled or not, with its state name."""
        self.events: list[Rule] = []
        self.entries: list[match.Selector] = []
        self.schedules: list[Rule] = []
        self.watches: list[Rule] = []
        """The condition triggers, which are among `events` too."""
        self.trained: list[Rule] = []
        """Those of them whose models are made elsewhere."""
        for workflow_id in sorted(catalogue.workflows):
            self._add(catalogue.workflows[workflow_id])

    def _add(self, workflow: Workflow) -> None:
        definition = workflow.hash
        try:
            self.workflows[workflow.id] = Started(definition, workflow)
        except ExpressionError as error:
            self.broken[workflow.id, ""] = str(error)
        for trigger in workflow.triggers:
            self.known[workflow.id, trigger.id] = _state_of(trigger, self.find)
            if not (workflow.enabled and trigger.enabled):
                continue
            try:
                self._add_trigger(definition, workflow, trigger)
            except (ExpressionError, ComponentError) as error:
                self.broken[workflow.id, trigger.id] = str(error)

    def _add_trigger(self, definition: str, workflow: Workflow, trigger: Trigger) -> None:
        rule = Rule(definition, workflow, trigger, self.find)
        if trigger.schedule is None:
            self.entries.append(entry(len(self.events), trigger.selector or Selector(), workflow.vars))
            self.events.append(rule)
            if rule.watch is not None:
                self.watches.append(rule)
                if rule.watch.trained:
                    self.trained.append(rule)
        else:
            self.schedules.append(rule)
        self.by_name[rule.name] = rule


class Waiting:
    """A `wait.event` step of a definition."""

    __slots__ = ("definition", "event_side", "step", "vars")

    def __init__(self, definition: str, step: str, event_side: str | None, vars_: Mapping[str, Any]) -> None:
        """Compile the event's side of the key. Raises `ExpressionError`."""
        self.definition = definition
        self.step = step
        self.event_side = compile(event_side, Env({"event": None}, {"vars": vars_})) if event_side else None


class Waits:
    """The wait selectors in force (W20)."""

    def __init__(self, definitions: Mapping[str, bytes]) -> None:
        """Compile the waits of these definitions (hash → text); what cannot be read or compiled is left out."""
        self.hashes = frozenset(definitions)
        self.number = 0
        """The newest catalogue whose waits these are."""
        self.all: list[Waiting] = []
        self.entries: list[match.Selector] = []
        for hash_ in sorted(definitions):
            try:
                workflow = decode(definitions[hash_])
            except msgspec.DecodeError:
                continue
            for step, selector in wait_steps(workflow.steps):
                with contextlib.suppress(ExpressionError):
                    self._add(hash_, step, selector, workflow.vars)

    def _add(self, hash_: str, step: str, selector: Selector, constants: Mapping[str, Any]) -> None:
        parts = split(selector.filter)
        static = msgspec.structs.replace(selector, filter=parts.static)
        found = entry(len(self.all), static, constants)
        self.all.append(Waiting(hash_, step, parts.event_side, constants))
        self.entries.append(found)


class Front:
    """Rules and waits in force together: one look at an event tells what any of them wants of it.

    Numbers below `len(rules.events)` are triggers, the others waits. `read` decodes of an event what anybody needs.
    """

    def __init__(self, rules: Rules, waits: Waits) -> None:
        """Build the index."""
        self.rules = rules
        self.waits = waits
        self.triggers = len(rules.events)
        moved = [msgspec.structs.replace(one, id=one.id + self.triggers) for one in waits.entries]
        index = Index([*rules.entries, *moved])
        self.match = index.match
        self.read = index.projection(self._also())

    def _also(self) -> Iterator[tuple[str, ...]]:
        for name in _ALWAYS:
            yield ("event", name)
        for rule in self.rules.events:
            yield from (path for path in rule.paths if path[0] == "event")
        for wait in self.waits.all:
            if wait.event_side is not None:
                yield from (path for path in wait.event_side.paths if path[0] == "event")


def wait_steps(steps: tuple[Step, ...]) -> Iterator[tuple[str, Selector]]:
    """(step name, selector) of every `wait.event` step, nested ones included."""
    for step in steps:
        match step.do:
            case Action(uses="wait.event"):
                with contextlib.suppress(msgspec.ValidationError):
                    yield step.name, _selector_of(step.do.with_)
            case Parallel():
                for branch in step.do.branches.values():
                    yield from wait_steps(branch)
            case Loop():
                yield from wait_steps(step.do.steps)
            case _:
                pass


def _selector_of(given: Mapping[str, Any]) -> Selector:
    """The selector in the inputs of `wait.event`. Raises `msgspec.ValidationError`."""
    fields = {name: given[name] for name in ("source", "event", "match", "filter") if given.get(name) is not None}
    if isinstance(fields.get("source"), str):
        fields["source"] = [fields["source"]]
    if isinstance(fields.get("match"), dict):
        fields["match"] = [_line(name, values) for name, values in fields["match"].items()]
    return msgspec.convert(fields, Selector)


def _line(name: str, values: Any) -> Match:
    """One line of `match` as people write it; `paths` are those a push changed."""
    path = name.removesuffix("_ignore")
    if not path.startswith("event."):
        path = "event.data." + ("changed" if path == "paths" else path)
    return Match(path, tuple(values) if isinstance(values, list) else (values,), name.endswith("_ignore"))


def _state_of(trigger: Trigger, find: Find) -> str:
    text = msgspec.json.encode((trigger.selector, trigger.key, trigger.schedule), order="deterministic").decode()
    if trigger.condition is None:
        return digest((text,), 8).hex()
    spec, version = trigger.condition.detector, 0
    with contextlib.suppress(ComponentError):
        version = find(spec.type).version
    judged = (
        trigger.condition.value, spec.type, version, spec.config, spec.group, spec.per_key, spec.features, spec.missing,
    )  # fmt: skip
    return digest((text, msgspec.json.encode(judged, order="deterministic").decode()), 8).hex()


def _lasts(condition: Condition) -> Micros:
    """How long a series is remembered that sends nothing: longer than any alarm of it can stay open."""
    judging = condition.detector.judging
    held = max(condition.for_ or 0, condition.clear_for or 0) + 2 * SILENT
    return max(WEEK, held, judging.memory or 0, judging.quiet or 0, judging.at_most.per if judging.at_most else 0) + 1


def env_of(workflow: Workflow) -> Env:
    """What templates of a trigger may name."""
    return Env(dict.fromkeys(_NAMES), {"vars": workflow.vars})
