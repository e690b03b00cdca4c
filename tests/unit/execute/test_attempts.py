"""Retries, timeouts of attempts, keys, and attempts that a crash left behind (W18, W19)."""

import msgspec
import pytest

from eventflow.execute.attempts import delay, retries
from eventflow.model.journal import Trouble
from eventflow.model.workflow import Retry
from tests.unit.execute.play import T0, Play, S, bad, ok, play, workflow

ONE = "steps: [{name: a, uses: t.a}]"


def tries(run, name="a"):
    return [(n, rep) for step, n, rep, *_ in run.calls if step == name]


def test_an_idempotent_action_is_retried_by_the_workflows_strategy():
    run = play(ONE, {"a": [bad("503"), bad("timeout"), ok(done=True)]})
    assert run.end == ("succeeded", None)
    assert tries(run) == [(1, 0), (2, 0), (3, 0)]
    assert len({key for _, _, _, key, _ in run.calls}) == 1
    assert run.views["a"]["attempts"] == 3


def test_max_attempts_counts_the_first():
    run = play("retry: {max_attempts: 2}\n" + ONE, {"a": bad("503")})
    assert tries(run) == [(1, 0), (2, 0)]
    assert run.end == ("failed", "step_failed")


def test_an_action_that_is_not_idempotent_is_retried_only_if_the_step_says_so():
    assert tries(play(ONE, {"a": bad("503")}, unsafe=["t.a"])) == [(1, 0)]
    own = "steps: [{name: a, uses: t.a, retry: {max_attempts: 2}}]"
    assert tries(play(own, {"a": bad("503")}, unsafe=["t.a"])) == [(1, 0), (2, 0)]
    off = "steps: [{name: a, uses: t.a, idempotent: false}]"
    assert tries(play(off, {"a": bad("503")})) == [(1, 0)]


@pytest.mark.parametrize(
    ("code", "retryable", "retry_on", "again"),
    [
        ("timeout", False, None, True),
        ("connection", False, None, True),
        ("500", False, None, True),
        ("599", False, None, True),
        ("429", False, None, True),
        ("404", False, None, False),
        ("5000", False, None, False),
        ("5xx", False, None, True),
        ("busy", True, None, True),
        ("busy", False, None, False),
        ("busy", True, ("timeout",), False),
        ("busy", False, ("busy",), True),
        ("404", False, ("404",), True),
        ("503", False, ("404",), False),
        ("expression", True, ("expression",), False),
        ("interrupted", False, ("timeout",), True),
    ],
)
def test_what_is_tried_again(code, retryable, retry_on, again):
    retry = Retry() if retry_on is None else Retry(retry_on=retry_on)
    assert retries(retry, Trouble(code, "x", retryable=retryable)) is again


@pytest.mark.parametrize(
    ("retry", "waits"),
    [
        (Retry(backoff="none", jitter=False), [0, 0, 0]),
        (Retry(backoff="fixed", initial=2 * S, jitter=False), [2 * S, 2 * S, 2 * S]),
        (Retry(backoff="linear", initial=2 * S, jitter=False), [2 * S, 4 * S, 6 * S]),
        (Retry(backoff="exponential", initial=S, factor=3.0, jitter=False), [S, 3 * S, 9 * S]),
        (Retry(backoff="exponential", initial=S, factor=3.0, max=5 * S, jitter=False), [S, 3 * S, 5 * S]),
    ],
)
def test_the_delays(retry, waits):
    assert [delay(retry, n, "x") for n in (1, 2, 3)] == waits


def test_jitter_spreads_runs_between_half_and_whole_and_is_the_same_for_whoever_asks():
    spread = [delay(Retry(backoff="fixed", initial=S), 1, f"run{n}") for n in range(500)]
    assert min(spread) >= S / 2
    assert max(spread) <= S
    assert len(set(spread)) > 400
    assert spread == [delay(Retry(backoff="fixed", initial=S), 1, f"run{n}") for n in range(500)]


def test_very_many_attempts_do_not_overflow_the_delay():
    assert delay(Retry(jitter=False), 10_000, "x") == Retry().max


def test_a_retry_is_a_row_with_a_time_and_survives_a_crash():
    text = "retry: {backoff: fixed, initial: 10s, jitter: false}\n" + ONE
    run = Play(workflow(text), {"a": [bad("503"), ok()]}).go(jump=False)
    assert run.progress.wake_at == T0 + 10 * S
    run.read_again()
    run.later("9s").go(jump=False)
    assert tries(run) == [(1, 0)]
    run.later("1s").go(jump=False)
    assert tries(run) == [(1, 0), (2, 0)]
    assert run.end == ("succeeded", None)


