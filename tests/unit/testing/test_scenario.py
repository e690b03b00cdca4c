"""The runner of `tests:`: what must fail fails, once for each kind of expectation, and says why, with its place."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from eventflow import settings
from eventflow.testing.scenario.junit import report
from eventflow.testing.scenario.suite import Rehearsed, Result, Suite, text

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENT = """\
metadata: {name: "Orders", version: "1"}
inputs:
  total: {type: integer, required: true}
outputs: {sent: steps.send.outputs.n}
triggers:
  - id: big
    type: event
    config:
      event: order.made
      filter: event.data.total > 10
      key: event.data.shop
      cooldown: 10m
      inputs: {total: "${{ event.data.total }}"}
  - id: daily
    type: schedule
    config: {cron: "0 12 * * *", timezone: UTC, inputs: {total: 0}}
steps:
  - name: send
    uses: http.request
    with: {method: POST, url: "https://x.example/", json: {total: "${{ inputs.total }}"}}
    outputs: {n: result.json.n}
    timeout: 5s
    retry: {max_attempts: 3, backoff: fixed, initial: 10s, jitter: false}
  - name: ask
    type: decision
    config:
      by: human
      ask: {title: "Really ${{ steps.send.outputs.n }}?"}
      approvers: {users: [ann, bob]}
      timeout: 1h
      cases: [{name: go, then: note}, {name: stop, then: fail}]
      default: stop
  - name: note
    uses: event.emit
    with: {type: order.sent, data: {n: "${{ steps.send.outputs.n }}"}}
tests:
  - name: it
    given:
      events:
        - {type: order.made, data: {total: 20, shop: a}}
        - {type: order.made, at: +5m, data: {total: 30, shop: a}}
        - {type: order.made, at: +6m, data: {total: 5, shop: a}}
    mock:
      send: [{error: {code: "503"}}, {result: {json: {n: 7}}}]
      ask: {case: go, by: ann, after: 30m}
    expect:
"""
RIGHT = """\
      fires: 1
      stages: [started, cooldown, filtered]
      stage: filtered
      trigger: big
      key: a
      at: +0s
      inputs: {total: 20}
      path: [send, ask, note]
      steps: {send: {status: success, attempts: 2, outputs: {n: 7}}, ask: success}
      calls: {send: 2, ask: {at: +10s, with: {title: "Really 7?"}}}
      decisions: {ask: {case: go, by: human, who: ann}}
      outcome: succeeded
      outputs: {sent: 7}
      emitted: [{type: order.sent, data: {n: 7}}]
      runs: [{path: [send, ask, note]}]
