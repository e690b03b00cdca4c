"""The engine's own events as selectors may name them: the list is the one that the rest goes by."""

import re

import pytest

from eventflow.catalog import CODES, engine
from eventflow.model import control, detection
from eventflow.route import rules
from eventflow.route.opening import ENGINE_RECORDS


def test_alarms_are_those_that_the_control_partition_owns():
    assert set(engine.ALARMS) == set(rules.ALARMS)


def test_what_is_obeyed_is_never_matched():
    assert not ENGINE_RECORDS & {*engine.SAID, *engine.ALARMS}
    assert all(engine.never(one) for one in ENGINE_RECORDS)


def test_every_name_of_the_engine_is_either_said_or_obeyed_or_known_to_be_neither():
    names = {value for name, value in vars(control).items() if name.isupper() and str(value).startswith("eventflow.")}
    names |= {detection.RAISED, detection.CLEARED}
    assert names - {*engine.SAID, *engine.ALARMS} - ENGINE_RECORDS == {control.RUN_STARTED, control.CATALOGUE}


def test_the_page_names_them_all():
    assert set(re.findall(r"`([a-z_.]+)`", CODES["W237"].about)) == {*engine.SAID, *engine.ALARMS}


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("eventflow.run.started", "a run is told at its end: eventflow.run.finished"),
        ("eventflow.run.finish", "did you mean 'eventflow.run.finished'?"),
        ("detector.raise", "did you mean 'detector.raised'?"),
        ("eventflow.partition.*", "write one of these in full: eventflow.partition.added, eventflow.partition.halted"),
        ("eventflow.schedule.tick", "write type: schedule"),
        ("detector.alarm", "it says detector.cleared, detector.raised"),
        ("eventflow.nothing.like.it", "it says detector.cleared, detector.raised"),
    ],
)
def test_what_to_write_instead(text, advice):
    assert str(engine.never(text)).startswith(advice)


@pytest.mark.parametrize(
    "text", ["eventflow.*", "eventflow.run.*", "detector.*", "*", "*.started", "run.started", "eventflow.lag"]
)
def test_what_may_come(text):
    assert engine.never(text) is None
