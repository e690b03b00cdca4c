"""The panel: the samples of a batch, gathered for each detector in log order, scored and learned in one call.

`decide` goes through a batch twice where there are condition triggers. Here, first: what is a sample, of which series,
seen before or not; then every detector scores its rows. Afterwards `decide` takes the records one by one, timers before
each, and hands rows and scores to the Judge. What the two ways change is apart (see `judged`), and each changes it in
log order, so no cut of the log makes a difference. Catalogues without condition triggers never come here.
"""

from __future__ import annotations

from hashlib import blake2b
from math import nan
from typing import TYPE_CHECKING, Any

from eventflow.errors import EventflowError
from eventflow.match import EvaluationError
from eventflow.model.control import FORWARD
from eventflow.model.event import ENGINE, to_micros
from eventflow.model.record import CONTROL, NotAnEvent, Ref
from eventflow.plugin.detector import Rows
from eventflow.route.case import Case
from eventflow.route.judged import IDENTITIES, IDENTITY, NOWHERE, Judged
from eventflow.route.keep import as_key, text_of
from eventflow.route.opening import HOPS, is_engine, open_forward

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from eventflow.match import Matched
    from eventflow.model.event import Micros
    from eventflow.model.record import Record
    from eventflow.route.case import Desk
    from eventflow.route.rules import Rule
    from eventflow.route.watching import Reading, Watch


class Spoiled(EventflowError):
    """A detector raised in the middle of a batch: its memory, and all of the partition's, must be recovered (W17)."""

    def __init__(self, name: tuple[str, str], error: Exception) -> None:
        """`name` is to be guarded from now on."""
        super().__init__(f"the detector of {name[0]}/{name[1]} raised {type(error).__name__}: {error}")
        self.name = name


class Refusal:
    """A sample that is none: what the stage says."""

    __slots__ = ("key", "reason", "stage", "values")

    def __init__(self, stage: str, reason: str, key: str | None = None, **values: Any) -> None:
        self.stage, self.reason, self.key, self.values = stage, reason, key, values


class Forwarded:
    """A sample of a series that another partition owns."""

    __slots__ = ("owner",)

    def __init__(self, owner: int) -> None:
        self.owner = owner


class Gathered:
    """The rows of one detector in this batch, and what came of them."""

    __slots__ = ("failed", "log_times", "notes", "rule", "scored", "scores", "slots", "times", "values")

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.slots: list[int] = []
        self.times: list[Micros] = []
        self.log_times: list[Micros] = []
        self.values: list[tuple[float, ...]] = []
        self.scores: list[float] = []
        self.notes: Sequence[Any] | None = None
        self.scored = 0
        self.failed: dict[int, Exception] | None = None


Row = tuple[Judged, Gathered, int, float, str | None]
"""A sample: whose, where its score will be, what people are shown of it, its key."""
Item = Row | Refusal | Forwarded | Exception | None


class Look:
    """A record as it was read ahead: its event, what wants it, and its samples by rule."""

    __slots__ = ("case", "event", "found", "items")

    def __init__(self, event: Mapping[str, Any], found: Matched | None, case: Case | None) -> None:
        self.event, self.found, self.case = event, found, case
        self.items: dict[Rule, Item] = {}


