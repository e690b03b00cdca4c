"""The contract of detector types itself: each broken promise is found by the test that names it."""

import inspect
import math
import random
from collections import deque

import msgspec
import pytest
from pydantic import BaseModel, ConfigDict

from eventflow.plugin import Detector, Explanation, Fit, Scores
from eventflow.plugin.detector import HANDOVER
from eventflow.plugin.slots import Slots
from eventflow.testing import DetectorContract


class State(msgspec.Struct):
    key: str
    group: str
    rows: int = 0
    mean: float = 0.0
    model: float = 0.0
    due: int = 0
    job: float = 0.0
    made: float | None = None


class Good(Detector):
    """Keeps every promise; those below break one each. The distance to a mean that a model of its own corrects."""

    name = "good"
    scale = "relative"

    class Config(BaseModel):
        model_config = ConfigDict(extra="forbid")
        rate: float = 0.1

    def __init__(self, config, context):
        super().__init__(config, context)
        self.slots, self.states = Slots(), {}

    def series(self, key, group):
        slot = self.slots.find(key, group)
        if slot is None:
            slot = self.slots.add(key, group)
            self.states[slot] = State(key, group)
        return slot

    def drop(self, slot):
        self.slots.drop(slot)
        self.states.pop(slot, None)

    def update_many(self, rows):
        self.slots.changed.update(rows.slots)
        made = [
            self.one(self.states[s], t, v) for s, t, (v,) in zip(rows.slots, rows.log_times, rows.values, strict=True)
        ]
        return Scores([score for score, _ in made], [(mean,) for _, mean in made])

    def one(self, state, log_time, value):
        if state.due and log_time >= state.due:
            state.model, state.due, state.made = state.made or 0.0, 0, None
        mean = state.mean + state.model
        if not math.isfinite(value) or abs(value) > 1e150:
            return math.nan, mean
        score = abs(value - mean) if state.rows > 5 else math.nan
        self.learn(state, value)
        if state.rows % 50 == 0 and not state.due:
            state.due, state.job = log_time + HANDOVER, value
        return score, mean

    def learn(self, state, value):
        state.rows += 1
        state.mean += self.config.rate * (value - state.mean)

    def dump(self):
        parts = {}
        for slot in self.slots.take_changed():
            state = self.states.get(slot)
            parts[str(slot)] = None if state is None else self.saved(state)
        return parts

    def saved(self, state):
        return msgspec.msgpack.encode(msgspec.structs.replace(state, made=None))

    def load(self, parts):
        self.states = {int(slot): msgspec.msgpack.decode(part, type=State) for slot, part in parts.items()}
        self.slots.restore((slot, state.key, state.group) for slot, state in self.states.items())

    def explain(self, values, note):
        return Explanation(expected=note[0], because="far away")

    def fits(self):
        named = sorted((slot, state) for slot, state in self.states.items() if state.due and state.made is None)
        return [Fit(f"{slot}/{state.due}", msgspec.msgpack.encode(state.job), state.due) for slot, state in named]

    @classmethod
    def fit(cls, job):
        return msgspec.msgpack.encode(msgspec.msgpack.decode(job) / 1000)

    def give(self, model, made):
        self.states[int(model.partition("/")[0])].made = 0.0 if made is None else msgspec.msgpack.decode(made)


class NoName(Good):
    name = "Not A Name"


class OtherScale(Good):
    scale = "percent"


class TakesAnything(Good):
    class Config(BaseModel):
        rate: float = 0.1


class NewSlotEachTime(Good):
    def series(self, key, group):
        self.slots = Slots() if len(self.states) > 50 else self.slots
        return super().series(key, group)


class IgnoresTheGroup(Good):
    def series(self, key, group):
        return super().series(key, "")


class MeanOfTheCall(Good):
    def update_many(self, rows):
        answer = super().update_many(rows)
        finite = [score for score in answer.values if math.isfinite(score)]
        mean = sum(finite) / len(finite) if finite else 0.0
        return Scores([score + mean for score in answer.values], answer.notes)


class ScoresThenLearns(Good):
    def update_many(self, rows):
        before = {slot: (self.states[slot].mean, self.states[slot].rows) for slot in rows.slots}
        answer = super().update_many(rows)
        values = [
            abs(value - before[slot][0]) if math.isfinite(value) and before[slot][1] > 5 else math.nan
            for slot, (value,) in zip(rows.slots, rows.values, strict=True)
        ]
        return Scores(values, answer.notes)


class ThrowsDice(Good):
    def one(self, state, log_time, value):
        score, mean = super().one(state, log_time, value)
        return score + random.random(), mean


class ForgetsToSave(Good):
    def saved(self, state):
        return msgspec.msgpack.encode(msgspec.structs.replace(state, mean=0.0, made=None))


class SavesOnlyTheNew(Good):
    def update_many(self, rows):
        changed = set(self.slots.changed)
        answer = super().update_many(rows)
        self.slots.changed = changed
        return answer


class ForgetsWhatItAskedFor(Good):
    def saved(self, state):
        return msgspec.msgpack.encode(msgspec.structs.replace(state, due=0, made=None))


class SavesAll(Good):
    def dump(self):
        self.slots.changed.update(self.states)
        return super().dump()


class OneMeanForAll(Good):
    def learn(self, state, value):
        super().learn(state, value)
        for other in self.states.values():
            other.mean = state.mean


class KeepsWhatWasDropped(Good):
    def drop(self, slot):
        """Too much trouble."""


