"""A run played by hand: `advance`, a journal in memory that keeps bytes, a clock that jumps, actions from a script.

What an executor does, without loop, store and network; so every test says what came when, and a crash is: forget
everything but the bytes.
"""

from collections import deque

import msgspec
import yaml

from eventflow.errors import Unread
from eventflow.execute.advance import advance
from eventflow.execute.course import Course
from eventflow.execute.fold import fold
from eventflow.execute.inputs import with_defaults
from eventflow.execute.program import Plan
from eventflow.execute.turn import Frontier, Given, Return
from eventflow.execute.values import duration
from eventflow.model.event import Event, from_micros
from eventflow.model.journal import Trouble, decode, encode
from eventflow.model.record import CONTROL, Ref
from eventflow.model.run import EventCopy, InboxItem, Run
from eventflow.model.workflow import Step, Workflow

T0 = 1_700_000_000_000_000
S = 1_000_000
DURATIONS = {"timeout", "delay", "initial", "max"}


def workflow(text, **more):
    """A workflow from YAML that is nearly the document format; durations are written as people write them."""
    given = yaml.safe_load(text)
    steps = tuple(step(one) for one in given.pop("steps"))
    handling = {"retry": given.pop("retry", None), "timeout": given.pop("timeout", None)}
    handling = {name: micros(value, name) for name, value in handling.items() if value is not None}
    raw = {"id": "test/one", "name": "one", **given, **handling, **more}
    found = msgspec.convert(raw, Workflow)
    return msgspec.structs.replace(found, steps=steps)


def step(given):
    given = dict(given)
    kind = given.pop("type", "action")
    config = dict(given.pop("config", {}))
    for name in ("uses", "with", "env", "outputs", "idempotent"):
        if kind == "action" and name in given:
            config[name] = given.pop(name)
    if kind == "parallel":
        config["branches"] = {name: [plain(step(one)) for one in body] for name, body in config["branches"].items()}
    if kind == "loop":
        config["steps"] = [plain(step(one)) for one in config["steps"]]
    for name in ("if", "when", "require", "while", "until"):
        if name in given:
            given[name] = str(given[name])
    return msgspec.convert({**micros(given), "do": {"type": kind, **micros(config)}}, Step)


def plain(value):
    return msgspec.to_builtins(value)


def micros(value, name=""):
    if name in {"with", "branches", "steps", "ask", "conditions"}:
        return value
    if isinstance(value, dict):
        return {key: micros(item, key) for key, item in value.items()}
    return duration(value) if name in DURATIONS and isinstance(value, str) else value


def ok(**outputs):
    return outputs


def bad(code="error", message="broken", *, retryable=False):
    return Trouble(code, message, retryable=retryable)


