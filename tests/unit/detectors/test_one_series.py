"""The short way: a class with `update(value) -> score`, looped, saved by its attributes."""

import math
from collections import deque

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict

from eventflow.errors import ComponentError
from eventflow.plugin import DetectorContext, Rows
from eventflow.plugin.detector import Detector
from eventflow.plugin.one_series import detector_names, detector_type, find_detector


class Jump:
    """How far from the value before."""

    name = "jump"

    def __init__(self):
        self.expected = None

    def update(self, value):
        score = None if self.expected is None else abs(value - self.expected)
        self.expected = value
        return score


class Scaled:
    name = "scaled"
    scale = "absolute"
    clears_below = 0.5
    tail = 0.3

    class Config(BaseModel):
        model_config = ConfigDict(extra="forbid")
        by: float = 1.0

    def __init__(self, config):
        self.settings = config

    def update(self, value):
        return abs(value) / self.settings.by


class Keeper:
    """Keeps whatever it is told to."""

    name = "keeper"
    kept = None

    def update(self, value):
        self.state = Keeper.kept
        return 0.0


def made(short, **config):
    kind = detector_type(short)
    return kind(kind.Config(**config), DetectorContext())


def feed(detector, *values, key="a"):
    slot, count = detector.series(key, ""), len(values)
    return detector.update_many(Rows([slot] * count, [0] * count, [0] * count, [(v,) for v in values]))


def test_each_series_has_an_object_of_its_own():
    detector = made(Jump)
    assert feed(detector, 1.0, 4.0).values[1] == 3
    assert feed(detector, 10.0, 11.0, key="b").values[1] == 1
    assert feed(detector, 5.0).values == [1.0]


def test_numbers_that_are_none_are_answered_for_it():
    detector = made(Jump)
    values = feed(detector, 1.0, math.nan, math.inf, 3.0).values
    assert [str(value) for value in values] == ["nan", "nan", "nan", "2.0"]


def test_what_was_expected_is_known_to_the_judge():
    notes = feed(made(Jump), 1.0, 4.0).notes
    assert math.isnan(notes[0][0])
    assert notes[1] == (1.0,)
    explanation = made(Jump).explain((4.0,), notes[1])
    assert (explanation.expected, explanation.because) == (1.0, "4 instead of 1")


def test_config_and_what_it_says_of_itself():
    detector = made(Scaled, by=4.0)
    assert feed(detector, 8.0).values == [2.0]
    assert (detector.scale, detector.clears_below, detector.name) == ("absolute", 0.5, "scaled")
    assert (detector.tail, made(Jump).tail) == (0.3, None)
    [part] = detector.dump().values()
    assert b"settings" not in part  # the config is the document's


@pytest.mark.parametrize(
    "kept",
    [None, True, -3, 0.5, "x", b"x", [1, [2.0]], (1, ("a",)), {"a": {2: (3,)}}, {(1, 2): 3}, deque([1], maxlen=2)],
)  # fmt: skip
def test_plain_attributes_come_back_the_same(kept):
    Keeper.kept = kept
    old, new = made(Keeper), made(Keeper)
    feed(old, 1.0)
    new.load({name: part for name, part in old.dump().items() if part is not None})
    state = new._objects[new.series("a", "")].state
    assert state == kept
    assert type(state) is type(kept)
    assert getattr(state, "maxlen", None) == getattr(kept, "maxlen", None)


@pytest.mark.parametrize(
    ("kept", "where"),
    [
        (np.float64(1), r"Keeper.state is a numpy.float64"),
        ([{"a": object()}], r"Keeper.state\[0\]\['a'\] is a builtins.object"),
        (2**70, r"Keeper.state is a builtins.int"),
        ({1, 2}, r"Keeper.state is a builtins.set"),
    ],
)
def test_what_cannot_be_saved_is_named(kept, where):
    Keeper.kept = kept
    detector = made(Keeper)
    feed(detector, 1.0)
    with pytest.raises(ComponentError, match=where):
        detector.dump()


def test_a_list_that_holds_itself_is_named():
    kept = []
    kept.append(kept)
    test_what_cannot_be_saved_is_named(kept, r"Keeper.state\[0\]")


@pytest.mark.parametrize("score", [-1.0, math.inf])
def test_a_score_that_is_none_is_refused(score):
    class Bad(Jump):
        name = "bad"

        def update(self, value):
            return score

    with pytest.raises(ComponentError, match="must be finite and not negative"):
        feed(made(Bad), 1.0)


def test_a_class_with_slots_is_told():
    class Tight:
        name = "tight"
        __slots__ = ("last",)

        def update(self, value):
            return 0.0

    detector = made(Tight)
    feed(detector, 1.0)
    with pytest.raises(ComponentError, match="__slots__"):
        detector.dump()


@pytest.mark.parametrize("other", [int, type("Nameless", (), {"update": lambda self, value: 0.0})])
def test_what_is_no_detector_type(other):
    with pytest.raises(ComponentError, match="is no detector type"):
        detector_type(other)


def test_a_detector_is_itself():
    kind = find_detector("threshold")
    assert issubclass(kind, Detector)
    assert detector_type(kind) is kind


def test_names_and_the_unknown_one():
    assert {"threshold", "adaptive"} <= set(detector_names())
    with pytest.raises(ComponentError, match="adaptive, "):
        find_detector("adaptiv")
