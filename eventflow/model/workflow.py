"""The document as the engine reads it: a workflow with its triggers and steps, all defaults filled in.

`catalog` makes these from YAML; `route` reads the triggers, `execute` the steps. Expressions and templates are kept as
text and compiled by whoever evaluates them. A definition is stored as `encode(workflow)` and named by the hash of that
text, so a run keeps the definition it started with whatever becomes of the file (W11, G5).

Durations are `Micros`. A value that may hold `${{ }}` templates is typed `Any` and keeps its JSON shape.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Literal

import msgspec

from eventflow.model.detection import Condition
from eventflow.model.event import Micros

# --- choosing events -------------------------------------------------------------------------------------------------


class Match(msgspec.Struct, frozen=True):
    """One line of `match:` sugar: the value at `path` must be like one of `values` (globs allowed for text).

    `path` is written out from the root (`event.data.branch`); `ignore` turns it round (`branch_ignore`). Where the
    value is a list (`labels`, `changed`) one fitting member is enough; with `ignore` (paths) every
    member must fit to refuse.
    """

    path: str
    values: tuple[Any, ...]
    ignore: bool = False


class Selector(msgspec.Struct, frozen=True):
    """Which events: all given conditions must hold. `source` names (or globs) are alternatives and are held against the
    configured source's name, its type, and the event's own `source`; `event` is a glob over `type` or `kind`.
    """

    source: tuple[str, ...] = ()
    event: str | None = None
    match: tuple[Match, ...] = ()
    filter: str | None = None


# --- triggers --------------------------------------------------------------------------------------------------------


class Dedup(msgspec.Struct, frozen=True):
    """The same event again: not within `window` of the last one with the same `key` (CEL to text)."""

    key: str
    window: Micros


class Limit(msgspec.Struct, frozen=True):
    """At most `max` firings in any stretch of `per`."""

    max: int
    per: Micros


class Schedule(msgspec.Struct, frozen=True):
    """When: exactly one of `cron` (five fields, in `timezone`), `every`, `at` (RFC 3339 texts)."""

    cron: str | None = None
    every: Micros | None = None
    at: tuple[str, ...] = ()
    timezone: str | None = None
    jitter: Micros = 0
    missed: Literal["once", "all", "skip"] = "once"
    max_late: Micros = 86_400_000_000


class Trigger(msgspec.Struct, frozen=True, kw_only=True):
    """A condition that starts the workflow. `type` says what is set: `selector`, `schedule`, or `selector` (what is
    watched) with `condition`.

    `inputs` maps input names to values with templates. `id` is unique in the workflow.
    """

    id: str
    type: Literal["event", "schedule", "condition"]
    enabled: bool = True
    selector: Selector | None = None
    schedule: Schedule | None = None
    condition: Condition | None = None
    key: str | None = None
    dedup: Dedup | None = None
    cooldown: Micros | None = None
    limit: tuple[Limit, ...] = ()
    inputs: dict[str, Any] = {}

    @property
    def stateful(self) -> bool:
        """Whether deciding it needs memory; one that does not fires straight from select (W7)."""
        remembers = self.dedup is not None or self.cooldown is not None or bool(self.limit)
        return remembers or self.schedule is not None or self.condition is not None


# --- steps -----------------------------------------------------------------------------------------------------------


class Retry(msgspec.Struct, frozen=True):
    """How an action is tried again. `max_attempts` counts the first; `delay` before attempt n+1 is `initial` (fixed),
    `initial * n` (linear) or `initial * factor ** (n - 1)` (exponential), never above `max`, then with jitter.
    """

    max_attempts: int = 3
    backoff: Literal["none", "fixed", "linear", "exponential"] = "exponential"
    initial: Micros = 1_000_000
    factor: float = 2.0
    max: Micros = 300_000_000
    jitter: bool = True
    retry_on: tuple[str, ...] = ("timeout", "connection", "5xx", "429")


class Conditions(msgspec.Struct, frozen=True):
    """Where to go after the step ended so: a step name or `next continue end fail cancel`. None: the order rule."""

    success: str | None = None
    failure: str | None = None
    timeout: str | None = None
    skipped: str | None = None
    cancelled: str | None = None


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One possible answer of a decision. `require` and `when` are CEL."""

    name: str
    describe: str | None = None
    require: str | None = None
    when: str | None = None
    then: str = "next"
    label: str | None = None
    style: str | None = None
    confirm: bool = False


class Approvers(msgspec.Struct, frozen=True):
    """Who may answer (templates allowed) and how many must. Empty: anybody with the scope."""

    users: tuple[Any, ...] = ()
    groups: tuple[Any, ...] = ()
    exclude: tuple[Any, ...] = ()
    needed: int = 1


class Action(msgspec.Struct, frozen=True, kw_only=True, tag="action"):
    """Do one thing outside. `idempotent` overrides what the action's class says."""

    uses: str
    with_: dict[str, Any] = msgspec.field(name="with", default_factory=dict)
    env: dict[str, Any] = {}
    outputs: dict[str, str] = {}
    idempotent: bool | None = None


