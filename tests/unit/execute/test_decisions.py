"""Decisions by rule and by people, their timeouts against the log (W21)."""

import pytest

from eventflow.execute.turn import Frontier
from eventflow.model.journal import Heard
from eventflow.model.record import CONTROL
from tests.unit.execute.play import T0, Play, S, ok, play, workflow

RULE = """
steps:
  - name: d
    type: decision
    config:
      cases:
        - {name: big, require: inputs.allowed, when: inputs.n > 10, then: b}
        - {name: small, when: inputs.n > 0, then: s}
        - {name: never, then: s}
      default: none
  - {name: n, uses: t.n, conditions: {success: end}}
  - {name: b, uses: t.b, conditions: {success: end}}
  - {name: s, uses: t.s}
inputs: {n: {}, allowed: {}}
"""


@pytest.mark.parametrize(
    ("n", "allowed", "path", "case"),
    [
        (20, True, ["d", "b"], "big"),
        (20, False, ["d", "s"], "small"),
        (5, True, ["d", "s"], "small"),
        (0, True, ["d", "n"], "none"),
    ],
)
def test_the_first_allowed_case_whose_rule_holds(n, allowed, path, case):
    run = play(RULE, inputs={"n": n, "allowed": allowed})
    assert run.path == path
    assert (run.views["d"]["decision"], run.views["d"]["by"]) == (case, "rule")


@pytest.mark.parametrize("inputs", [{"n": "text", "allowed": True}, {"n": 1, "allowed": "yes"}])
def test_a_rule_that_cannot_be_evaluated_fails_the_step(inputs):
    assert play(RULE, inputs=inputs).end == ("failed", "expression")


HUMAN = """
steps:
  - name: d
    type: decision
    timeout: 10s
    config:
      by: human
      question: 'Shall ${{ inputs.x }}?'
      ask: {title: 'T ${{ inputs.x }}'}
      approvers: {users: USERS, exclude: ['${{ run.by }}'], needed: NEEDED}
      cases:
        - {name: 'yes', then: y}
        - {name: 'no', then: 'n'}
        - {name: never, require: 'false', then: y}
      default: 'no'
  - {name: 'y', uses: t.y, conditions: {success: end}}
  - {name: 'n', uses: t.n}
inputs: {x: {default: it}}
"""


def asked(users="[]", needed=1):
    text = HUMAN.replace("USERS", users).replace("NEEDED", str(needed))
    run = Play(workflow(text), {"y": ok(), "n": ok()})
    return run.go(jump=False)


def heard(run):
    return [(entry.effect, entry.by) for entry in run.entries if isinstance(entry, Heard)]


def test_a_question_is_a_wait_that_shows_what_is_asked():
    run = asked()
    [wait] = run.waits.values()
    assert (wait.kind, wait.deadline) == ("answer", T0 + 10 * S)
    assert wait.show["question"] == "Shall it?"
    assert wait.show["title"] == "T it"
    assert [case["name"] for case in wait.show["cases"]] == ["yes", "no"]
    assert run.progress.status == "waiting"


def test_an_answer_decides():
    run = asked().tell("answer", case="yes", path="d", visit=1, by="bob", comment="fine").go()
    assert run.path == ["d", "y"]
    view = run.views["d"]
    assert (view["decision"], view["by"], view["who"], view["reason"]) == ("yes", "human", ["bob"], "fine")
    assert not run.waits


def test_an_answer_without_a_path_means_the_only_open_question():
    assert asked().tell("answer", case="yes", by="bob").go().path == ["d", "y"]


@pytest.mark.parametrize(
    ("case", "by", "users"),
    [("never", "bob", "[]"), ("other", "bob", "[]"), ("yes", "ann", "[]"), ("yes", "carl", "[bob]")],
)
def test_an_answer_that_does_not_count_is_recorded_and_refused(case, by, users):
    run = asked(users).tell("answer", case=case, path="d", visit=1, by=by).go(jump=False)
    assert heard(run) == [("refused", by)]
    assert run.progress.status == "waiting"
    assert run.tell("answer", case="yes", path="d", visit=1, by="bob").go().path == ["d", "y"]