class LeavesItsState(Good):
    def drop(self, slot):
        self.slots.drop(slot)

    def series(self, key, group):
        slot = self.slots.find(key, group)
        if slot is None:
            slot = self.slots.add(key, group)
            self.states.setdefault(slot, State(key, group))
        return slot

    def dump(self):
        parts = super().dump()
        return {name: part if self.slots.name(int(name)) else None for name, part in parts.items()}


class Negative(Good):
    def one(self, state, log_time, value):
        score, mean = super().one(state, log_time, value)
        return score - 50, mean


class LearnsInfinity(Good):
    def one(self, state, log_time, value):
        if value == math.inf:
            return math.inf, state.mean
        return super().one(state, log_time, value)


class Divides(Good):
    def one(self, state, log_time, value):
        score, mean = super().one(state, log_time, value)
        return (score if math.isnan(score) else score / (0.0 if value == mean else 1.0)), mean


class Overflows(Good):
    def one(self, state, log_time, value):
        score, mean = super().one(state, log_time, value)
        return (math.nan if math.isnan(score) else float(int(value) ** 400)), mean


class NeedsTimeToGoOn(Good):
    last = -math.inf

    def update_many(self, rows):
        for time in rows.times:
            if time < self.last:
                raise ValueError
            self.last = time
        return super().update_many(rows)


class HasAFavouriteUnit(Good):
    def one(self, state, log_time, value):
        score, mean = super().one(state, log_time, value)
        return abs(score - 10.0), mean


class KeepsEveryRow(Good):
    def learn(self, state, value):
        super().learn(state, value)
        state.key, key = f"{state.key},{value:.3f}", state.key
        self.slots.restore(())
        self.slots._slots = {(s.group, s.key.partition(",")[0]): slot for slot, s in self.states.items()}
        del key


class UsesAModelAtOnce(Good):
    def give(self, model, made):
        super().give(model, made)
        state = self.states[int(model.partition("/")[0])]
        state.model = state.made


class ModelsByChance(Good):
    @classmethod
    def fit(cls, job):
        return msgspec.msgpack.encode(random.random())


class NeedsItsModel(Good):
    def give(self, model, made):
        super().give(model, msgspec.Raw(made).copy())


class NoWords(Good):
    def explain(self, values, note):
        return None


class ExplainsWithInfinity(Good):
    def explain(self, values, note):
        return Explanation(expected=note[0], high=math.inf, because="x")


class NotesAreAnything(Good):
    def update_many(self, rows):
        answer = super().update_many(rows)
        return Scores(answer.values, [deque(note) for note in answer.notes])


class OneTooFew(Good):
    def update_many(self, rows):
        return Scores(super().update_many(rows).values[1:])


BROKEN = [
    (NoName, "test_it_says_who_it_is_and_what_its_scores_mean"),
    (OtherScale, "test_it_says_who_it_is_and_what_its_scores_mean"),
    (TakesAnything, "test_config_has_a_schema_and_refuses_what_it_does_not_know"),
    (NewSlotEachTime, "test_a_series_keeps_its_slot_and_shares_it_with_nobody"),
    (IgnoresTheGroup, "test_a_series_keeps_its_slot_and_shares_it_with_nobody"),
    (MeanOfTheCall, "test_the_cut_does_not_matter"),
    (ScoresThenLearns, "test_the_cut_does_not_matter"),
    (ThrowsDice, "test_a_replay_is_the_same"),
    (ForgetsToSave, "test_saved_and_loaded_at_any_row"),
    (SavesOnlyTheNew, "test_saved_and_loaded_at_any_row"),
    (ForgetsWhatItAskedFor, "test_saved_and_loaded_at_any_row"),
    (SavesAll, "test_a_dump_holds_what_changed"),
    (OneMeanForAll, "test_series_of_another_group_make_no_difference"),
    (KeepsWhatWasDropped, "test_a_forgotten_series_begins_anew_and_leaves_nothing"),
    (LeavesItsState, "test_a_forgotten_series_begins_anew_and_leaves_nothing"),
    (Negative, "test_scores_are_finite_and_not_negative"),
    (LearnsInfinity, "test_scores_are_finite_and_not_negative"),
    (Divides, "test_awkward_series"),
    (Overflows, "test_awkward_series"),
    (NeedsTimeToGoOn, "test_event_times_may_be_anything"),
    (HasAFavouriteUnit, "test_another_unit_ranks_the_same"),
    (KeepsEveryRow, "test_memory_is_bounded"),
    (UsesAModelAtOnce, "test_when_a_model_is_given_does_not_matter"),
    (ModelsByChance, "test_when_a_model_is_given_does_not_matter"),
    (NeedsItsModel, "test_a_model_that_cannot_be_made"),
    (NoWords, "test_every_row_can_be_explained"),
    (ExplainsWithInfinity, "test_every_row_can_be_explained"),
    (NotesAreAnything, "test_every_row_can_be_explained"),
    (OneTooFew, "test_the_cut_does_not_matter"),
]


class TestGood(DetectorContract):
    """An honest type passes all of it."""

    type = Good


def arguments(test):
    """The values that a parametrised test is run with; one run without any for the others."""
    [*marks] = getattr(test, "pytestmark", [])
    return [[value] for mark in marks for value in mark.args[1]] or [[]]


@pytest.mark.parametrize(("broken", "name"), BROKEN)
def test_a_broken_promise_is_found(broken, name):
    suite = type("Suite", (DetectorContract,), {"type": broken})()
    test = getattr(suite, name)

    def run():
        for given in arguments(test):
            test(*given)

    with pytest.raises((Exception, pytest.fail.Exception)):
        run()


def test_every_promise_is_broken_once():
    promises = {
        name for name, _ in inspect.getmembers(DetectorContract, inspect.isfunction) if name.startswith("test_")
    }
    assert promises == {name for _, name in BROKEN}