class Decision(msgspec.Struct, frozen=True, kw_only=True, tag="decision"):
    """Choose one of `cases` by rule or by a person. `timeout` (for people) answers with `default`."""

    cases: tuple[Case, ...]
    default: str
    by: Literal["rule", "human"] = "rule"
    question: Any = None
    context: dict[str, Any] = {}
    ask: dict[str, Any] = {}
    approvers: Approvers = Approvers()
    timeout: Micros | None = None


class Parallel(msgspec.Struct, frozen=True, kw_only=True, tag="parallel"):
    """Branches side by side. `join` is how many must succeed: "all", "any" or a number."""

    branches: dict[str, tuple[Step, ...]]
    join: Literal["all", "any"] | int = "all"
    on_branch_failure: Literal["wait", "cancel"] = "wait"
    max_parallel: int | None = None


class Loop(msgspec.Struct, frozen=True, kw_only=True, tag="loop"):
    """The steps once for each item of `for_each` (CEL list), or while/until a condition (CEL) with `delay` between."""

    steps: tuple[Step, ...]
    for_each: str | None = None
    as_: str = msgspec.field(name="as", default="item")
    while_: str | None = msgspec.field(name="while", default=None)
    until: str | None = None
    delay: Micros = 0
    max_parallel: int = 1
    max_iterations: int = 1000
    on_item_failure: Literal["stop", "continue"] = "stop"


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A node of the workflow. `name` is unique in the whole document; `do` is what it does.

    `timeout` is per attempt. `retry` None: the workflow's `retry_strategy` (for idempotent actions only).
    """

    name: str
    do: Action | Decision | Parallel | Loop
    title: str | None = None
    if_: str | None = msgspec.field(name="if", default=None)
    timeout: Micros | None = None
    retry: Retry | None = None
    conditions: Conditions = Conditions()
    max_visits: int | None = None


# --- the whole -------------------------------------------------------------------------------------------------------


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """A typed parameter of the workflow."""

    type: Literal["string", "integer", "number", "boolean", "duration", "list", "object"] = "string"
    required: bool = False
    default: Any = None
    enum: tuple[Any, ...] = ()
    pattern: str | None = None
    min: float | None = None
    max: float | None = None
    secret: bool = False
    describe: str | None = None


class Concurrency(msgspec.Struct, frozen=True, kw_only=True):
    """How many runs of one group at once (W12). `group` is a template; None: one group per workflow."""

    group: Any = None
    mode: Literal["single", "restart", "queued", "parallel"] = "parallel"
    max: int = 16
    queue_max: int | None = None
    on_full: Literal["suppress"] = "suppress"
    on_conflict: Literal["suppress", "signal"] = "suppress"


class Fallback(msgspec.Struct, frozen=True, kw_only=True):
    """What to do when nothing took a failure: a step of this workflow, or a registered action with its inputs."""

    action: str
    with_: dict[str, Any] = msgspec.field(name="with", default_factory=dict)


class Workflow(msgspec.Struct, frozen=True, kw_only=True):
    """One document. `id` is its path under `workflows/` without suffix, or `metadata.id`."""

    id: str
    name: str
    description: str = ""
    version: str = ""
    category: str = "automation"
    tags: tuple[str, ...] = ()
    owner: str = ""
    enabled: bool = True
    mode: Literal["live", "shadow"] = "live"
    allow_loop: bool = False
    inputs: dict[str, Input] = {}
    vars: dict[str, Any] = {}
    outputs: dict[str, Any] = {}
    triggers: tuple[Trigger, ...] = ()
    concurrency: Concurrency = Concurrency()
    start_within: Micros | None = None
    steps: tuple[Step, ...] = ()
    retry: Retry = Retry()
    fallback: tuple[Fallback, ...] = ()
    timeout: Micros | None = None

    @property
    def hash(self) -> str:
        """The name of this definition: a hash of its canonical text, 32 hex digits."""
        return definition_hash(encode(self))


class Catalogue(msgspec.Struct, frozen=True):
    """The workflows in force, by id. `number` only grows; 0 is the empty catalogue before the first (W11)."""

    number: int = 0
    workflows: dict[str, Workflow] = {}


def encode(workflow: Workflow) -> bytes:
    """The canonical text of a definition (JSON, keys in a fixed order)."""
    return msgspec.json.encode(workflow, order="deterministic")


def decode(definition: bytes) -> Workflow:
    """A workflow from its canonical text. Raises `msgspec.DecodeError` on what a newer version wrote."""
    return msgspec.json.decode(definition, type=Workflow)


def definition_hash(definition: bytes) -> str:
    """The name of a definition by its canonical text."""
    return blake2b(definition, digest_size=16, person=b"definition").hexdigest()