class Panel:
    """One batch."""

    def __init__(self, desk: Desk) -> None:
        """Gather for `desk`."""
        self._desk = desk
        self._watched = desk.memory.watched
        self._gathered: dict[Rule, Gathered] = {}
        self._now: Micros = 0
        self._offsets: dict[tuple[tuple[str, str], str], int] = {}

    def look(self, records: Sequence[Record]) -> list[Look | Exception]:
        """Read ahead, up to a forward that must wait for newer rules (W11). Raises `Spoiled`."""
        front = self._desk.front
        read, match, rules, triggers = front.read, front.match, front.rules.events, front.triggers
        looks: list[Look | Exception] = []
        for record in records:
            self._now = record.log_time
            try:
                if record.fault:
                    raise NotAnEvent(record.fault)
                event = read(record.data)
                if is_engine(record.data, event):
                    look = Look(event, None, None)
                    looks.append(look)
                    if event["type"] == FORWARD and not self._forward(record, look):
                        break
                    continue
                found = match(event)
                look = Look(event, found, None)
                if found.ids or found.errors:
                    look.case = Case(Ref(record.partition, record.offset), record.log_time, record.data, event)
                    for number in found.ids:
                        if number < triggers and rules[number].watch is not None:
                            look.items[rules[number]] = self._sample(rules[number], look.case)
                looks.append(look)
            except Spoiled:
                raise
            except Exception as error:  # noqa: BLE001 - it is buried when its turn comes
                looks.append(error)
        for gathered in self._gathered.values():
            self._score(gathered)
        return looks

    # --- select ------------------------------------------------------------------------------------------------------

    def _sample(self, rule: Rule, case: Case) -> Item:
        if rule.on_control != (self._desk.partition == CONTROL):
            return None
        if case.event.get("eventflowchain") or case.event.get("eventflowhops"):
            if not rule.workflow.allow_loop and rule.workflow.id in case.chain:
                return Refusal("looped", "loop", chain=list(case.chain))
            if case.hop > HOPS:
                return Refusal("looped", "hops", hops=case.hop)
        return self._keyed(rule, case, forwarded=False)

    def _forward(self, record: Record, look: Look) -> bool:
        """The samples of a forwarded event; false when newer rules are wanted first."""
        desk = self._desk
        opened = open_forward(desk.front, record)
        if opened is None:
            return False
        forward, case, chosen = opened
        look.case = case
        source = forward.log
        for name in forward.triggers:
            rule = desk.front.rules.by_name.get(name)
            if rule is None or rule.watch is None:
                continue
            state = desk.memory.triggers.get(name)
            known = state.offsets.get(source, -1) if state is not None else -1
            if forward.offset <= self._offsets.get((name, source), known):
                continue
            self._offsets[name, source] = forward.offset
            if chosen is None or desk.front.rules.events.index(rule) in chosen:
                look.items[rule] = self._keyed(rule, case, forwarded=True)
        return True

    def _keyed(self, rule: Rule, case: Case, *, forwarded: bool) -> Item:
        watch = rule.watch
        assert watch is not None  # noqa: S101 - the caller looked
        try:
            key = as_key(watch.key.of(case.event)) if watch.key is not None else None
            group = as_key(watch.group.of(case.event)) if watch.group is not None else None
        except EvaluationError as error:
            return Refusal("keyed", "key_error", error=str(error))
        except Exception as error:  # noqa: BLE001 - the other triggers go on (W17)
            return error
        owner = self._owner(rule, watch, key, group)
        if owner != self._desk.partition:
            return Refusal("keyed", "rule_changed", key) if forwarded else Forwarded(owner)
        try:
            return self._row(rule, watch, case, key, group if not watch.per_key else key)
        except Spoiled:
            raise
        except Exception as error:  # noqa: BLE001 - the other triggers go on (W17)
            return error

    def _owner(self, rule: Rule, watch: Watch, key: str | None, group: str | None) -> int:
        """The partition that owns the series: by the coarsest of group and key (W8)."""
        if self._desk.partitions == 1 and not rule.on_control:
            return 0
        return rule.owner(group if group is not None else None if watch.shares else key, self._desk.partitions)

    # --- keep: repeated ----------------------------------------------------------------------------------------------

    def _row(self, rule: Rule, watch: Watch, case: Case, key: str | None, group: str | None) -> Item:
        one = self._series(rule, watch, key or "", group or "", case.log_time)
        if one is None:
            return Refusal("keyed", "key_limit", key, limit=self._desk.memory.key_limit)
        event = case.event
        source = event["source"]
        identity = f"{len(source)}:{source}{event['id']}".encode("utf-8", "surrogatepass")
        small = blake2b(identity, digest_size=IDENTITY).digest()
        from_engine = source == ENGINE
        if not from_engine and small in one.seen:
            return Refusal("repeated", "seen", key)
        values = _values(watch, case, one)
        if from_engine:
            if not self._watched.heard.add(identity, rule.salt, case.log_time):
                return Refusal("repeated", "seen", key)
        else:
            one.seen = (one.seen + small)[-IDENTITIES:]
        if rule.dedup is not None and (refusal := self._repeated(rule, case, key, one)) is not None:
            return refusal
        if isinstance(values, Refusal):
            values.key = key
            return values
        row, value = values
        if watch.missing == "previous":
            one.last = row
        gathered = self._gathered.get(rule)
        if gathered is None:
            gathered = self._gathered[rule] = Gathered(rule)
        if one.slot < 0:
            one.slot = self._watched.detector(watch).series(one.key, one.group)
            self._watched.learned.add(watch.name)
        index = len(gathered.slots)
        gathered.slots.append(one.slot)
        gathered.times.append(to_micros(event["time"]))
        gathered.log_times.append(self._now)
        gathered.values.append(row)
        if self._watched.is_guarded(watch.name):
            self._score(gathered)
        return one, gathered, index, value, key

    def _series(self, rule: Rule, watch: Watch, key: str, group: str, log_time: Micros) -> Judged | None:
        """The series of a key, touched; None when the trigger holds as many as it may (W15)."""
        memory, name = self._desk.memory, rule.name
        state = memory.triggers.get(name) or memory.trigger(name)
        clock = state.clock
        if log_time > clock:
            clock = memory.trigger(name).clock = log_time
        them = self._watched.series.get(name)
        if them is None:
            them = self._watched.series[name] = {}
        before = clock - rule.idle
        if before > self._watched.oldest.get(name, NOWHERE):
            self._expire(rule, watch, them, before)
        one = them.pop(key, None)
        if one is not None and one.group != group:
            self._drop(rule, watch, one)
            one = None
        if one is None:
            if len(them) >= memory.key_limit:
                return None
            one = Judged(name, key, absolute=watch.absolute)
            one.group = group
        them[key] = one
        one.touched, one.came = clock, max(one.came, log_time)
        self._watched.dirty.add(one)
        return one

    def _expire(self, rule: Rule, watch: Watch, them: dict[str, Judged], before: Micros) -> None:
        """Forget the series that nothing reached since `before`, and note when the oldest of the others was reached:
        the front of a dict whose entries move to its end is slow to find.
        """
        while them:
            first = next(iter(them))
            if them[first].touched >= before:
                self._watched.oldest[rule.name] = them[first].touched
                return
            self._drop(rule, watch, them.pop(first))

    def _drop(self, rule: Rule, watch: Watch, one: Judged) -> None:
        """Forget a series; its rows of this batch are scored first, because its slot may be given to another one."""
        if rule in self._gathered:
            self._score(self._gathered[rule])
        self._watched.drop(watch, one)

    def _repeated(self, rule: Rule, case: Case, key: str | None, one: Judged) -> Refusal | None:
        """The trigger's own `dedup`."""
        assert rule.dedup is not None  # noqa: S101 - the caller looked
        try:
            dedup = text_of(rule.dedup, case)
        except EvaluationError as error:
            return Refusal("repeated", "key_error", key, error=str(error))
        last = self._desk.memory.repeated(rule.name, key or "", dedup, one.came, rule.trigger.dedup.window)  # type: ignore[union-attr]
        return Refusal("repeated", "dedup", key, dedup=dedup, last=last) if last is not None else None

    # --- scores ------------------------------------------------------------------------------------------------------

    def _score(self, gathered: Gathered) -> None:
        """Score what has been gathered and not been scored yet. Raises `Spoiled`."""
        watch, start = gathered.rule.watch, gathered.scored
        assert watch is not None  # noqa: S101 - it gathered rows
        end = len(gathered.slots)
        if start == end:
            return
        self._watched.learned.add(watch.name)
        gathered.scored = end
        if self._watched.is_guarded(watch.name):
            for at in range(start, end):
                self._score_alone(watch, gathered, at)
            return
        try:
            self._update(watch, gathered, start, end)
        except Exception as error:
            raise Spoiled(watch.name, error) from error

    def _score_alone(self, watch: Watch, gathered: Gathered, at: int) -> None:
        """One row of a detector that raised before; where it raises again, it is put back."""
        try:
            self._update(watch, gathered, at, at + 1)
        except Exception as error:  # noqa: BLE001 - the row is a dead letter of this trigger (W17)
            gathered.scores.append(nan)
            gathered.notes = [*(gathered.notes or [None] * at), None]
            gathered.failed = {**(gathered.failed or {}), at: error}
            self._watched.put_back(watch)
        else:
            self._watched.mirror(watch.name)

    def _update(self, watch: Watch, gathered: Gathered, start: int, end: int) -> None:
        whole = start == 0 and end == len(gathered.slots)
        of = slice(start, end)
        rows = (
            Rows(gathered.slots, gathered.times, gathered.log_times, gathered.values)
            if whole
            else Rows(gathered.slots[of], gathered.times[of], gathered.log_times[of], gathered.values[of])
        )
        scores = self._watched.detector(watch).update_many(rows)
        if len(scores.values) != end - start:
            raise ValueError(f"{end - start} rows got {len(scores.values)} scores")
        gathered.scores += scores.values
        if scores.notes is not None or gathered.notes is not None:
            new = scores.notes if scores.notes is not None else [None] * (end - start)
            gathered.notes = new if whole else [*(gathered.notes or [None] * start), *new]


