"""Timers, waits for events (W20), events said by steps, annotations."""

import msgspec
import pytest

from eventflow.execute.turn import Frontier
from eventflow.model.event import decode
from eventflow.model.journal import Ended, Heard
from eventflow.model.record import CONTROL
from tests.unit.execute.play import T0, Play, S, bad, copy_of, event, ok, play, workflow


@pytest.mark.parametrize("text", ["10s", "PT10S", "${{ duration('10s') }}"])
def test_wait_duration(text):
    run = Play(workflow(f'steps: [{{name: w, uses: wait.duration, with: {{duration: "{text}"}}}}]')).go(jump=False)
    assert run.progress.wake_at == T0 + 10 * S
    run.read_again()
    run.later("9s").go(jump=False)
    assert run.course.finished is None
    assert run.later("1s").go(jump=False).end == ("succeeded", None)


def test_wait_until():
    run = play("steps: [{name: w, uses: wait.until, with: {time: '2023-11-14T22:13:30Z'}}]")
    assert run.now == T0 + 10 * S
    past = play("steps: [{name: w, uses: wait.until, with: {time: '2020-01-01T00:00:00Z'}}]")
    assert (past.now, past.end) == (T0, ("succeeded", None))


@pytest.mark.parametrize(
    "given",
    [
        "uses: wait.duration, with: {duration: 5}",
        "uses: wait.until, with: {time: soon}",
        "uses: wait.duration, with: {for: 5s, x: 1}",
        "uses: event.emit, with: {data: 1}",
    ],
)
def test_wrong_inputs_of_the_engines_own_actions_fail_the_step(given):
    run = play(f"steps: [{{name: w, {given}}}]")
    assert run.entries[-2].error.code == "inputs"


WAIT = """
steps:
  - {name: w, uses: wait.event, with: {event: deploy.done, CONFIG}, conditions: {timeout: t}}
  - {name: z, uses: t.z, with: {said: '${{ steps.w.outputs.event.data.x }}'}}
  - {name: t, uses: t.t}
inputs: {service: {default: shop}}
"""


def waiting(config="timeout: 10s", **more):
    return Play(workflow(WAIT.replace("CONFIG", config)), **more).go(jump=False)


def arrive(run, id_="e1", *, path="w", visit=1, arrival=1, at=None, subject=None, x=1):
    body = msgspec.json.decode(event(id_, "deploy.done", data={"x": x}, subject=subject).encode())
    where = {"path": path, "visit": visit}
    return run.tell(
        "arrival",
        wait=where,
        event=body,
        ref={"partition": 0, "offset": 7},
        arrival=arrival,
        at=run.now if at is None else at,
    )


def effects(run):
    return [entry.effect for entry in run.entries if isinstance(entry, Heard)]


def test_a_wait_is_registered_with_its_key_since_the_runs_own_event():
    run = waiting("timeout: 10s, lookback: 1m, filter: 'event.subject == inputs.service && event.data.x > 0'")
    [wait] = run.waits.values()
    assert (wait.kind, wait.selector, wait.key, wait.since, wait.deadline) == (
        "event",
        "w",
        "shop",
        T0 - 60 * S,
        T0 + 10 * S,
    )


def test_the_oldest_of_the_runs_events_counts():
    events = [copy_of(event("one"), T0 - 5 * S), copy_of(event("two"), T0 - 9 * S)]
    [wait] = waiting(events=events).waits.values()
    assert wait.since == T0 - 9 * S


def test_an_arrival_ends_the_wait_and_its_event_is_the_output():
    run = arrive(waiting(), x=42).go()
    assert run.path == ["w", "z"]
    assert run.calls[-1][-1] == {"said": 42}
    assert not run.waits


def test_no_arrival_in_time_is_a_timeout():
    run = waiting().go()
    assert run.path == ["w%", "t"]
    assert run.now > T0 + 10 * S


def test_without_a_timeout_it_waits_for_ever():
    run = waiting("lookback: 1s").later("1000h").go()
    assert run.progress.status == "waiting"
    assert run.progress.wake_at is None


def test_the_timeout_waits_for_every_partition():
    run = waiting().later("1m")
    run.frontier = Frontier({CONTROL: T0 + 60 * S, 0: T0 + 60 * S, 1: T0 + 10 * S})
    assert run.go(jump=False).course.finished is None
    run.frontier = Frontier({CONTROL: T0 + 60 * S, 0: T0 + 60 * S, 1: T0 + 10 * S + 1})
    assert run.go(jump=False).path == ["w%", "t"]


@pytest.mark.parametrize(("at", "path"), [(T0 + 10 * S, ["w", "z"]), (T0 + 10 * S + 1, ["w%", "t"])])
def test_the_log_time_of_an_arrival_decides(at, path):
    run = arrive(waiting().later("1h"), at=at).go()
    assert run.path == path