def test_several_must_agree_and_nobody_counts_twice():
    run = asked(needed=2)
    run.tell("answer", case="yes", by="bob").tell("answer", case="yes", by="bob").go(jump=False)
    assert run.course.finished is None
    run.tell("answer", case="no", by="carl").go(jump=False)
    kept = run.course
    run.read_again()
    assert run.views == kept.views
    assert run.course.open["d"].votes == kept.open["d"].votes
    run.tell("answer", case="yes", by="dora").go()
    assert run.path == ["d", "y"]
    assert run.views["d"]["who"] == ["bob", "dora"]


def test_who_changes_their_mind_is_counted_once():
    run = asked(needed=2).tell("answer", case="yes", by="bob").tell("answer", case="no", by="bob")
    run.tell("answer", case="no", by="carl").go()
    assert run.path == ["d", "n"]


def test_nobody_answers_and_the_default_is_taken():
    run = asked().go()
    assert run.path == ["d", "n"]
    assert (run.views["d"]["decision"], run.views["d"]["by"]) == ("no", "timeout")
    assert run.views["d"]["status"] == "success"


def test_the_timeout_is_held_until_the_log_has_passed_the_deadline():
    run = asked()
    run.frontier = Frontier({CONTROL: T0 + 10 * S, 0: T0 + 99 * S})
    run.later("1h").go(jump=False)
    assert run.course.finished is None
    assert run.progress.wake_at > run.now
    run.frontier = Frontier({CONTROL: T0 + 10 * S + 1, 0: 0})
    run.go()
    assert run.path == ["d", "n"]


@pytest.mark.parametrize(("at", "case"), [(9 * S, "yes"), (10 * S, "yes"), (10 * S + 1, "no")])
def test_the_answers_log_time_decides_and_exactly_at_the_deadline_is_in_time(at, case):
    run = asked().later("1h")
    run.frontier = Frontier({CONTROL: T0 + 10 * S})
    run.tell("answer", case="yes", by="bob", at=T0 + at).go(jump=False)
    run.frontier = Frontier({CONTROL: T0 + 20 * S})
    run.go()
    assert run.views["d"]["decision"] == case
    assert heard(run) == [("taken" if case == "yes" else "late", "bob")]


def test_an_answer_after_the_end_of_the_question_is_a_recorded_late_one():
    text = HUMAN.replace("USERS", "[]").replace("NEEDED", "1")
    run = Play(workflow(text), {"y": "hangs"}).go(jump=False)
    run.tell("answer", case="yes", by="bob").go(jump=False)
    run.tell("answer", case="no", path="d", visit=1, by="carl").go(jump=False)
    assert heard(run) == [("taken", "bob"), ("late", "carl")]


def test_a_halted_partition_holds_a_timeout_for_five_minutes_and_is_named_then():
    run = asked()
    run.frontier = Frontier({CONTROL: T0}, frozenset([CONTROL]))
    run.later("310s").go(jump=False)
    assert run.course.finished is None
    run.later("1s").go(jump=False)
    assert run.course.finished is not None
    assert str(CONTROL) in run.views["d"]["reason"]


def test_a_partition_that_is_behind_but_not_halted_holds_it_for_ever():
    run = asked()
    run.frontier = Frontier({CONTROL: T0})
    run.later("3h").go(jump=False)
    assert run.course.finished is None


def test_an_answer_for_another_visit_is_late():
    run = asked().tell("answer", case="yes", path="d", visit=2, by="bob").go(jump=False)
    assert heard(run) == [("late", "bob")]


def test_groups_alone_let_nobody_in_who_is_not_shown_to_be_in_one():
    text = HUMAN.replace("users: USERS", "groups: [sre]").replace("NEEDED", "1")
    run = Play(workflow(text), {"y": ok(), "n": ok()}).go(jump=False)
    run.tell("answer", case="yes", path="d", visit=1, by="anybody").go(jump=False)
    assert heard(run) == [("refused", "anybody")]
    run.tell("answer", case="yes", path="d", visit=1, by="sue", groups=["sre", "dev"]).go()
    assert run.path == ["d", "y"]
