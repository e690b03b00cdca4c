"""Which step comes next: the order rule, conditions, handlers, `if`, targets, limits of visits."""

import pytest

from eventflow.model.order import handlers
from tests.unit.execute.play import bad, ok, play, workflow


def steps(*lines):
    return "steps:\n" + "\n".join(f"  - {{{line}}}" for line in lines)


A, B, C = "name: a, uses: t.a", "name: b, uses: t.b", "name: c, uses: t.c"


def test_a_plain_list_just_works():
    run = play(steps(A, B, C))
    assert run.path == ["a", "b", "c"]
    assert run.end == ("succeeded", None)


def test_an_empty_list_succeeds():
    assert play("steps: []").end == ("succeeded", None)


@pytest.mark.parametrize(
    ("conditions", "path", "end"),
    [
        ("{success: c}", ["a", "c"], ("succeeded", None)),
        ("{success: next}", ["a", "b", "c"], ("succeeded", None)),
        ("{success: continue}", ["a", "b", "c"], ("succeeded", None)),
        ("{success: end}", ["a"], ("succeeded", None)),
        ("{success: fail}", ["a"], ("failed", "by_target")),
        ("{success: cancel}", ["a"], ("cancelled", "by_target")),
    ],
)
def test_targets_of_success(conditions, path, end):
    run = play(steps(f"{A}, conditions: {conditions}", B, C))
    assert (run.path, run.end) == (path, end)


@pytest.mark.parametrize(
    ("conditions", "path", "end"),
    [
        ("{}", ["a!"], ("failed", "step_failed")),
        ("{failure: c}", ["a!", "c"], ("failed", "handled")),
        ("{failure: next}", ["a!", "b", "c"], ("succeeded", None)),
        ("{failure: continue}", ["a!", "b", "c"], ("succeeded", None)),
        ("{failure: end}", ["a!"], ("succeeded", None)),
        ("{failure: fail}", ["a!"], ("failed", "by_target")),
        ("{failure: cancel}", ["a!"], ("cancelled", "by_target")),
        ("{timeout: c}", ["a!"], ("failed", "step_failed")),
    ],
)
def test_targets_of_failure(conditions, path, end):
    run = play(steps(f"{A}, conditions: {conditions}", B, C), {"a": bad()})
    assert (run.path, run.end) == (path, end)


@pytest.mark.parametrize(("conditions", "path"), [("{timeout: c}", ["a%", "c"]), ("{failure: c}", ["a%", "c"])])
def test_a_timeout_falls_back_to_failure(conditions, path):
    first = f"{A}, retry: {{max_attempts: 1}}, conditions: {conditions}"
    assert play(steps(first, B, C), {"a": bad("timeout")}).path == path


def test_a_step_named_only_for_failures_is_passed_over():
    text = steps(f"{A}, conditions: {{failure: b}}", B, C)
    assert handlers(workflow(text)) == {"b"}
    assert play(text).path == ["a", "c"]


def test_a_step_that_later_steps_lead_back_to_is_no_handler():
    handlers_of_c = ("name: h, uses: t.h, conditions: {failure: g}", "name: g, uses: t.g")
    back, on = f"{B}, conditions: {{failure: a}}", f"{C}, conditions: {{failure: h}}"
    text = steps(f"{A}, max_visits: 2", back, on, *handlers_of_c)
    assert handlers(workflow(text)) == {"h", "g"}


def test_a_step_that_success_names_too_is_no_handler():
    run = play(steps(f"{A}, conditions: {{success: b, failure: b}}", B, C), {"a": bad()})
    assert run.path == ["a!", "b", "c"]
    assert run.end == ("succeeded", None)


def test_a_handler_that_continues_recovers_after_the_step_that_failed():
    run = play(
        steps(f"{A}, conditions: {{failure: h}}", B, C, "name: h, uses: t.h, conditions: {success: continue}"),
        {"a": bad()},
    )
    assert run.path == ["a!", "h", "b", "c"]
    assert run.end == ("succeeded", None)


def test_a_handler_that_fails_has_not_handled():
    run = play(steps(f"{A}, conditions: {{failure: b}}", B, C), {"a": bad(), "b": bad("other", "worse")})
    assert run.end == ("failed", "step_failed")
    assert run.course.finished.error.step == "b"


def test_a_handler_of_a_handler_continues_after_the_first_failure():
    run = play(
        steps(
            f"{A}, conditions: {{failure: h}}",
            B,
            "name: h, uses: t.h, conditions: {failure: g}",
            "name: g, uses: t.g, conditions: {success: continue}",
        ),
        {"a": bad(), "h": bad()},
    )
    assert run.path == ["a!", "h!", "g", "b"]


