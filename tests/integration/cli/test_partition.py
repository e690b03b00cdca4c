"""A log that was replaced: what a person sees, and going on without what it lost, on purpose and never by accident."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.cli.seat import Seat

ALARM = """
metadata: {name: Lost}
triggers:
  - {id: lost, type: event, config: {event: eventflow.partition.loss_accepted, inputs: {said: "${{ event.data }}"}}}
inputs: {said: {type: object}}
steps:
  - {name: say, uses: debug.log, with: {message: "${{ inputs.said.sentence }}"}}
"""
HELLO = """
metadata: {name: Hello}
triggers: [{id: came, type: event, config: {event: hello}}]
steps: [{name: say, uses: debug.log, with: {message: hello}}]
"""


@pytest.fixture
def halted(seat: Seat) -> Seat:
    """Three events were decided and their log is another one now, in which one more event lies."""
    (seat.place / "workflows").mkdir()
    (seat.place / "workflows/lost.yaml").write_text(ALARM)
    (seat.place / "workflows/hello.yaml").write_text(HELLO)
    (seat.place / "eventflow.yaml").write_text('listen: {public: "127.0.0.1:0", private: "127.0.0.1:0"}\n')
    seat.serve()
    for number in range(3):
        seat.run("emit", "hello", "--data", f'{{"n": {number}}}')
    seat.until(lambda: partition(seat)["position"] == 6)  # each run has said that it is finished
    seat.stop()
    shutil.rmtree(seat.place / ".eventflow/bus")
    seat.serve()
    seat.until(lambda: partition(seat)["halted"])
    seat.run("emit", "hello", "--data", '{"n": 3}')
    return seat


def partition(seat: Seat) -> dict[str, object]:
    found: dict[str, object] = next(one for one in seat.asked("partition", "list")["items"] if one["name"] == "0")
    return found


def runs(seat: Seat, workflow: str) -> list[object]:
    return list(seat.asked("history", "--workflow", workflow)["items"])


def test_it_says_what_is_lost_and_goes_on_when_the_number_is_named(halted: Seat) -> None:
    assert "not ready: router: partition 0 stands at 6, and its log holds" in halted.told("status")
    assert halted.asked("status")["health"]["ready"] is False
    listed = halted.told("partition", "list")
    assert "0        holds 0 to 1; stands still" in listed
    assert "to go on without: eventflow partition accept-loss 0" in listed
    said = halted.told("partition", "accept-loss", "0", "--lost", "unknown", "--comment", "the disk died")
    assert said.startswith("accepted: it goes on at 0 with the memory it has, 1 record to decide")
    halted.until(lambda: len(runs(halted, "hello")) == 4)
    halted.until(lambda: halted.asked("status")["health"]["ready"])
    halted.until(lambda: runs(halted, "lost"))
    (letter,) = halted.asked("history", "--dead")["items"]
    for part in ("partition 0 stands at 6", "local accepted this (the disk died)", "it goes on at 0"):
        assert part in letter["error"]
    assert letter["error"] in halted.told("partition", "list")
    assert letter["error"] in halted.run("explain", letter["event"], ends=1).stderr


def test_what_follows_a_replaced_log_is_not_told_the_old_log_s_story(halted: Seat) -> None:
    """The new record lies at the offset of an old one; its run is its own."""
    halted.run("partition", "accept-loss", "0", "--lost", "unknown")
    halted.until(lambda: len(runs(halted, "hello")) == 4)
    newest, *_, oldest = runs(halted, "hello")
    assert newest["event_ids"] == oldest["event_ids"]  # type: ignore[index]
    found = halted.asked("explain", newest["event_ids"][0])  # type: ignore[index]
    assert [run["id"] for run in found["runs"]] == [newest["id"]]  # type: ignore[index]


def test_nobody_goes_on_by_accident(halted: Seat) -> None:
    before = partition(halted)
    asked = halted.run("partition", "accept-loss", "0", ends=2).stderr
    assert "nobody can tell" in asked
    assert "eventflow partition accept-loss 0 --lost unknown" in asked
    wrong = halted.run("partition", "accept-loss", "0", "--lost", "3", ends=2).stderr
    assert "'3' is not what is lost (unknown), so nothing was accepted" in wrong
    fine = halted.run("partition", "accept-loss", "control", "--lost", "0", ends=2).stderr
    assert "partition control goes on, and has lost nothing" in fine
    none = halted.run("partition", "accept-loss", "7", "--lost", "0", ends=2).stderr
    assert "there is no partition '7'; there are: control, 0" in none
    assert partition(halted) == before


def test_without_a_server(seat: Seat) -> None:
    assert "no eventflow is running" in seat.run("partition", "list", ends=3).stderr


@pytest.mark.parametrize(("failpoint", "is_done"), [("loss.before", False), ("loss.after", True)])
def test_killed_while_it_is_accepted_it_stands_still_or_goes_on(halted: Seat, failpoint: str, is_done: bool) -> None:
    halted.stop()
    halted.serve(EVENTFLOW_FAILPOINT=failpoint)
    halted.until(lambda: partition(halted)["halted"])
    assert "does not answer" in halted.run("partition", "accept-loss", "0", "--lost", "unknown", ends=3).stderr
    halted.server.wait()  # type: ignore[union-attr]
    halted.serve()
    halted.until(lambda: partition(halted)["position"] >= 1 if is_done else partition(halted)["halted"])
    assert len(halted.asked("history", "--dead")["items"]) == is_done
    if not is_done:
        halted.run("partition", "accept-loss", "0", "--lost", "unknown")
    halted.until(lambda: len(runs(halted, "hello")) == 4 and runs(halted, "lost"))
    assert len(runs(halted, "lost")) == 1