class Play:
    """One run.

    script: step name → what its calls give, in order, the last one for ever; a callable gets the call.
    """

    def __init__(self, definition, script=None, *, workflows=(), unsafe=(), crash_at=(), events=None, **run):
        self.definition = definition
        lists = {name: given if isinstance(given, list) else [given] for name, given in (script or {}).items()}
        self.script = {name: deque(given) for name, given in lists.items()}
        self.workflows = {one.id: one for one in workflows}
        self.unsafe = set(unsafe)
        self.now = T0
        self.frontier = None
        self.lines = []
        self.items = []
        self.calls = []
        self.children = []
        self.outbox = []
        self.waits = {}
        self.woken = []
        self.crash_at = set(crash_at)
        self.appends = 0
        self.hung = {}
        self.events = [copy_of(event("one"))] if events is None else events
        facts = {"reason": "test"}
        row = {
            "id": "run_x", "number": 1, "workflow": definition.id, "definition": definition.hash, "trigger": "t",
            "key": "k", "generation": "0", "status": "running", "reason": None, "created": T0, "started": T0,
            "ended": None, "fired_at": T0, "events": (), "facts": facts, "outputs": {}, "group": "g", "start_by": None,
            "wake_at": None, "chain": (), "hops": 0, "parent": None, "by": "ann", "rerun_of": "",
            "inputs": with_defaults(definition.inputs, run.pop("inputs", {})),
        }  # fmt: skip
        self.run = Run(**(row | run))
        self.given = Given(lambda uses: uses not in self.unsafe, self.workflows.get, with_defaults, "http://here/run_x")
        self.earlier = ()
        self.plan = Plan(definition, definition.hash)
        self.back = []
        self.admitted = True
        self.read_again()

    def read_again(self):
        """All that a crash leaves: the journal's bytes, the inbox, the row."""
        self.course = fold(Course(self.plan, self.run, self.events, self.items), map(decode, self.lines))
        self.back, self.hung = [], {}

    @property
    def entries(self):
        return [decode(line) for line in self.lines]

    @property
    def path(self):
        """Names of the steps in the order in which they ended; skipped and cancelled ones are marked."""
        marks = {"success": "", "skipped": "?", "failure": "!", "timeout": "%", "cancelled": "-"}
        return [e.path + marks[e.status] for e in self.entries if type(e).__name__ == "Ended"]

    @property
    def end(self):
        finished = self.course.finished
        return (finished.status, finished.reason) if finished else (self.progress.status, None)

    @property
    def views(self):
        return self.course.views

    def tell(self, kind, **payload):
        self.items.append(
            InboxItem(
                id=(self.items[-1].id if self.items else 0) + 1,
                kind=kind,
                log_time=payload.pop("at", self.now),
                payload=payload,
            )
        )
        self.course.inbox[self.items[-1].id] = self.items[-1]
        return self

    def turn(self):
        """One turn made durable, its calls made; false when there was nothing to decide and nothing to do."""
        frontier = self.frontier or Frontier({CONTROL: self.now, 0: self.now})
        self.progress = progress = advance(
            self.course, self.given, now=self.now, frontier=frontier, returned=self.back, alive=frozenset(self.hung),
            admitted=self.admitted, earlier=self.earlier,
        )  # fmt: skip
        if progress.decisive and self.items and self.items[-1].id > progress.seen:
            raise Unread
        self.appends += 1
        before = {self.appends, -self.appends} & self.crash_at
        if before and self.appends in self.crash_at:
            self.read_again()  # nothing of this turn was written
            return True
        moved = bool(progress.entries) or bool(self.back)
        self.lines += [encode(entry) for entry in progress.entries]
        self.back = []
        self.children += progress.children
        self.outbox += progress.outbox
        self.waits |= {(wait.path, wait.visit): wait for wait in progress.waits}
        for key in progress.withdraw:
            self.waits.pop(key, None)
        if -self.appends in self.crash_at:
            self.read_again()  # written, and nothing of it done
            return True
        for call_id in progress.break_off:
            self.hung.pop(call_id, None)
        for call in progress.calls:
            self.make(call)
        return moved or bool(progress.calls)

    def make(self, call):
        self.calls.append((call.step, call.n, call.rep, f"{self.run.id}/{call.path}/{call.visit}", call.inputs))
        given = self.script.get(call.step, deque([{}]))
        result = given.popleft() if len(given) > 1 else given[0]
        if callable(result):
            result = result(call)
        if result == "hangs":
            self.hung[call.id] = call
        elif isinstance(result, Trouble):
            self.back.append(Return(call=call.id, error=result))
        else:
            self.back.append(Return(call=call.id, outputs=result))

    def go(self, turns=2000, *, jump=True, until=None):
        """Turn until the run ends or waits for something that no clock brings."""
        for _ in range(turns):
            moved = self.turn()
            if self.course.finished is not None:
                return self
            if moved:
                continue
            wake = self.progress.wake_at
            if not jump or wake is None or (until is not None and wake > until):
                return self
            self.woken.append(wake)
            self.now = max(self.now, wake)
        raise AssertionError("the run goes on for ever")

    def later(self, text):
        self.now += duration(text)
        return self


def play(text, script=None, **more):
    return Play(workflow(text), script, **more).go()


def event(id_, type_="test.happened", *, source="here", data=None, subject=None):
    return Event(id=id_, source=source, type=type_, kind=type_, time=from_micros(T0), data=data or {}, subject=subject)


def copy_of(one, log_time=T0, offset=0):
    return EventCopy(Ref(0, offset), log_time, one.encode())
