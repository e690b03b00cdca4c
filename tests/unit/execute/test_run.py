"""The run as a whole: its timeout, fallbacks, cancel, pause and resume, signals, re-runs, sub-workflows."""

import msgspec
import pytest

from eventflow.model.identity import child_run_id
from eventflow.model.journal import Copied, Ended, Heard
from eventflow.model.workflow import Concurrency
from tests.unit.execute.play import T0, Play, S, bad, event, ok, play, workflow

TWO = "steps: [{name: a, uses: t.a}, {name: b, uses: t.b}]"


# --- fallback --------------------------------------------------------------------------------------------------------

FALLBACK = """
steps:
  - {name: a, uses: t.a, CONDITIONS}
  - {name: f, uses: t.f, conditions: {success: a, failure: a}}
fallback:
  - {action: f}
  - {action: t.page, with: {text: '${{ error.step }}: ${{ error.message }} ${{ steps.f.status }}'}}
"""


def test_fallbacks_run_in_order_and_the_run_has_failed():
    run = play(FALLBACK.replace("CONDITIONS", ""), {"a": bad(message="no")})
    assert run.path == ["a!", "f", "fallback[1]"]
    assert run.calls[-1][-1] == {"text": "a: no success"}
    assert run.end == ("failed", "step_failed")


def test_a_fallback_that_fails_does_not_keep_the_next_one_from_running():
    run = play(FALLBACK.replace("CONDITIONS", ""), {"a": bad(message="no"), "f": bad()})
    assert run.path == ["a!", "f!", "fallback[1]"]
    assert run.calls[-1][-1] == {"text": "a: no failure"}


@pytest.mark.parametrize(
    "conditions", ["conditions: {failure: fail}", "conditions: {success: fail}", "conditions: {failure: h}"]
)
def test_fallbacks_do_not_run_when_conditions_took_the_failure(conditions):
    text = FALLBACK.replace("CONDITIONS", conditions).replace("steps:", "steps:\n  - {name: h, uses: t.h}")
    run = play(text, {"a": ok() if "success" in conditions else bad()})
    assert "f" not in [call[0] for call in run.calls]
    assert run.end[0] == "failed"


def test_a_step_that_is_only_a_fallback_is_passed_over():
    assert play("steps: [{name: a, uses: t.a}, {name: f, uses: t.f}]\nfallback: [{action: f}]").path == ["a"]


def test_a_fallback_may_be_a_step_with_steps_inside():
    text = """
steps:
  - {name: a, uses: t.a}
  - name: f
    type: loop
    config: {for_each: '[1, 2]', steps: [{name: i, uses: t.i}]}
fallback: [{action: f}]
"""
    run = play(text, {"a": bad()}, crash_at=[-2, -4])
    assert run.path == ["a!", "f[0]/i", "f[1]/i", "f"]
    assert run.end == ("failed", "step_failed")


# --- timeout of the run ----------------------------------------------------------------------------------------------


def test_the_run_times_out_breaks_off_and_falls_back():
    run = Play(
        workflow("timeout: 1m\nfallback: [{action: t.page, with: {c: '${{ error.code }}'}}]\n" + TWO), {"a": "hangs"}
    ).go()
    assert run.now == T0 + 60 * S
    assert run.path == ["a-", "fallback[0]"]
    assert not run.hung
    assert run.calls[-1][-1] == {"c": "timeout"}
    assert run.end == ("failed", "timeout")


def test_a_fallback_that_hangs_after_the_timeout_is_ended_too():
    run = Play(
        workflow("timeout: 1m\nfallback: [{action: t.page}]\n" + TWO), {"a": "hangs", "fallback[0]": "hangs"}
    ).go()
    assert run.path == ["a-", "fallback[0]-"]
    assert run.end == ("failed", "timeout")


def test_the_timeout_counts_waiting_and_survives_crashes():
    run = Play(workflow("timeout: 1m\nsteps: [{name: w, uses: wait.duration, with: {duration: 2m}}]")).go(jump=False)
    assert run.progress.wake_at == T0 + 60 * S
    run.read_again()
    assert run.go().end == ("failed", "timeout")


# --- cancel, pause, signal -------------------------------------------------------------------------------------------


def test_cancel_breaks_off_and_ends():
    run = Play(workflow(TWO), {"a": "hangs"}).go()
    run.tell("cancel", by="bob", comment="enough").go()
    assert run.path == ["a-"]
    assert not run.hung
    assert run.end == ("cancelled", "by_person")


def test_cancel_says_why_and_runs_no_fallback():
    run = Play(workflow("fallback: [{action: t.page}]\n" + TWO), {"a": "hangs"}).go()
    run.tell("cancel", reason="superseded").go()
    assert run.end == ("cancelled", "superseded")
    assert len(run.calls) == 1


