"""`execute`, `orchestrate`, `pipeline` against a real server: addresses, flags, types, waiting; and the dry run."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.cli.seat import Seat

GATE = """\
inputs:
  branch: {type: string, required: true}
  tries: {type: integer, default: 1, min: 1}
  dry: {type: boolean, default: false}
  tags: {type: list, default: []}
outputs: {got: "[inputs.branch, string(inputs.tries), string(inputs.dry), string(inputs.tags.size())]"}
triggers:
  - type: event
    config: {event: git.push, inputs: {branch: "${{ event.data.branch }}"}}
steps:
  - name: note
    uses: run.annotate
    with: {branch: "${{ inputs.branch }}"}
"""
ASK = """\
steps:
  - name: wait
    uses: wait.duration
    with: {duration: 1h}
"""
FAILS = """\
steps:
  - name: stop
    type: decision
    config: {cases: [{name: no, when: "true", then: fail}], default: "no"}
"""


@pytest.fixture
def served(seat: Seat) -> Iterator[Seat]:
    folder: Path = seat.place / "workflows"
    for name, text in {"pipelines/cicd/own_gate": GATE, "orchestration/slow/wait": ASK, "fails": FAILS}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.yaml").write_text(text)
    (seat.place / "eventflow.yaml").write_text('listen: {public: "127.0.0.1:0", private: "127.0.0.1:0"}\n')
    seat.serve()
    return seat


def test_inputs_are_flags_and_have_their_types(served: Seat) -> None:
    flags = ("--branch", "main", "--tries=3", "--dry", "--tags", '["a","b"]')
    done = served.run("pipeline", "cicd/own_gate", *flags, "--json")
    assert json.loads(done.stdout)["outputs"]["got"] == ["main", "3", "true", "2"]
    done = served.run("execute", "own_gate", "--input", "branch=x")
    assert "note succeeded" in done.stderr
    assert "succeeded" in done.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("pipeline", "cicd/own_gate", "--brnch", "main"), "did you mean --branch?"),
        (("pipeline", "cicd/own_gate", "--input", "brnch=main"), "did you mean --branch?"),
        (("pipeline", "cicd/own_gate"), "input 'branch' is required"),
        (("pipeline", "cicd/own_gate", "--branch", "a", "--tries", "many"), "must be an integer"),
        (("pipeline", "cicd/own_gate", "--branch", "a", "--tries", "0"), "must be at least 1"),
        (("pipeline", "cicd/own_gate", "--branch"), "--branch needs a value"),
        (("pipeline", "cicd/own_gate", "main"), "an input is written --NAME VALUE"),
        (("pipeline", "cicd/own_gat", "--branch", "a"), "did you mean 'pipelines/cicd/own_gate'?"),
        (("execute", "cicd", "--branch", "a"), "may mean several workflows: pipelines/cicd/"),
    ],
)
def test_what_is_wrong_is_told_and_starts_nothing(served: Seat, words: tuple[str, ...], told: str) -> None:
    done = served.run(*words, ends=2)
    assert told in done.stderr
    assert served.asked("history")["items"] == []


def test_a_run_that_fails_ends_with_1(served: Seat) -> None:
    done = served.run("execute", "fails", ends=1)
    assert "failed (by_target)" in done.stdout
    assert "eventflow explain run_" in done.stdout


def test_who_breaks_off_the_wait_is_told_that_the_run_goes_on(served: Seat) -> None:
    waiting = subprocess.Popen(
        [sys.executable, "-m", "eventflow", "orchestrate", "slow/wait"],
        cwd=served.place, env=served.env, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert waiting.stderr is not None
    assert waiting.stderr.readline().startswith("started run_")
    while not served.asked("history")["items"]:
        time.sleep(0.05)
    waiting.send_signal(signal.SIGINT)
    _, err = waiting.communicate(timeout=20)
    assert waiting.returncode == 130
    assert "the run goes on: eventflow history run_" in err
    [run] = served.asked("history")["items"]
    assert run["status"] == "waiting"


def test_a_stored_event_is_tried_without_starting_anything(served: Seat) -> None:
    served.run("emit", "git.push", "--data", '{"branch": "main"}', "--id", "push-1")
    while not (before := served.asked("history")["items"]):
        time.sleep(0.05)
    done = served.run("test", "own_gate", "--dry-run", "--event", "push-1")
    assert "a run would start" in done.stdout
    assert '"branch": "main"' in done.stdout
    assert "nothing was executed" in done.stdout
    assert len(served.asked("history")["items"]) == len(before)


def test_a_file_is_tried_without_a_server(seat: Seat) -> None:
    (seat.place / "gate.yaml").write_text(GATE + GATE_CALL)
    (seat.place / "push.json").write_text('{"type": "git.push", "data": {"branch": "main"}}')
    done = seat.run("test", "gate.yaml", "--dry-run", "--event", "push.json", "--json")
    told = json.loads(done.stdout)
    assert [one["reason"] for one in told["outcomes"]] == ["fired"]
    [run] = told["runs"]
    build, tell = run["steps"][1:]
    assert build["inputs"] == {"url": "https://ci.example/", "json": {"branch": "main"}}
    assert build["unknown"]
    assert tell["rests_on"] == ["build"]
    known = ("--output", 'build={"n": 7}')
    done = seat.run("test", "gate.yaml", "--dry-run", "--event", "push.json", "--json", *known)
    [run] = json.loads(done.stdout)["runs"]
    assert run["steps"][2]["inputs"]["json"] == {"n": 7}
    assert run["status"] == "succeeded"
    seat.run("test", "gate.yaml", "--dry-run", "--event", "push.json", "--output", "bild={}", ends=2)
    seat.run("test", "gate.yaml", "--dry-run", "--event", "nothing.json", ends=2)
    seat.run("test", "gate.yaml", "--dry-run", ends=2)
    seat.run("test", "gate.yaml", "--dry-run", "--event", "evt_aaaa", ends=3)


GATE_CALL = """\
  - name: build
    uses: http.request
    with: {url: "https://ci.example/", json: {branch: "${{ inputs.branch }}"}}
  - name: tell
    uses: http.request
    with: {url: "https://ci.example/", json: {n: "${{ steps.build.outputs.n }}"}}
"""


def test_nothing_to_run_is_wrong_use(seat: Seat) -> None:
    (seat.place / "workflows").mkdir()
    (seat.place / "workflows" / "fails.yaml").write_text(FAILS)
    assert "there is no test to run" in seat.run("test", ends=2).stderr
    assert "there is no file and no workflow" in seat.run("test", "nothing/like/it", ends=2).stderr
    assert "belong to --dry-run" in seat.run("test", "--event", "x", ends=2).stderr