def _values(watch: Watch, case: Case, one: Judged) -> tuple[tuple[float, ...], float] | Refusal:
    """The row of a sample and the number that people are shown, or why it is none."""
    event = case.event
    if len(watch.values) == 1 and watch.shown is None:
        number = _number(watch.values[0], event)
        if number.__class__ is float:
            return (number,), number
    found = []
    for at, reading in enumerate(watch.values):
        number = _number(reading, event)
        if isinstance(number, EvaluationError):
            return Refusal("raised", "value_error", error=str(number), value=reading.program.text.strip())
        if number is None and watch.missing == "zero":
            number = 0.0
        elif number is None and watch.missing == "previous" and one.last:
            number = one.last[at]
        found.append(nan if number is None else number)
    if all(number != number for number in found):  # noqa: PLR0124 - NaN
        return Refusal("raised", "no_value", value=watch.values[0].program.text.strip())
    row = tuple(found)
    if watch.shown is None:
        return row, row[0]
    shown = _number(watch.shown, event)
    return row, shown if isinstance(shown, float) else nan


def _number(reading: Reading, event: Mapping[str, Any]) -> float | EvaluationError | None:
    """A number; None where there is none, which is not an error."""
    try:
        value = reading.of(event)
    except EvaluationError as error:
        return None if error.kind == "absent" else error
    if value.__class__ is float or value is None:
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return EvaluationError("type", f"a value must be a number, this is {type(value).__name__}")
    return float(value)
