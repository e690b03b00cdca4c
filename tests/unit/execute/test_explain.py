"""A run told in sentences; and journals that an old release wrote."""

from pathlib import Path

import msgspec
import pytest

from eventflow.execute.course import Course
from eventflow.execute.explain import explain
from eventflow.execute.fold import fold
from eventflow.execute.program import Plan
from eventflow.model import journal
from eventflow.model.journal import decode, encode
from eventflow.model.run import InboxItem, Run
from eventflow.model.workflow import decode as read_definition
from tests.unit.execute.play import Play, bad, play, workflow
from tests.unit.execute.test_properties import Crashing, Script
from tests.unit.execute.test_run import child_ends, parent

OLD = Path(__file__).parent / "journals"


def said(run):
    return [line.sentence for line in explain(run.run, run.entries)]


def test_attempts_handlers_and_the_end_are_told():
    run = play(
        "steps: [{name: a, uses: t.a, retry: {max_attempts: 2, backoff: none}, conditions: {failure: h}}, "
        "{name: h, uses: t.h}]",
        {"a": [bad("503", "down"), bad("404", "gone")]},
        by="",
    )
    assert said(run) == [
        "Trigger t for key k started run 1 of test/one.",
        "It began.",
        "a: attempt 1 of t.a.",
        "a: attempt 1 failed (503: down); next in 0 s.",
        "a: attempt 2 of t.a.",
        "a failed (404: gone); h deals with it.",
        "h: attempt 1 of t.h.",
        "h succeeded.",
        "It failed: A step failed and its handler ran; the run is failed all the same.",
        "It is running.",
    ]


def test_decisions_and_answers_are_told():
    text = "steps: [{name: d, type: decision, timeout: 10s, config: {by: human, cases: [{name: go}], default: go}}]"
    run = Play(workflow(text)).go(jump=False)
    run.tell("answer", case="no", by="bob").tell("answer", case="go", by="ann", comment="looks fine").go()
    assert said(run)[2:6] == [
        "d asks a person: go, 10 s at most.",
        "Answer no by bob: refused (case 'no' is not offered; there are: go).",
        "Answer go by ann: taken.",
        "d succeeded with go, by human because looks fine.",
    ]


def test_every_kind_of_entry_has_a_sentence():
    run = child_ends(parent()).go()
    assert all(sentence for sentence in said(run))
    wait = "{name: w, uses: wait.duration, with: {duration: 1s}}"
    body = f"{{name: p, type: parallel, config: {{branches: {{x: [{wait}]}}}}}}"
    loop = f"steps: [{{name: l, type: loop, config: {{for_each: '[1, 2]', delay: 1s, steps: [{body}]}}}}]"
    assert len(said(play(loop))) > 10


def test_the_tags_of_the_journal_are_for_ever():
    tags = {entry.__struct_config__.tag for entry in journal.Entry.__args__}
    assert tags == {
        "begin",
        "copy",
        "enter",
        "branch",
        "round",
        "try",
        "retry",
        "wait",
        "hear",
        "end",
        "fallback",
        "finish",
    }


@pytest.mark.parametrize("path", sorted(OLD.glob("*.ndjson")), ids=lambda path: path.stem)
def test_an_old_journal_is_read_and_leads_to_the_same_end(path):
    definition, row, *lines = path.read_bytes().splitlines()
    run = msgspec.json.decode(row, type=Run)
    course = fold(Course(Plan(read_definition(definition), run.definition), run, ()), map(decode, lines))
    expected = msgspec.json.decode(lines[-1])
    assert course.finished.status == expected["status"]
    assert not course.open
    assert [msgspec.json.decode(encode(decode(line))) for line in lines] == [
        msgspec.json.decode(line) for line in lines
    ]


@pytest.mark.parametrize("path", sorted(OLD.glob("*.ndjson")), ids=lambda path: path.stem)
def test_a_run_that_an_old_release_left_anywhere_comes_to_an_end(path):
    definition, row, *lines = path.read_bytes().splitlines()
    read = read_definition(definition)
    for cut in range(len(lines)):
        run = Crashing((read, 0))
        run.script = Script(0)
        run.run = msgspec.json.decode(row, type=Run)
        run.lines = lines[:cut]
        run.now = max((decode(line).at for line in run.lines), default=run.now)
        run.items = [InboxItem(id=1000, kind="resume", log_time=run.now, payload={})]
        run.read_again()
        assert run.finish().course.finished is not None


def test_there_are_old_journals():
    assert len(list(OLD.glob("*.ndjson"))) >= 3
