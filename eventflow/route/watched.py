"""What is remembered of condition triggers: their series, and what their detectors know.

A part of memory with slots of its own: `s␟workflow␟trigger␟key` a series, `x␟workflow␟trigger␟part` what a detector
dumped under that name, and in the empty part the version it wrote. Detectors are made when first needed.

A detector that raised is guarded from then on: what it dumps is mirrored here after each row, so that it can be put
back to exactly what it was (W17).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from eventflow.route.judged import SAID, Judged
from eventflow.route.seen import Seen
from eventflow.route.states import Sampled

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from eventflow.model.event import Micros
    from eventflow.plugin.detector import Detector
    from eventflow.route.states import Verdict
    from eventflow.route.watching import Watch

Name = tuple[str, str]
SEP: Final = "\x1f"
HEARD: Final = "heard/"
"""Engine events that condition triggers have counted: a table of its own, because samples are gathered ahead (W13)."""


class Watched:
    """The series and detectors of one partition."""

    def __init__(self, *, guarded: frozenset[Name] | None = frozenset()) -> None:
        """Nothing yet. `guarded` are the triggers whose detectors are not trusted; None: all of them."""
        self.guarded = guarded
        self.series: dict[Name, dict[str, Judged]] = {}
        self.oldest: dict[Name, Micros] = {}
        """No series of a trigger was reached before this; only a shortcut, so it is not kept."""
        self.armed: dict[tuple[str, str, str], Judged] = {}
        """(workflow, trigger, key) → the series whose alarm has a timer."""
        self.heard = Seen(prefix=HEARD)
        self.detectors: dict[Name, Detector] = {}
        self.dirty: set[Judged] = set()
        self.learned: set[Name] = set()
        """Triggers whose detectors changed since the last dump."""
        self._versions: dict[Name, int] = {}
        self._parts: dict[Name, dict[str, bytes]] = {}
        """What detectors dumped, of those that are not made yet, and of guarded ones."""
        self._names: dict[Name, set[str]] = {}
        """The parts of each detector that the store has."""
        self._pending: dict[Name, dict[str, bytes | None]] = {}
        """What was dumped to mirror and is not in a checkpoint yet."""
        self._gone: set[str] = set()

    # --- detectors ---------------------------------------------------------------------------------------------------

    def is_guarded(self, name: Name) -> bool:
        """Whether the rows of this trigger go one by one."""
        return self.guarded is None or name in self.guarded

    def detector(self, watch: Watch) -> Detector:
        """The detector of a trigger, made if need be of what it dumped."""
        found = self.detectors.get(watch.name)
        if found is None:
            found = self.detectors[watch.name] = watch.make()
            parts = self._parts.get(watch.name, {})
            if parts and self._versions.get(watch.name) == watch.kind.version:
                found.load(parts)
            else:
                self._renounce(watch.name)
                self._versions[watch.name] = watch.kind.version
                self._parts[watch.name] = {}
            if not self.is_guarded(watch.name):
                self._parts.pop(watch.name, None)
        return found

    def knows(self, name: Name) -> bool:
        """Whether there is anything that a detector of this trigger knows."""
        return name in self.detectors or bool(self._parts.get(name))

    def give(self, name: Name, model: str, made: bytes | None) -> None:
        """A model for the detector of a trigger."""
        self.detectors[name].give(model, made)
        self.learned.add(name)
        if self.is_guarded(name):
            self.mirror(name)

    def mirror(self, name: Name) -> None:
        """Take what a guarded detector learned from its last row."""
        changed = self.detectors[name].dump()
        self._pending.setdefault(name, {}).update(changed)
        parts = self._parts.setdefault(name, {})
        for part, data in changed.items():
            if data is None:
                parts.pop(part, None)
            else:
                parts[part] = data

    def put_back(self, watch: Watch) -> Detector:
        """A guarded detector as it was at the last `mirror`; slots of series are asked for again."""
        self.detectors.pop(watch.name, None)
        for one in self.series.get(watch.name, {}).values():
            one.slot = -1
        return self.detector(watch)

    # --- series ------------------------------------------------------------------------------------------------------

    def states(self, name: Name) -> tuple[int, int, int]:
        """How many series of a trigger are learning, normal, and under an open alarm."""
        learning = alarms = 0
        them = self.series.get(name, {}).values()
        for one in them:
            if one.alarm is not None and one.alarm.open:
                alarms += 1
            elif one.is_learning:
                learning += 1
        return learning, len(them) - learning - alarms, alarms

    def verdicts(self, name: Name, key: str) -> list[Verdict]:
        """What became of the last rows of a series, oldest first."""
        one = self.series.get(name, {}).get(key)
        found: list[Verdict] = []
        for partition, offset, log_time, code, value, score in one.notes() if one is not None else ():
            verdict = Sampled((partition, offset, log_time, *SAID[code]))
            verdict.values = one.seen_of(partition, offset, value, score) if one is not None else {}
            found.append(verdict)
        return found

    def drop(self, watch: Watch, one: Judged) -> None:
        """Forget a series that is not among `series` any more."""
        detector = self.detector(watch)
        detector.drop(one.slot if one.slot >= 0 else detector.series(one.key, one.group))
        self._gone.add(SEP.join(("s", *one.name, one.key)))
        self.learned.add(watch.name)
        if self.is_guarded(watch.name):
            self.mirror(watch.name)

    def forget(self, name: Name) -> None:
        """Drop everything of a trigger (W11)."""
        for key in self.series.pop(name, ()):
            self._gone.add(SEP.join(("s", *name, key)))
            self.armed.pop((*name, key), None)
        self.detectors.pop(name, None)
        self.oldest.pop(name, None)
        self._renounce(name)
        self._parts.pop(name, None)
        self._pending.pop(name, None)
        self._versions.pop(name, None)
        self.learned.discard(name)

    def _renounce(self, name: Name) -> None:
        """What the detector ever wrote is to be deleted."""
        if name in self._versions:
            self._gone.update(SEP.join(("x", *name, part)) for part in ("", *self._names.pop(name, ())))

    # --- slots -------------------------------------------------------------------------------------------------------

    def dump(self) -> dict[str, bytes | None]:
        """The slots that changed since the last call; None for those that are gone."""
        slots: dict[str, bytes | None] = dict.fromkeys(self._gone)
        self._gone.clear()
        for one in self.dirty:
            if self.series.get(one.name, {}).get(one.key) is one:
                slots[SEP.join(("s", *one.name, one.key))] = one.pack()
        self.dirty.clear()
        for name in self.learned:
            self._dump_detector(name, slots)
        self.learned.clear()
        return slots | self.heard.dump()

    def _dump_detector(self, name: Name, slots: dict[str, bytes | None]) -> None:
        if self.is_guarded(name):
            self.mirror(name)
            changed = self._pending.pop(name, {})
        else:
            changed = self.detectors[name].dump()
        names = self._names.setdefault(name, set())
        if not names:
            slots[SEP.join(("x", *name, ""))] = b"%d" % self._versions[name]
        for part, data in changed.items():
            slots[SEP.join(("x", *name, part))] = data
            if data is None:
                names.discard(part)
            else:
                names.add(part)

    def load(self, slots: Mapping[str, bytes]) -> None:
        """Take over what `dump` wrote."""
        self.heard.load(slots)
        for slot, data in slots.items():
            kind, *rest = slot.split(SEP)
            if kind == "s":
                name, key = (rest[0], rest[1]), SEP.join(rest[2:])
                self.series.setdefault(name, {})[key] = one = Judged.unpack(name, key, data)
                if one.alarm is not None and one.alarm.due:
                    self.armed[*name, key] = one
            elif kind == "x":
                name, part = (rest[0], rest[1]), SEP.join(rest[2:])
                if part:
                    self._parts.setdefault(name, {})[part] = data
                    self._names.setdefault(name, set()).add(part)
                else:
                    self._versions[name] = int(data)
        self.series = {name: dict(sorted(them.items(), key=_by_touch)) for name, them in self.series.items()}

    def image(self) -> Iterator[tuple[str, bytes]]:
        """Slots in a canonical form; what detectors know only of those that are guarded or not made yet."""
        for name, them in self.series.items():
            yield from ((SEP.join(("s", *name, key)), one.pack()) for key, one in them.items())
        for name, parts in self._parts.items():
            yield from ((SEP.join(("x", *name, part)), data) for part, data in parts.items())
        yield HEARD, self.heard.image()


def _by_touch(item: tuple[str, Judged]) -> Micros:
    return item[1].touched