def test_all_tries_of_a_visit_get_the_same_input():
    run = play(
        "steps: [{name: a, uses: t.a, with: {n: '${{ get(steps.a, \"attempts\", 0) }}'}}]", {"a": [bad("503"), ok()]}
    )
    assert [call[-1] for call in run.calls] == [{"n": 0}, {"n": 0}]


def test_an_attempt_of_an_idempotent_action_that_a_crash_left_behind_is_repeated_with_the_same_key():
    run = Play(workflow(ONE), {"a": ["hangs", ok()]}).go()
    run.read_again()
    run.go()
    assert tries(run) == [(1, 0), (1, 1)]
    assert run.calls[0][3] == run.calls[1][3]
    assert run.end == ("succeeded", None)


def test_a_repetition_uses_up_no_retry():
    run = Play(workflow("retry: {max_attempts: 2}\n" + ONE), {"a": ["hangs", bad("503"), ok()]}).go()
    run.read_again()
    run.go()
    assert tries(run) == [(1, 0), (1, 1), (2, 0)]
    assert run.end == ("succeeded", None)


def test_an_attempt_that_must_not_be_repeated_ends_interrupted():
    run = Play(workflow(ONE), {"a": "hangs"}, unsafe=["t.a"]).go()
    run.read_again()
    run.go()
    assert tries(run) == [(1, 0)]
    assert run.end == ("failed", "interrupted")


def test_interrupted_goes_through_the_steps_own_retry_and_conditions():
    text = "steps: [{name: a, uses: t.a, retry: {max_attempts: 2}, conditions: {failure: h}}, {name: h, uses: t.h}]"
    run = Play(workflow(text), {"a": "hangs"}, unsafe=["t.a"]).go()
    run.read_again()
    run.go()
    assert tries(run) == [(1, 0), (2, 0)]
    run.read_again()
    run.go()
    assert run.path == ["a!", "h"]
    assert run.end == ("failed", "handled")


@pytest.mark.parametrize("unsafe", [(), ("t.a",)])
def test_the_third_call_of_one_visit_that_never_came_back_ends_it(unsafe):
    text = "steps: [{name: a, uses: t.a, retry: {max_attempts: 50, backoff: none}}]"
    run = Play(workflow(text), {"a": "hangs"}, unsafe=unsafe)
    for _ in range(10):
        run.go()
        run.read_again()
    run.go()
    assert len(run.calls) == 3
    assert run.end == ("failed", "interrupted")


def test_a_return_of_another_repetition_is_dropped():
    run = Play(workflow(ONE), {"a": "hangs"}).go()
    [old] = run.hung
    run.read_again()
    run.go()
    from eventflow.execute.turn import Return

    run.back = [Return(call=old, outputs={"x": 1})]
    run.go()
    assert run.course.finished is None
    [new] = run.hung
    run.back = [Return(call=new, outputs={"x": 2})]
    run.go()
    assert run.views["a"]["outputs"] == {"x": 2}


def test_outputs_that_are_too_large_are_marked_and_say_what_helps():
    run = play(ONE, {"a": ok(status=200, text="x" * 300_000)})
    outputs = run.views["a"]["outputs"]
    assert outputs["status"] == 200
    assert outputs["truncated"]["missing"] == ["text"]
    assert "outputs:" in outputs["truncated"]["advice"]
    assert max(map(len, run.lines)) < 10_000


def test_an_input_that_is_too_large_for_the_journal_reaches_the_action_whole():
    run = play(
        "steps: [{name: a, uses: t.a, with: {x: '${{ inputs.big }}'}}]\ninputs: {big: {}}",
        inputs={"big": "x" * 100_000},
    )
    assert len(run.calls[0][-1]["x"]) == 100_000
    assert max(map(len, run.lines)) < 1000


def test_secrets_are_not_in_the_journal():
    run = Play(
        workflow("steps: [{name: a, uses: t.a, with: {t: 'Bearer ${{ secrets.token }}', x: [1, '${{ run.id }}']}}]")
    )
    calls = []
    run.make = calls.append
    run.turn()
    [call] = calls
    assert call.inputs == {"t": None, "x": [1, "run_x"]}
    call.names["secrets"] = {"token": "hush"}
    assert call.molds[0].fill(call.inputs, call.names) == {"t": "Bearer hush", "x": [1, "run_x"]}
    assert call.molds[0].secrets() == {"token"}
    assert b"hush" not in b"".join(run.lines)


def test_nothing_follows_a_terminal_entry():
    run = play(ONE)
    run.tell("cancel", by="ann").tell("answer", case="x").tell("pause")
    assert not run.turn()
    assert run.progress.terminal
    assert msgspec.json.decode(run.lines[-1])["t"] == "finish"