def test_cancel_ends_everything_that_is_open():
    text = """
steps:
  - name: p
    type: parallel
    config:
      branches:
        x: [{name: a, uses: t.a}]
        y: [{name: w, uses: wait.event, with: {event: e}}]
        z: [{name: d, type: decision, config: {by: human, cases: [{name: ok}], default: ok}}]
"""
    run = Play(workflow(text), {"a": "hangs"}).go()
    assert len(run.waits) == 2
    run.tell("cancel").go()
    assert sorted(run.path) == ["p-", "p/a-", "p/d-", "p/w-"]
    assert not run.waits
    assert not run.hung


def test_a_run_that_is_not_admitted_only_hears():
    run = Play(workflow(TWO), status="queued")
    run.admitted = False
    run.go()
    assert (run.calls, run.lines, run.progress.status) == ([], [], "queued")
    run.tell("cancel", reason="superseded").go()
    assert run.end == ("cancelled", "superseded")


def test_pause_lets_calls_end_and_begins_nothing():
    run = Play(workflow(TWO), {"a": "hangs"}).go()
    run.tell("pause", by="bob").go()
    assert run.progress.status == "running"
    [call] = run.hung.values()
    from eventflow.execute.turn import Return

    run.hung.clear()
    run.back = [Return(call=call.id, outputs={"x": 1})]
    run.go()
    assert run.path == ["a"]
    assert run.progress.status == "paused"
    assert run.progress.wake_at is None
    run.read_again()
    run.admitted = False
    run.tell("resume", by="bob").go()
    assert run.progress.status == "queued"
    run.admitted = True
    assert run.go().path == ["a", "b"]


def test_a_paused_run_takes_answers_but_no_timeouts():
    text = """
steps:
  - name: d
    type: decision
    timeout: 5s
    config: {by: human, cases: [{name: 'y'}, {name: 'n'}], default: 'n'}
  - {name: z, uses: t.z}
"""
    run = Play(workflow(text)).go(jump=False)
    run.tell("pause").later("1h").go(jump=False)
    assert run.progress.status == "paused"
    run.tell("answer", case="y", by="bob", at=T0).go(jump=False)
    assert run.path == ["d"]
    assert run.calls == []


def test_signals_are_seen_by_the_steps_that_come_after():
    run = Play(
        workflow(
            "steps: [{name: w, uses: wait.duration, with: {duration: 1m}}, "
            "{name: z, uses: t.z, with: {s: '${{ run.signals.map(e, e.data.n) }}'}}]"
        )
    ).go(jump=False)
    for n in (1, 2):
        run.tell("signal", event=msgspec.json.decode(event(f"s{n}", data={"n": n}).encode()))
    run.go(jump=False)
    run.read_again()
    run.go()
    assert run.calls[-1][-1] == {"s": [1, 2]}


def test_what_comes_twice_is_written_down_once_each():
    run = Play(workflow(TWO), {"a": "hangs"}).go()
    run.tell("pause").tell("pause").tell("resume").tell("resume").go()
    assert [(e.kind, e.effect) for e in run.entries if isinstance(e, Heard)] == [
        ("pause", "taken"), ("pause", "void"), ("resume", "taken"), ("resume", "void"),
    ]  # fmt: skip
    run.read_again()
    assert run.course.new_items() == []


# --- re-run ----------------------------------------------------------------------------------------------------------


def test_a_rerun_from_a_step_takes_over_what_came_before():
    text = """
steps:
  - {name: a, uses: t.a}
  - {name: p, type: parallel, config: {branches: {x: [{name: b, uses: t.b}]}}}
  - {name: c, uses: t.c, with: {v: '${{ steps.a.outputs.n + steps.b.outputs.n }}'}}
"""
    first = play(text, {"a": ok(n=1), "b": ok(n=2), "c": bad()})
    again = Play(workflow(text), id="run_y", rerun_of="run_x", from_step="c")
    again.earlier = first.entries
    again.go()
    assert again.path == ["c"]
    assert again.calls[0][3:] == ("run_y/c/1", {"v": 3})
    assert [e.step for e in again.entries if isinstance(e, Copied)] == ["a", "p", "b"]
    again.read_again()
    assert again.views["b"]["outputs"] == {"n": 2}


def test_a_rerun_from_a_nested_step_begins_at_the_step_around_it():
    text = (
        "steps: [{name: a, uses: t.a}, {name: l, type: loop, config: {for_each: '[1]', steps: [{name: i, uses: t.i}]}}]"
    )
    again = Play(workflow(text), rerun_of="run_x", from_step="i")
    again.earlier = play(text).entries
    assert again.go().path == ["l[0]/i", "l"]


def test_a_rerun_from_the_start_takes_over_nothing():
    again = Play(workflow(TWO), rerun_of="run_x")
    assert again.go().path == ["a", "b"]
    assert not any(isinstance(e, Copied) for e in again.entries)


# --- sub-workflows ---------------------------------------------------------------------------------------------------