"""


def run(document: str, tmp_path: Path, word: str = "") -> Rehearsed:
    file = tmp_path / "orders.yaml"
    file.write_text(document)
    return Suite(settings.given({"workflows": [str(tmp_path)]})).run(file, "orders", word)


def one(document: str, tmp_path: Path) -> Result:
    done = run(document, tmp_path)
    assert done.problems == ()
    [result] = done.results
    return result


def test_what_is_right_passes(tmp_path):
    result = one(DOCUMENT + RIGHT, tmp_path)
    assert result.passed, "\n".join(text(result))


WRONG = {
    "fires: 2": ["fires", "2 runs", "1 run"],
    "fires: false": ["fires", "no run", "1 run: big at +0s"],
    "fires: 0": ["fires", "0 runs", "1 run"],
    "stage: cooldown": ["stage", "cooldown", "filtered", "event.data.total is 5"],
    "stages: [started, started, filtered]": ["stages, event 2", "started", "cooldown", "fired 5m before"],
    "trigger: daily": ["trigger", "daily", "big"],
    "key: b": ["key", "b", "a"],
    "at: +1m": ["at", "+1m", "+0s"],
    "inputs: {total: 21}": ["inputs.total", "21", "20"],
    "path: [send, note]": ["path", "send → note", "send → ask → note", "expected note, found ask"],
    "path: [send, ask, note, send]": ["path", "from place 4 on", "found the end"],
    "steps: {ask: failure}": ["steps.ask.status", "failure", "success"],
    "steps: {send: {attempts: 1}}": ["steps.send.attempts", "1", "2"],
    "steps: {send: {error: '503'}}": ["steps.send.error", "503", "none"],
    "steps: {send: {outputs: {n: 8}}}": ["steps.send.outputs.n", "8", "7"],
    "steps: {send: {outputs: {m: 7}}}": ["steps.send.outputs.m", "there are: n"],
    "calls: {send: 1}": ["calls.send", "1 call", "2", "http.request"],
    "calls: {send: [{with: {json: {total: 20}}}, {with: {json: {total: 1}}}]}": ["calls.send[1].with.json.total"],
    "calls: {ask: {at: +1m}}": ["calls.ask.at", "+1m", "+10s"],
    "calls: {ask: {with: {title: 'Really 8?'}}}": ["calls.ask.with.title", "Really 8?", "Really 7?"],
    "decisions: {ask: stop}": ["decisions.ask.case", "stop", "go"],
    "decisions: {ask: {by: timeout}}": ["decisions.ask.by", "timeout", "human"],
    "decisions: {ask: {who: [ann, bob]}}": ["decisions.ask.who", '["ann","bob"]', '["ann"]'],
    "outcome: failed": ["outcome", "failed", "succeeded"],
    "reason: handled": ["reason", "handled", "None"],
    "outputs: {sent: 8}": ["outputs.sent", "8", "7"],
    "emitted: []": ["emitted", "0 events", "1: order.sent"],
    "emitted: [{type: order.sent, data: {n: 8}}]": ["emitted[0].data.n", "8", "7"],
    "emitted: [{subject: x}]": ["emitted[0].subject", "x"],
    "runs: []": ["runs", "0 runs", "1: big at +0s"],
    "runs: [{outcome: failed}]": ["outcome of run 1", "failed", "succeeded"],
    "runs: [{}, {}]": ["runs", "2 runs", "filtered"],
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_fails_at_its_place_and_says_why(tmp_path, wrong):
    result = one(f"{DOCUMENT}      {wrong}\n", tmp_path)
    assert not result.passed
    assert not result.error
    said = "\n".join(text(result))
    for word in WRONG[wrong]:
        assert word in said
    last = len(DOCUMENT.splitlines()) + 1
    assert {difference.line for difference in result.differences} == {last}
    assert all(difference.column > 6 for difference in result.differences)
    assert "what happened" in said


OTHER = """
a failure for good
send: {error: {code: "404", message: gone}}
outcome: failed (step_failed), steps: {send: {status: failure, attempts: 1, error: "404"}}

a failure until tries are used up
send: {error: {code: "500"}}
outcome: failed, steps: {send: {attempts: 3}}

too long
send: {takes: 6s}
steps: {send: {status: timeout, attempts: 3}}

not too long
send: {takes: 4s, outputs: {n: 1}}
steps: {send: success}, calls: {ask: {at: +4s}}

a timeout
send: {status: timeout}
steps: {send: {status: timeout, error: timeout}}

nobody answers
send: {outputs: {n: 1}}
outcome: failed (by_target), decisions: {ask: {case: stop, by: timeout}}

an answer too late
send: {outputs: {n: 1}}, ask: {case: go, by: ann, after: 61m}
decisions: {ask: {by: timeout}}

an answer of somebody else
send: {outputs: {n: 1}}, ask: {case: go, by: eve}
decisions: {ask: {by: timeout}}