def test_handlers_see_the_error():
    said = "${{ error.step + error.code + error.message + string(error.attempts) }}"
    first = f"{A}, retry: {{max_attempts: 1}}, conditions: {{failure: b}}"
    run = play(steps(first, f"name: b, uses: t.b, with: {{said: '{said}'}}"), {"a": bad("503", "no")})
    assert run.calls[-1][-1] == {"said": "a503no1"}


def test_if_skips():
    run = play(steps(A, f"{B}, if: 'steps.a.outputs.n > 1'", C), {"a": ok(n=1)})
    assert run.path == ["a", "b?", "c"]
    assert run.views["b"]["status"] == "skipped"


def test_a_skipped_step_can_lead_elsewhere():
    assert play(steps(f"{A}, if: 'false', conditions: {{skipped: c}}", B, C)).path == ["a?", "c"]


def test_an_if_that_cannot_be_evaluated_fails_the_step():
    run = play(steps(f"{A}, if: 'steps.b.outputs.missing > 1'", B))
    assert run.path == ["a!"]
    assert run.end == ("failed", "expression")
    assert "steps.b.outputs.missing" in run.course.finished.error.message


def test_a_with_that_cannot_be_evaluated_fails_the_step_before_any_call():
    run = play(steps("name: a, uses: t.a, with: {x: '${{ inputs.none }}'}, conditions: {failure: b}", B))
    assert run.end == ("failed", "handled")
    assert [call[0] for call in run.calls] == ["b"]


def test_a_backward_target_is_a_new_visit_with_a_new_key():
    run = play(steps(f"{A}, max_visits: 3", f"{B}, conditions: {{failure: a}}", C), {"b": [bad(), bad(), ok()]})
    assert run.path == ["a", "b!", "a", "b!", "a", "b", "c"]
    assert [call[3] for call in run.calls if call[0] == "a"] == [f"run_x/a/{n}" for n in (1, 2, 3)]


def test_max_visits_ends_the_circle():
    run = play(steps(f"{A}, max_visits: 2", f"{B}, conditions: {{failure: a}}"), {"b": bad()})
    assert run.path == ["a", "b!", "a", "b!"]
    assert "error: broken" in run.course.finished.error.message
    assert run.end == ("failed", "max_visits")


def test_a_backward_target_without_max_visits_is_taken_never():
    assert play(steps(A, f"{B}, conditions: {{success: a}}")).end == ("failed", "max_visits")


def test_two_handlers_that_fail_into_each_other_end():
    run = play(
        steps(
            f"{A}, conditions: {{failure: b}}", f"{B}, conditions: {{failure: c}}", f"{C}, conditions: {{failure: b}}"
        ),
        {"a": bad(), "b": bad(), "c": bad()},
    )
    assert run.end == ("failed", "max_visits")


def test_every_declared_step_is_there_before_it_ran():
    run = play(steps("name: a, uses: t.a, with: {s: '${{ steps.c.status }}', o: '${{ steps.c.outputs }}'}", C))
    assert run.calls[0][-1] == {"s": "pending", "o": {}}


def test_outputs_are_reduced_and_a_wrong_one_fails_the_step():
    run = play(
        steps("name: a, uses: t.a, outputs: {n: 'result.list[1]', m: result.list.size()}"),
        {"a": ok(list=[1, 2], big="x")},
    )
    assert run.views["a"]["outputs"] == {"n": 2, "m": 2}
    assert play(steps("name: a, uses: t.a, outputs: {n: result.no}"), {"a": ok()}).end == ("failed", "expression")


def test_the_names_of_expressions():
    names = "event.id + events[0].source + trigger.id + trigger.key + inputs.i + vars.v + run.id + workflow.id + run.by"
    run = play(
        "inputs: {i: {default: in}}\nvars: {v: va}\n"
        "outputs: {all: '${{ steps.a.outputs.said }}', n: '${{ run.number }}'}\n"
        + steps(f"name: a, uses: t.a, with: {{said: '${{{{ {names} }}}}'}}"),
        {"a": lambda call: ok(said=call.inputs["said"])},
    )
    assert run.course.finished.outputs == {"all": "oneheretkinvarun_xtest/oneann", "n": 1}


def test_workflow_outputs_that_cannot_be_made_fail_the_run():
    assert play("outputs: {x: '${{ steps.a.outputs.no }}'}\n" + steps(A)).end == ("failed", "expression")
