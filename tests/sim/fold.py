"""Deciding the whole log once more, from the beginning and without a crash, to hold the ledger against it (G3).

The commits that the ledger holds are known one by one. For each the records that it covers are decided with a memory
that was never stored, rows of detectors one by one; effects and, in the end, memory must be the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from eventflow.model.workflow import Catalogue
from eventflow.plugin.one_series import find_detector
from eventflow.route.decide import decide
from eventflow.route.effects import Effects
from eventflow.route.fitting import make_due, pieces
from eventflow.route.memory import Memory
from eventflow.route.rules import Front, Rules, Waits
from eventflow.route.takeover import take_over

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stage import Stage

    from eventflow.model.commit import Commit
    from eventflow.model.record import Record


class Refold:
    """One partition, decided anew."""

    def __init__(self, stage: Stage, partition: int) -> None:
        self.stage, self.partition = stage, partition
        self.memory, self.number, self.offset = Memory(guarded=None), 0, 0
        self.image: dict[str, bytes] = {}
        self.fronts: dict[int, Front] = {}

    def front(self, number: int) -> Front:
        if number not in self.fronts:
            catalogue = Catalogue(number, self.stage.world.catalogues.get(number, {}))
            self.fronts[number] = Front(Rules(catalogue, find=find_detector), Waits({}))
        return self.fronts[number]

    def step(self, commit: Commit, records: list[Record]) -> Iterator[str]:
        """Decide what the commit covers."""
        where = f"partition {self.partition}, commit at {commit.position.offset}"
        if commit.position.offset < self.offset:
            yield f"{where}: the position went back from {self.offset}"
            return
        buried = {letter.ref for letter in commit.dead if not letter.workflow}
        covered = [
            record for record in records
            if self.offset <= record.offset < commit.position.offset and record.ref not in buried
        ]  # fmt: skip
        effects, front = Effects(), self.front(self.number)
        for piece in pieces(covered, front.rules):
            if piece:
                make_due(self.memory, front.rules, piece[-1].log_time)
            one = decide(piece, self.memory, front, partition=self.partition, partitions=self.stage.house.partitions)
            effects.add(one)
        yield from (f"{where}: {line}" for line in differences(effects, commit))
        self.offset = commit.position.offset
        if commit.checkpoint is not None:
            if commit.checkpoint.catalogue != self.number:
                self._take_over(commit)
            self.image = self.memory.image()

    def _take_over(self, commit: Commit) -> None:
        """New rules; where their schedules begin was decided by clocks, so it is taken from what was stored."""
        self.number = commit.checkpoint.catalogue
        rules = self.front(self.number).rules
        where = {"partition": self.partition, "partitions": self.stage.house.partitions}
        take_over(self.memory, rules, **where, now=0, wall=0)
        stored = Memory()
        stored.load({name: slot for name, slot in commit.checkpoint.slots.items() if slot is not None})
        for rule in rules.schedules:
            state = stored.triggers.get(rule.name)
            if state is not None and rule.owner(None, self.stage.house.partitions) == self.partition:
                self.memory.set_timer(rule.name, state.next, state.fires)


def differences(effects: Effects, commit: Commit) -> Iterator[str]:
    """What was decided now and not then, or then and not now."""
    pairs = {
        "firings": ([f.run for f in effects.firings], [f.run for f in commit.firings]),
        "deliveries": ([d.identity for d in effects.deliveries], [d.identity for d in commit.deliveries]),
        "outbox": (effects.outbox, list(commit.outbox)),
        "reruns": ([r.run for r in effects.reruns], [r.run for r in commit.reruns]),
        "outcomes": (
            [(o.ref, o.workflow, o.trigger, o.reason) for o in effects.outcomes],
            [(o.ref, o.workflow, o.trigger, o.reason) for o in commit.outcomes],
        ),
    }
    for what, (now, then) in pairs.items():
        if now != then:
            yield f"{what} should be {now}, were {then}"


def chain_of(stage: Stage, partition: int, last: str) -> list[Commit]:
    """The commits that the ledger holds of a partition, the first one first."""
    tried, chain = stage.world.commits.get(partition, {}), []
    while last in tried and len(chain) < len(tried):
        chain.insert(0, tried[last])
        last = tried[last].follows
    return chain


def refold(stage: Stage) -> Iterator[str]:
    """All partitions; leaves the counts of all triggers in `stage.counts`."""
    for partition, last in stage.view.rows("SELECT partition, last FROM partition ORDER BY partition"):
        anew = Refold(stage, partition)
        for commit in chain_of(stage, partition, last):
            yield from anew.step(commit, stage.log[partition])
        yield from _memory(stage, anew)
        for name, state in anew.memory.triggers.items():
            total = stage.counts.setdefault(name, {})
            for reason, number in state.counts.items():
                total[reason] = total.get(reason, 0) + number


def _memory(stage: Stage, anew: Refold) -> Iterator[str]:
    stored = Memory()
    stored.load(dict(stage.view.rows("SELECT slot, value FROM memory WHERE partition = ?", anew.partition)))
    image = stored.image()
    for slot in sorted(image.keys() | anew.image.keys()):
        if image.get(slot) != anew.image.get(slot):
            yield (
                f"partition {anew.partition}: memory of {slot!r} is {_shown(image.get(slot))}, "
                f"the log says {_shown(anew.image.get(slot))}"
            )


def _shown(slot: bytes | None) -> str:
    try:
        return str(msgspec.msgpack.decode(slot)) if slot is not None else "nothing"
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return repr(slot)