CHILD = workflow("steps: [{name: x, uses: t.x}]\ninputs: {n: {required: true}, m: {default: 5}}", id="test/child")
PARENT = """
steps:
  - {name: s, uses: workflow.run, with: {workflow: test/child, inputs: {n: '${{ inputs.n }}'}, WAIT}, MORE}
  - {name: z, uses: t.z, with: {v: '${{ get(steps.s.outputs, "v", 0) }}'}}
inputs: {n: {default: 3}}
"""


def parent(wait="wait: true", more="timeout: 1m", **run):
    return Play(workflow(PARENT.replace("WAIT", wait).replace("MORE", more)), workflows=[CHILD], **run).go(jump=False)


def child_ends(run, attempt=1, status="succeeded", reason=None, **outputs):
    return run.tell(
        "child", path="s", visit=1, attempt=attempt, run="run_c", status=status, reason=reason, outputs=outputs
    )


def test_a_child_is_admitted_in_the_append_that_records_it():
    run = parent(chain=("up/one",), hops=1)
    [firing] = run.children
    assert firing.run == child_run_id("run_x", "s", 1, 1)
    assert (firing.workflow, firing.definition, firing.inputs) == ("test/child", CHILD.hash, {"n": 3, "m": 5})
    assert (firing.chain, firing.hops, firing.group) == (("up/one", "test/one"), 2, "test/child")
    assert firing.parent.attempt == 1
    assert firing.events == tuple(run.events)


def test_the_childs_end_is_the_steps():
    run = child_ends(parent(), v=7).go()
    assert run.views["s"]["outputs"] == {"run": "run_c", "v": 7}
    assert run.calls[-1][-1] == {"v": 7}


@pytest.mark.parametrize(
    ("status", "reason", "path"),
    [("failed", "step_failed", "s!"), ("suppressed", "concurrency", "s!"), ("cancelled", "by_person", "s-")],
)
def test_a_child_that_does_not_succeed(status, reason, path):
    run = child_ends(parent(), status=status, reason=reason).go()
    assert run.path == [path]
    assert reason in run.course.finished.error.message


def test_a_retry_is_a_new_child():
    run = parent(more="retry: {max_attempts: 2, backoff: none}")
    child_ends(run, status="failed").go(jump=False)
    run.go(jump=False)
    assert [firing.run for firing in run.children] == [child_run_id("run_x", "s", 1, n) for n in (1, 2)]
    child_ends(run, attempt=1, v=1).go(jump=False)
    assert run.course.finished is None
    assert child_ends(run, attempt=2, v=2).go().calls[-1][-1] == {"v": 2}


def test_a_child_without_wait_is_nobodys_business():
    run = parent("wait: false")
    assert run.go().end == ("succeeded", None)
    assert not run.children[0].parent.wait
    assert run.views["s"]["outputs"] == {"run": run.children[0].run}


def test_the_first_committed_of_end_and_timeout_wins():
    run = parent().go(jump=True)
    assert run.path == ["s%"]
    assert run.now == T0 + 60 * S
    late = child_ends(parent().later("2m")).go()
    assert late.path == ["s", "z"]


def test_a_crash_does_not_start_the_child_again():
    run = parent()
    run.read_again()
    run.go(jump=False)
    assert len(run.children) == 1


@pytest.mark.parametrize(
    ("with_", "code"),
    [
        ("workflow: test/none", "unknown-workflow"),
        ("workflow: test/child", "inputs"),
        ("workflow: test/child, inputs: {n: 1, o: 2}", "inputs"),
        ("workflow: test/one", "loop"),
        ("workflow: test/child, inputs: {n: 1}, x: 1", "inputs"),
    ],
)
def test_what_cannot_be_started_fails_the_step(with_, code):
    definition = workflow(f"steps: [{{name: s, uses: workflow.run, with: {{{with_}}}}}]")
    run = Play(definition, workflows=[CHILD, definition]).go()
    assert run.entries[-2].error.code == code
    assert run.children == []


def test_a_workflow_that_allows_it_may_go_round_but_not_for_ever():
    definition = workflow(
        "allow_loop: true\nsteps: [{name: s, uses: workflow.run, with: {workflow: test/one, wait: false}}]"
    )
    assert len(Play(definition, workflows=[definition], hops=15).go().children) == 1
    deep = Play(definition, workflows=[definition], hops=16).go()
    assert deep.entries[-2].error.code == "hops"


def test_a_childs_group_is_evaluated_with_its_own_inputs():
    grouped = msgspec.structs.replace(CHILD, concurrency=Concurrency(group="${{ inputs.m }}-${{ event.id }}"))
    run = Play(workflow(PARENT.replace("WAIT", "wait: true").replace("MORE", "timeout: 1m")), workflows=[grouped]).go(
        jump=False
    )
    assert run.children[0].group == "test/child\n5-one"


def test_ended_entries_name_their_visit():
    run = child_ends(parent()).go()
    assert all(entry.visit == 1 for entry in run.entries if isinstance(entry, Ended))