def test_a_whole_filter_is_asked_again_and_one_that_fails_takes_nothing():
    config = "timeout: 10s, filter: 'event.subject == inputs.service && event.data.x > size(inputs.service)'"
    run = waiting(config)
    arrive(run, "e1", arrival=1, subject="shop", x=1)
    arrive(run, "e2", arrival=2, subject="shop", x="text")
    arrive(run, "e3", arrival=3, subject="shop", x=9).go()
    assert effects(run) == ["passed", "passed", "taken"]
    assert run.calls[-1][-1] == {"said": 9}


def test_a_key_of_the_wait_must_be_the_runs_key():
    run = waiting("timeout: 10s, key: event.subject", key="blue")
    arrive(run, arrival=1, subject="green", x=1)
    arrive(run, arrival=2, subject="blue", x=2).go()
    assert run.calls[-1][-1] == {"said": 2}


def test_each_step_takes_an_arrival_once_and_a_later_visit_sees_only_later_ones():
    text = WAIT.replace("CONFIG", "timeout: 10s").replace("name: w,", "name: w, max_visits: 2,")
    text = text.replace("name: z, uses: t.z", "name: z, uses: t.z, conditions: {failure: w}")
    run = Play(workflow(text), {"z": [bad(), ok()]}).go(jump=False)
    arrive(run, arrival=5).go(jump=False)
    [wait] = run.waits.values()
    assert (wait.visit, wait.after) == (2, 5)
    arrive(run, arrival=5, visit=2).go(jump=False)
    assert effects(run) == ["taken", "passed"]


def test_an_arrival_for_a_wait_that_is_over_is_void():
    text = "steps: [{name: w, uses: wait.event, with: {event: x}}, {name: z, uses: t.z}]"
    run = Play(workflow(text), {"z": "hangs"}).go()
    arrive(run)
    run.go()
    arrive(run, "e2", arrival=2)
    run.go()
    assert effects(run) == ["taken", "void"]


def test_an_arrival_for_an_earlier_visit_is_not_this_ones():
    text = WAIT.replace("CONFIG", "timeout: 10s").replace("name: w,", "name: w, max_visits: 2,")
    text = text.replace("name: z, uses: t.z", "name: z, uses: t.z, conditions: {failure: w}")
    run = Play(workflow(text), {"z": [bad(), ok()]}).go(jump=False)
    arrive(run, "e1", arrival=5).go(jump=False)
    arrive(run, "e2", arrival=6, visit=1).go(jump=False)
    assert effects(run) == ["taken", "void"]
    assert run.course.open["w"].number == 2


def test_outputs_of_a_wait_are_reduced():
    run = waiting("timeout: 10s}, outputs: {v: result.event.data.x")
    arrive(run, x=7).go()
    assert run.views["w"]["outputs"] == {"v": 7}


def test_emit_says_an_event_exactly_once_with_chain_and_hops():
    text = "steps: [{name: e, uses: event.emit, with: {type: order.paid, subject: '${{ run.key2 }}', data: {n: 1}}}]"
    run = play(text.replace("${{ run.key2 }}", "s"), chain=("up/one",), hops=1)
    [line] = run.outbox
    said = decode(line)
    assert (said.id, said.source, said.type, said.subject, said.data) == (
        "run_x/e/1",
        "eventflow",
        "order.paid",
        "s",
        {"n": 1},
    )
    assert said.extensions == {"eventflowchain": "up/one,test/one", "eventflowhops": 2}
    [ended] = [entry for entry in run.entries if isinstance(entry, Ended)]
    assert ended.outputs["id"] == said.id


@pytest.mark.parametrize("type_", ["eventflow.run.finished", "detector.raised", "eventflow"])
def test_reserved_names_are_refused(type_):
    run = play(f"steps: [{{name: e, uses: event.emit, with: {{type: {type_}}}}}]")
    assert run.outbox == []
    assert run.entries[-2].error.code == "reserved"


def test_an_emit_that_was_written_is_not_said_again_after_a_crash():
    run = Play(
        workflow("steps: [{name: e, uses: event.emit, with: {type: a.b}}, {name: z, uses: t.z}]"), crash_at=[-1]
    ).go()
    assert len(run.outbox) == 1


def test_the_engines_own_actions_take_no_secrets():
    run = play("steps: [{name: e, uses: event.emit, with: {type: a.b, data: '${{ secrets.x }}'}}]")
    assert run.entries[-2].error.code == "secrets"


def test_annotate_keeps_what_it_is_given():
    run = play("steps: [{name: n, uses: run.annotate, with: {text: 'run ${{ run.number }}', more: [1]}}]")
    assert run.views["n"]["outputs"] == {"text": "run 1", "more": [1]}
