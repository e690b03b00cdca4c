"""What the router remembers of one partition between records: per trigger, and per trigger and key.

Memory is a fold over the partition's records (G3). It is kept in the store as named slots of bytes, and a checkpoint
writes the slots that changed (W10, W15). `decide` changes it through the methods here and nowhere else, so every change
is also a dirty slot. Log times come from records; nothing here asks a clock.

Slots: `t␟workflow␟trigger`, `k␟workflow␟trigger␟key`, `d␟workflow␟trigger␟length␟key dedup key`, those of `seen` and of
`watched`, and `era`, which only the acceptance of a loss writes (`route.loss`).
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Final

import msgspec

from eventflow.model.loss import ERA
from eventflow.route.seen import PREFIX, Seen
from eventflow.route.states import Dedups, KeyState, TriggerState, Verdict
from eventflow.route.watched import Watched

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eventflow.model.event import Micros
    from eventflow.route.judged import Judged

Name = tuple[str, str]
"""(workflow, trigger)."""
Timer = tuple[int, str, str, str, int]
"""(effective due, workflow, trigger, key, due), in the order in which timers fire (W7)."""

KEY_LIMIT: Final = 100_000
NEVER: Final[Micros] = 1 << 62
_SEP: Final = "\x1f"
_VERDICTS: Final = 8
_PACK = msgspec.msgpack.Encoder(order="deterministic").encode
_TRIGGER = msgspec.msgpack.Decoder(TriggerState)
_KEY = msgspec.msgpack.Decoder(KeyState)
_TIME = msgspec.msgpack.Decoder(tuple[int, int])


class Memory:
    """The memory of one partition."""

    def __init__(self, *, key_limit: int = KEY_LIMIT, guarded: frozenset[Name] | None = frozenset()) -> None:
        """Remember nothing yet; `key_limit` bounds the keys of one trigger (W15), `guarded` see `Watched`."""
        self.key_limit = key_limit
        self.triggers: dict[Name, TriggerState] = {}
        self.keys: dict[Name, dict[str, KeyState]] = {}
        self.dedups: dict[Name, Dedups] = {}
        self.seen = Seen()
        self.watched = Watched(guarded=guarded)
        self.timers: list[Timer] = []
        self.due: Micros = NEVER
        """When the first timer is due."""
        self.era = 0
        """How often the partition's log was replaced by another."""
        self._dirty: set[tuple[str, ...]] = set()

    # --- triggers ----------------------------------------------------------------------------------------------------

    def trigger(self, name: Name) -> TriggerState:
        """The state of a trigger, to be changed."""
        state = self.triggers.get(name)
        if state is None:
            state = self.triggers[name] = TriggerState()
        self._dirty.add(("t", *name))
        return state

    def set_timer(self, name: Name, due: Micros | None, fires: Micros) -> None:
        """The trigger's next occurrence is `due` (None: no more), and it fires at `fires`."""
        state = self.trigger(name)
        state.next, state.fires = due, fires if due is not None else NEVER
        if due is not None:
            heapq.heappush(self.timers, (fires, *name, "", due))
        self._settle_timers()

    def arm(self, one: Judged) -> None:
        """The alarm of a series has a timer, or has none any more."""
        due, place = one.alarm.due if one.alarm is not None else 0, (*one.name, one.key)
        if due == one.armed:
            return
        one.armed = due
        if due:
            self.watched.armed[place] = one
            heapq.heappush(self.timers, (due, *place, due))
        else:
            self.watched.armed.pop(place, None)
        self._settle_timers()

    def disarm(self, one: Judged) -> None:
        """The alarm of a series ends without a word: its trigger is not there any more, or failed."""
        one.alarm = None
        self.watched.dirty.add(one)
        self.arm(one)

    def _settle_timers(self) -> None:
        """Drop timers in front that are void: their trigger is gone or has another occurrence now."""
        timers = self.timers
        while timers:
            fires, workflow, trigger, key, due = timers[0]
            one = self.watched.armed.get((workflow, trigger, key))
            if one is not None and one.alarm is not None and one.alarm.due == fires:
                break
            state = self.triggers.get((workflow, trigger))
            if not key and state is not None and state.next == due and state.fires == fires:
                break
            heapq.heappop(timers)
        self.due = timers[0][0] if timers else NEVER

    def forget(self, name: Name, *, whole: bool = True) -> None:
        """Drop the state of a trigger; without `whole` keep its counts and offsets (its rule has changed, W11)."""
        self._dirty.update(("k", *name, key) for key in self.keys.pop(name, ()))
        dedups = self.dedups.pop(name, None)
        if dedups is not None:
            self._dirty.update(("d", *name, *pair) for pair in dedups.times)
        self.watched.forget(name)
        if whole:
            self.triggers.pop(name, None)
            self._settle_timers()
        self._dirty.add(("t", *name))

    # --- keys --------------------------------------------------------------------------------------------------------

    def key(self, name: Name, key: str, log_time: Micros, idle: Micros) -> KeyState | None:
        """The state of a key, touched at `log_time`; None when the trigger holds as many keys as it may.

        Keys that nothing reached for `idle` are dropped first. Age is counted on the trigger's own clock, the highest
        log time that it has seen.
        """
        trigger = self.trigger(name)
        clock = trigger.clock = max(trigger.clock, log_time)
        keys = self.keys.get(name)
        if keys is None:
            keys = self.keys[name] = {}
        self._expire(name, keys, clock - idle)
        state = keys.pop(key, None)
        if state is None:
            if len(keys) >= self.key_limit:
                return None
            state = KeyState()
        keys[key] = state
        state.touched = clock
        state.at = max(state.at, log_time)
        self._dirty.add(("k", *name, key))
        return state

    def _expire(self, name: Name, keys: dict[str, KeyState], before: Micros) -> None:
        while keys:
            first = next(iter(keys))
            if keys[first].touched >= before:
                return
            del keys[first]
            self._dirty.add(("k", *name, first))

    @staticmethod
    def note(state: KeyState, verdict: Verdict) -> None:
        """Keep a verdict in the key's ring, for `explain` (W14)."""
        state.verdicts.append(verdict)
        if len(state.verdicts) > _VERDICTS:
            del state.verdicts[0]

    def repeated(self, name: Name, key: str, dedup: str, at: Micros, window: Micros) -> Micros | None:
        """When an event with this dedup key last came, if within `window`; from now on it came `at`."""
        dedups = self.dedups.get(name)
        if dedups is None:
            dedups = self.dedups[name] = Dedups()
        gone = dedups.expire(self.triggers[name].clock - window, self.key_limit)
        self._dirty.update(("d", *name, *pair) for pair in gone)
        before = dedups.times.pop((key, dedup), None)
        at = max(at, before[0]) if before is not None else at
        dedups.times[key, dedup] = (at, self.triggers[name].clock)
        self._dirty.add(("d", *name, key, dedup))
        return before[0] if before is not None and at - before[0] < window else None

    def dedup_of(self, name: Name, key: str, dedup: str) -> tuple[Micros, Micros] | None:
        """What is remembered of a dedup key, for `unrepeat`."""
        dedups = self.dedups.get(name)
        return dedups.times.get((key, dedup)) if dedups is not None else None

    def unrepeat(self, name: Name, key: str, dedup: str, before: tuple[Micros, Micros] | None) -> None:
        """Put back what `repeated` changed (W17)."""
        times = self.dedups[name].times
        times.pop((key, dedup), None)
        if before is not None:
            self.dedups[name].times = dict(
                sorted([*times.items(), ((key, dedup), before)], key=lambda item: item[1][1])
            )

    # --- slots -------------------------------------------------------------------------------------------------------

    def dump(self) -> dict[str, bytes | None]:
        """The slots that changed since the last call; None for those that are gone."""
        slots = {_slot_name(slot): self._slot(slot) for slot in sorted(self._dirty)}
        self._dirty.clear()
        return slots | self.seen.dump() | self.watched.dump()

    def _slot(self, slot: tuple[str, ...]) -> bytes | None:
        kind, name = slot[0], (slot[1], slot[2])
        found: object = None
        if kind == "t":
            found = self.triggers.get(name)
        elif kind == "k":
            found = self.keys.get(name, {}).get(slot[3])
        elif name in self.dedups:
            found = self.dedups[name].times.get((slot[3], slot[4]))
        return _PACK(found) if found is not None else None

    def load(self, slots: Mapping[str, bytes]) -> None:
        """Take over what `dump` wrote."""
        self.seen.load(slots)
        self.watched.load(slots)
        self.era = int(slots.get(ERA, b"0"))
        mine = ("t" + _SEP, "k" + _SEP, "d" + _SEP)
        found = [(name.split(_SEP), data) for name, data in slots.items() if name.startswith(mine)]
        for slot, data in found:
            name = (slot[1], slot[2])
            if slot[0] == "t":
                self.triggers[name] = _TRIGGER.decode(data)
            elif slot[0] == "k":
                self.keys.setdefault(name, {})[_SEP.join(slot[3:])] = _KEY.decode(data)
            else:
                size, pair = int(slot[3]), _SEP.join(slot[4:])
                self.dedups.setdefault(name, Dedups()).times[pair[:size], pair[size:]] = _TIME.decode(data)
        self.keys = {name: dict(sorted(keys.items(), key=_by_touch)) for name, keys in self.keys.items()}
        for dedups in self.dedups.values():
            dedups.times = dict(sorted(dedups.times.items(), key=lambda item: item[1][1]))
        self.timers = [(s.fires, *name, "", s.next) for name, s in self.triggers.items() if s.next is not None]
        self.timers += [(one.alarm.due, *at, one.alarm.due) for at, one in self.watched.armed.items() if one.alarm]
        heapq.heapify(self.timers)
        self._settle_timers()

    def image(self) -> dict[str, bytes]:
        """All memory in one canonical form: equal memories have equal images, however they were checkpointed."""
        image: dict[str, bytes] = {_SEP.join(("t", *name)): _PACK(state) for name, state in self.triggers.items()}
        for name, keys in self.keys.items():
            image |= {_SEP.join(("k", *name, key)): _PACK(state) for key, state in keys.items()}
        for name, dedups in self.dedups.items():
            image |= {_slot_name(("d", *name, *pair)): _PACK(time) for pair, time in dedups.times.items()}
        if self.era:
            image[ERA] = b"%d" % self.era
        return image | dict(self.watched.image()) | {PREFIX: self.seen.image()}


def _slot_name(slot: tuple[str, ...]) -> str:
    if slot[0] == "d":
        return _SEP.join((*slot[:3], str(len(slot[3])), slot[3] + slot[4]))
    return _SEP.join(slot)


def _by_touch(item: tuple[str, KeyState]) -> Micros:
    return item[1].touched