an answer after one that did not count
send: {outputs: {n: 1}}, ask: [{case: go, by: eve}, {case: stop, by: bob, after: 1m}]
decisions: {ask: {case: stop, who: bob}}
"""


@pytest.mark.parametrize("case", OTHER.strip().split("\n\n"))
def test_what_steps_give_and_people_say(tmp_path, case):
    _, mock, expect = case.splitlines()
    head = DOCUMENT[: DOCUMENT.index("tests:")]
    tests = (
        f"tests:\n  - name: it\n    given: {{inputs: {{total: 20}}}}\n    mock: {{{mock}}}\n    expect: {{{expect}}}\n"
    )
    result = one(head + tests, tmp_path)
    assert result.passed, "\n".join(text(result))


def test_inputs_are_checked_by_the_real_action(tmp_path):
    document = (DOCUMENT + "      outcome: failed\n").replace("method: POST", "method: \"${{ 'BREW' }}\"")
    result = one(document, tmp_path)
    assert result.passed
    result = one(document.replace("outcome: failed", "outcome: succeeded"), tmp_path)
    assert "does not take these inputs: method" in "\n".join(text(result))


def test_the_clock_runs_over_days_and_schedules(tmp_path):
    head = DOCUMENT[: DOCUMENT.index("tests:")]
    tests = "tests:\n  - {name: it, given: {until: +30d}, expect: {fires: 30, trigger: daily}}\n"
    result = one(head + tests, tmp_path)
    assert result.passed, "\n".join(text(result))


def test_runs_are_the_same_every_time(tmp_path):
    stories = {one(DOCUMENT + "      outcome: failed\n", tmp_path).story for _ in range(3)}
    assert len(stories) == 1


def test_a_test_needs_no_loop_of_its_own_and_leaves_none(tmp_path):
    async def inside() -> None:
        await asyncio.sleep(0)

    one(DOCUMENT + RIGHT, tmp_path)
    asyncio.run(inside())


def test_only_tests_with_the_words_are_run(tmp_path):
    assert run(DOCUMENT + RIGHT, tmp_path, "nothing like it").results == ()
    assert len(run(DOCUMENT + RIGHT, tmp_path, "ORDERS it").results) == 1


MISTAKES = {
    "mock: {sned: {outputs: {}}}\n    expect: {fires: true}": "there is no step 'sned'; did you mean 'send'?",
    "mock: {note: {outputs: {}}}\n    expect: {fires: true}": "done by the engine itself",
    "mock: {send: {case: go}}\n    expect: {fires: true}": "'case' belongs to a question to people",
    "mock: {send: {outputs: {n: 1}, status: failure}}\n    expect: {fires: true}": "gives no outputs",
    "mock: {ask: {outputs: {n: 1}}}\n    expect: {fires: true}": "asks a person, who gives no 'outputs'",
    "mock: {ask: {case: gone}}\n    expect: {fires: true}": "'ask' has no case 'gone'",
    "expect: {}": "nothing is expected",
    "expect: {fires: many}": "true, false, or how many runs",
    "expect: {outcome: sucseeded}": "did you mean 'succeeded'?",
    "expect: {outcome: failed (handeld)}": "is no reason of a run",
    "expect: {steps: {sned: success}}": "did you mean 'send'?",
    "expect: {calls: {sned: 1}}": "did you mean 'send'?",
    "expect: {decisions: {send: go}}": "step 'send' is no decision",
    "expect: {trigger: bgi}": "there is no trigger 'bgi'; did you mean 'big'?",
    "expect: {inputs: {totl: 1}}": "the workflow has no input 'totl'",
    "expect: {stages: [started, started]}": "2 stages for 1 events",
    "expect: {runs: [{outcom: failed}]}": "did you mean 'outcome'?",
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_a_test_is_a_problem_with_its_place(tmp_path, mistake):
    head = DOCUMENT[: DOCUMENT.index("tests:")]
    event = "{type: order.made, data: {total: 20, shop: a}}"
    done = run(f"{head}tests:\n  - name: it\n    given: {{events: [{event}]}}\n    {mistake}\n", tmp_path)
    assert done.results == ()
    assert any(MISTAKES[mistake] in str(problem) for problem in done.problems), done.problems
    assert all(problem.line > len(head.splitlines()) for problem in done.problems)


def test_a_child_gives_what_its_mock_says(tmp_path):
    (tmp_path / "child.yaml").write_text(
        "inputs: {n: {type: integer, required: true}}\noutputs: {twice: inputs.n * 2}\n"
        "steps: [{name: work, uses: http.request, with: {url: 'https://x.example/'}}]\n"
    )
    parent = """\
steps:
  - name: start
    uses: workflow.run
    with: {workflow: child, inputs: {n: 4}}
    conditions: {failure: after}
  - name: after
    uses: run.annotate
    with: {got: "${{ get(steps.start.outputs, 'twice', 0) }}"}
tests:
  - {name: real, given: {inputs: {}}, expect: {outcome: succeeded, steps: {start: {outputs: {twice: 8}}}}}
  - name: mocked
    given: {inputs: {}}
    mock: {start: {outputs: {twice: 9}}}
    expect: {steps: {start: {outputs: {twice: 9}}}}
  - name: fails
    given: {inputs: {}}
    mock: {start: {status: failure}}
    expect: {outcome: failed (handled), path: [start, after]}
"""
    results = run(parent, tmp_path).results
    assert [result.name for result in results if not result.passed] == [], [line for r in results for line in text(r)]


def test_junit_tells_the_same(tmp_path):
    texts = (DOCUMENT + RIGHT, DOCUMENT + "      fires: 2\n", "steps: 1")
    documents = [run(document, tmp_path) for document in texts]
    root = ET.fromstring(report(documents))
    counted = [(s.get("tests"), s.get("failures"), s.get("errors")) for s in root]
    assert counted == [("1", "0", "0"), ("1", "1", "0"), ("1", "0", "1")]
    [failure] = root.iter("failure")
    assert "expected 2 runs, found 1 run" in (failure.get("message") or "")
