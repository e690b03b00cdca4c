"""What holds for every workflow: a journal is enough to go on from, wherever it was cut."""

import os
from hashlib import blake2b

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventflow.execute.turn import Return
from eventflow.model.journal import Ended, Finished, Tried, decode
from tests.unit.execute.play import Play, S, bad, ok, workflow
from tests.unit.execute.programs import RESULTS, programs

CHILD = workflow("steps: []", id="test/child")
MANY = settings(max_examples=int(os.environ.get("EVENTFLOW_EXAMPLES", "200")))


class Script:
    """Ends each call in a way that its name alone decides, so that a repetition ends as the first try would have."""

    def __init__(self, seed):
        self.seed = seed

    def get(self, step, default=None):
        return self

    def __len__(self):
        return 1

    def __getitem__(self, place):
        return self.end

    def end(self, call):
        name = f"{self.seed}/{call.path}/{call.visit}/{call.n}"
        how = RESULTS[blake2b(name.encode(), digest_size=1).digest()[0] % len(RESULTS)]
        return {"ok": ok(n=call.n), "error": bad(), "503": bad("503"), "hang": "hangs"}[how]


class Crashing(Play):
    """A play that answers children and questions, gives hanging calls their timeout, and may be cut at any append."""

    def __init__(self, program, **more):
        definition, seed = program
        super().__init__(definition, unsafe=["t.unsafe"], workflows=[CHILD], **more)
        self.script = Script(seed)
        self.begun = {}

    def make(self, call):
        super().make(call)
        self.begun[call.id] = self.now

    def finish(self):
        for _ in range(400):
            self.go(until=self.soonest())
            if self.course.finished is not None:
                return self
            self.help_on()
        raise AssertionError(f"not ended: {self.course.open.keys()}")

    def soonest(self):
        return min((self.begun[call] + (it.timeout or 9 * S) for call, it in self.hung.items()), default=None)

    def help_on(self):
        """What the outside would do next: a call's own timeout, a child's end."""
        at = self.soonest()
        if at is not None:
            self.now = max(self.now, at)
            for call_id, call in sorted(self.hung.items()):
                if self.begun[call_id] + (call.timeout or 9 * S) <= self.now:
                    del self.hung[call_id]
                    self.back.append(Return(call=call_id, error=bad("timeout")))
            return
        for visit in list(self.course.open.values()):
            if visit.waiting is not None and visit.waiting.kind == "child":
                self.tell(
                    "child",
                    path=visit.path,
                    visit=visit.number,
                    attempt=visit.n,
                    run="c",
                    status="succeeded",
                    outputs={},
                )
                return


def told(run):
    """What of a journal a crash must not change: steps and how they ended, attempts, the end."""
    return [
        (entry.path, entry.visit, entry.status) if isinstance(entry, Ended) else (entry.status, entry.reason)
        for entry in run.entries
        if isinstance(entry, (Ended, Finished))
    ]


@MANY
@given(programs())
def test_every_run_ends_once_and_nothing_follows(program):
    run = Crashing(program).finish()
    assert [isinstance(entry, Finished) for entry in run.entries].count(True) == 1
    assert isinstance(run.entries[-1], Finished)
    run.tell("cancel").turn()
    assert run.progress.entries == []
    assert not run.waits
    assert not run.hung


@MANY
@given(programs())
def test_a_course_in_memory_is_the_fold_of_its_journal(program):
    run = Crashing(program)
    whole = run.turn

    def turn():
        moved = whole()
        kept = run.course
        back, hung = run.back, run.hung
        run.read_again()
        assert run.course.views == kept.views
        assert run.course.open.keys() == kept.open.keys()
        assert run.course.visits == kept.visits
        assert run.course.seen == kept.seen
        run.back, run.hung = back, hung
        return moved

    run.turn = turn
    run.finish()


@MANY
@given(programs(), st.data())
def test_a_crash_before_any_append_changes_nothing(program, data):
    plain = Crashing(program).finish()
    cut = data.draw(st.integers(1, plain.appends))
    crashed = Crashing(program, crash_at=[cut])
    crashed.finish()
    before = {decode(line) for line in ()}
    assert before == set()
    assert_same_calls(plain, crashed)


@MANY
@given(programs(), st.data())
def test_a_crash_after_any_append_repeats_only_what_was_under_way_with_the_same_key(program, data):
    plain = Crashing(program).finish()
    cut = data.draw(st.integers(1, plain.appends))
    assert_same_calls(plain, Crashing(program, crash_at=[-cut]).finish())


def assert_same_calls(plain, crashed):
    """The same end and the same calls with the same keys, where nothing that must not be repeated was under way."""
    troubles = [entry.error for entry in crashed.entries if getattr(entry, "error", None) is not None]
    interrupted = any(trouble.code == "interrupted" or ": interrupted:" in trouble.message for trouble in troubles)
    keys = [(entry.path, entry.visit, entry.n, entry.rep) for entry in crashed.entries if isinstance(entry, Tried)]
    assert len(keys) == len(set(keys))
    if interrupted or crashed.now != plain.now:
        return
    assert sorted(told(crashed)) == sorted(told(plain))
    assert {call[:2] + call[3:4] for call in crashed.calls} == {call[:2] + call[3:4] for call in plain.calls}
    assert len(crashed.outbox) == len(plain.outbox)
    assert len(crashed.children) == len(plain.children)


TWICE = "steps: [{name: a, uses: t.a}, {name: b, uses: t.a}, {name: e, uses: event.emit, with: {type: x}}]"


@pytest.mark.parametrize("cut", [*range(-4, 0), *range(1, 5)])
def test_a_plain_run_cut_anywhere(cut):
    run = Play(workflow(TWICE), crash_at=[cut]).go()
    assert run.path == ["a", "b", "e"]
    assert {call[3] for call in run.calls} == {"run_x/a/1", "run_x/b/1"}
    assert len(run.outbox) == 1
