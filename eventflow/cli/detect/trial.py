"""A condition trigger over rows that are already there: the router's own `decide`, with a file for a log.

The log time of a row is its event time, never going back; models are made on the spot. What comes out is what the
router would have said: alarms with their sentences, and how many samples came to which end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from eventflow.errors import ComponentError
from eventflow.model.detection import CLEARED, RAISED
from eventflow.model.event import Micros, to_micros
from eventflow.model.record import Record
from eventflow.model.workflow import Catalogue
from eventflow.plugin.one_series import find_detector
from eventflow.route.decide import decide
from eventflow.route.fitting import pending, pieces
from eventflow.route.memory import Memory
from eventflow.route.rules import Front, Rules, Waits
from eventflow.route.takeover import take_over

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eventflow.model.event import Event
    from eventflow.model.workflow import Workflow
    from eventflow.route.effects import Effects

PORTION: Final = 4096
DAY: Final = 86_400_000_000


class Alarm(msgspec.Struct, kw_only=True):
    """One alarm of one series; `verdict` are the facts of the row that raised it."""

    key: str | None
    raised: str
    cleared: str | None = None
    verdict: dict[str, Any]


class Trial(msgspec.Struct, kw_only=True):
    """What became of all rows."""

    rows: int
    series: int
    begin: Micros
    end: Micros
    alarms: list[Alarm]
    reasons: dict[str, int]
    """How many samples ended how; the words are those of `explain`."""
    problems: list[str]
    """What went wrong with rows, each sentence once."""

    @property
    def days(self) -> float:
        """How much time the rows cover."""
        return (self.end - self.begin) / DAY

    @property
    def per_day(self) -> float | None:
        """Alarms a day; None for less than an hour, which says nothing."""
        return len(self.alarms) / self.days if self.days > 1 / 24 else None


def try_out(workflow: Workflow, events: Sequence[Event]) -> Trial:
    """Judge events by the only trigger of `workflow`. Raises `ComponentError` where it cannot be made."""
    rules = Rules(Catalogue(1, {workflow.id: workflow}), "UTC", find_detector)
    for problem in rules.broken.values():
        raise ComponentError(problem)
    front, memory = Front(rules, Waits({})), Memory()
    records = _records(events)
    begin, end = records[0].log_time, records[-1].log_time
    take_over(memory, rules, partition=0, partitions=1, now=begin, wall=begin)
    alarms: list[Alarm] = []
    problems: dict[str, None] = {}
    for at in range(0, len(records), PORTION):
        for piece in pieces(records[at : at + PORTION], rules):
            _give(memory, rules, piece[-1].log_time)
            effects = decide(piece, memory, front, partition=0, partitions=1)
            _note(effects, alarms, problems)
    name = (workflow.id, workflow.triggers[0].id)
    return Trial(
        rows=len(records), series=len(memory.watched.series.get(name, ())), begin=begin, end=end, alarms=alarms,
        reasons=dict(memory.trigger(name).counts), problems=list(problems),
    )  # fmt: skip


def _records(events: Sequence[Event]) -> list[Record]:
    records: list[Record] = []
    now = 0
    for offset, event in enumerate(events):
        now = max(now, to_micros(event.time))
        records.append(Record(0, offset, now, event.encode()))
    return records


def _give(memory: Memory, rules: Rules, until: Micros) -> None:
    """Make every model that is due by then."""
    for rule, fit in [(rule, fit) for rule, fit in pending(memory, rules) if fit.due <= until]:
        made: bytes | None = None
        if rule.watch is not None:
            try:
                made = rule.watch.kind.fit(fit.job)
            except ValueError:
                made = None
        memory.watched.give(rule.name, fit.model, made)


def _note(effects: Effects, alarms: list[Alarm], problems: dict[str, None]) -> None:
    """Alarms out of the engine's events, and what failed."""
    for data in effects.outbox:
        said = msgspec.json.decode(data)
        facts = dict(said["data"])
        key = facts.pop("key")
        if said["type"] == RAISED:
            for word in ("workflow", "trigger", "detector"):
                facts.pop(word)
            alarms.append(Alarm(key=key, raised=said["time"], verdict=facts))
        elif said["type"] == CLEARED:
            still = [alarm for alarm in alarms if alarm.key == key and alarm.cleared is None]
            for alarm in still[-1:]:
                alarm.cleared = said["time"]
    for outcome in effects.outcomes:
        if "error" in outcome.values:
            problems.setdefault(str(outcome.values["error"]))
    for dead in effects.dead:
        problems.setdefault(str(dead.error))
