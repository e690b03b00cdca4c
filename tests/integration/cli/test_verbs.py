"""The verbs in the hands of a person: a whole afternoon with one project, and what a mistyped word is answered with."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from eventflow.cli.doors import Door
from tests.integration.cli.seat import ANY_PORTS

if TYPE_CHECKING:
    from tests.integration.cli.seat import Seat


def waits(project: Seat) -> str:
    """The run that asks."""
    project.until(lambda: project.asked("status")["approvals"])
    return str(project.asked("status")["approvals"][0]["run"])


def test_an_afternoon(project: Seat) -> None:
    assert "no problems" in project.told("validate")
    project.serve()
    first = project.told("emit", "events/big_order.json")
    assert "accepted 1 event" in first
    assert "order.created  id order-1" in first
    again = project.asked("emit", "events/big_order.json")
    assert (again["accepted"], again["duplicates"]) == (0, 1)
    assert again["events"][0]["handle"] in first

    project.run("emit", "order.created", "--subject", "bob", "--data", '{"total": 5000.0}')
    run = waits(project)
    assert "ship_it|refuse" in project.told("status")
    assert "no case 'ship'; there are: ship_it, refuse" in project.run("approve", run, "ship", ends=2).stderr
    project.run("approve", run, "ship_it", "--comment", "she pays in advance")
    project.until(lambda: project.asked("history", run)["status"] == "succeeded")
    assert "Answer ship_it by local" in project.told("history", run)
    assert "is over" in project.run("approve", run, "ship_it", ends=1).stderr

    again = project.asked("rerun", run)["run"]
    project.until(lambda: project.asked("status")["approvals"])
    assert project.asked("history", again)["rerun_of"] == run
    assert "--all" in project.run("stop", "orders/big_order", ends=2).stderr
    project.run("pause", again, "--comment", "not now")
    project.until(lambda: project.asked("history", again)["status"] == "paused")
    project.run("resume", again)
    project.until(lambda: project.asked("history", again)["status"] == "waiting")
    assert "1 run told" in project.told("stop", "orders/big_order", "--all")
    assert "no workflow 'big_ordre'" in project.run("stop", "big_ordre", "--all", ends=2).stderr
    project.until(lambda: project.asked("history", again)["status"] == "cancelled")
    for verb in ("stop", "pause", "resume"):
        said = f"orders/big_order is a workflow and none of its runs is open; there is nothing to {verb}"
        assert project.told(verb, "big_order").strip() == said
        assert project.asked(verb, "big_order", "--all") == []
    handle = first.split()[3]
    assert f"eventflow explain {handle}" in project.run("stop", handle, ends=2).stderr
    assert "is over: cancelled" in project.run("stop", again, ends=1).stderr
    (project.place / "workflows/orders/big_order.yaml").unlink()
    project.until(lambda: not [one for one in project.asked("status")["workflows"] if not one["ready_made"]])
    assert "orders/big_order is no workflow in force any more; none of its" in project.told("stop", "orders/big_order")
    assert "exclude each other" in project.run("resume", again, "--skip", "--fail", ends=2).stderr

    assert "no dead letters" in project.told("history", "--dead")
    assert project.stop() == 0
    assert "serve.stopping" in project.log()
    assert "no eventflow is running" in project.run("history", ends=3).stderr


def test_explain_tells_what_became_of_it_and_why_not(project: Seat) -> None:
    project.serve()
    project.run("emit", "order.created", "--id", "small", "--subject", "eve", "--data", '{"total": 3.0}')
    assert "filtered: no  event.data.total >= 100.0 is false: event.data.total is 3.0" in project.told(
        "explain", "small"
    )
    project.run("emit", "events/big_order.json")
    project.until(lambda: "succeeded after" in project.told("explain", "order-1"))
    for wrong in ("orders/bigorder", "bigorder"):
        said = project.run("explain", "order-1", "--why-not", wrong, ends=2)
        assert f"no workflow '{wrong}'; did you mean 'orders/big_order'?" in said.stderr
        assert said.stdout == ""
    nothing_like_it = project.run("explain", "order-1", "--why-not", "nosuch", ends=2).stderr
    assert "no workflow 'nosuch'; files are looked for in workflows; 'eventflow status' lists" in nothing_like_it
    assert "orders/big_order / order  fired" in project.told("explain", "order-1", "--why-not", "big_order")
    assert "asks about an event" in project.run("explain", "run_1", "--why-not", "big_order", ends=2).stderr
    broken = project.place / "workflows/orders/broken.yaml"
    broken.write_text((project.place / "workflows/orders/big_order.yaml").read_text().replace("debug.log", "debug.lgo"))
    asked = ("explain", "order-1", "--why-not", "orders/broken")
    project.until(lambda: "not in force" in project.told(*asked, ends=None))
    assert "E211" in project.told("explain", "order-1", "--why-not", "orders/broken")
    missing = project.run("explain", "evt_aaazz", ends=1)
    assert "refused at the door" in missing.stderr


def test_tail_follows_and_ends_cleanly(project: Seat) -> None:
    project.serve()
    project.run("emit", "events/big_order.json")
    with subprocess.Popen(
        [sys.executable, "-m", "eventflow", "tail", "--since", "1h", "--json"], cwd=project.place, env=project.env,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as tail:  # fmt: skip
        assert tail.stdout is not None
        first = json.loads(tail.stdout.readline())
        assert first["event"]["id"] == "order-1"
        assert [one["workflow"] for one in first["outcomes"]] == ["orders/big_order"]
        while json.loads(tail.stdout.readline())["event"]["type"] != "eventflow.run.finished":
            pass
        project.run("emit", "other.thing", "--id", "later")
        assert json.loads(tail.stdout.readline())["event"]["id"] == "later"
        tail.send_signal(signal.SIGINT)
        assert tail.wait(10) == 0
        assert tail.stderr is not None
        assert tail.stderr.read() == ""
    told = project.told("tail", "--since", "1h", "--type", "order.*", "--limit", "1")
    assert "order.created" in told
    assert "orders/big_order / order  fired" in told
    assert "later" not in project.told("tail", "--since", "1h", "--workflow", "orders/big_order", "--limit", "2")
    everything = project.told("tail", "--since", "1h", "--no-follow")
    assert "other.thing" in everything
    assert "succeeded" in everything
    assert "--since 'soon'" in project.run("tail", "--since", "soon", ends=2).stderr


def test_an_event_that_is_sent_again_after_a_restart_is_shown_where_it_lies_now(project: Seat) -> None:
    project.serve()
    [first] = project.asked("emit", "events/big_order.json")["events"]
    project.stop()
    project.serve()
    [again] = project.asked("emit", "events/big_order.json")["events"]
    assert (again["id"], again["source"]) == (first["id"], first["source"])
    assert again["handle"] != first["handle"]
    project.until(lambda: f"came before, as {first['handle']}" in project.told("explain", again["handle"]))


def test_tail_says_when_the_server_goes_away(project: Seat) -> None:
    project.serve()
    project.run("emit", "events/big_order.json")
    with subprocess.Popen(
        [sys.executable, "-m", "eventflow", "tail", "--since", "1h"], cwd=project.place, env=project.env,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as tail:  # fmt: skip
        assert tail.stdout is not None
        tail.stdout.readline()
        project.stop()
        assert tail.wait(40) == 3
        assert tail.stderr is not None
        assert "gone" in tail.stderr.read()


@pytest.mark.parametrize(
    ("words", "ends", "says"),
    [
        (["histroy"], 2, "no verb 'histroy'; did you mean 'history'?"),
        (["--jsn", "history"], 2, "--json"),
        (["history", "--limt", "3"], 2, "--limit"),
        (["token", "crate", "x"], 2, "did you mean 'create'?"),
        (["docs", "E21"], 1, "E210, E211, E212"),
        (["docs", "E999"], 1, "eventflow docs problems"),
        (["docs", "setings"], 1, "did you mean 'settings'?"),
        (["init"], 1, "nothing was written"),
        (["status"], 3, "start one with 'eventflow serve'"),
        (["emit", "gone.json"], 2, "there is no file 'gone.json'"),
        (["emit", "order.created", "--data", "{"], 2, "--data is not JSON"),
        (["completion", "powershell"], 2, "powershell"),
        (["backup", "--check", "."], 1, "is no backup"),
        (["backup", "new"], 1, "there is no data"),
        (["config", "show", "--orign"], 2, "--origin"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_mistyped_is_answered_with_what_was_meant(
    project: Seat, words: list[str], ends: int, says: str
) -> None:
    done = project.run(*words, ends=ends)
    assert says in done.stderr
    assert done.stdout == ""
    as_json = project.run("--json", *words, ends=ends)
    assert as_json.stdout == ""
    error = json.loads(as_json.stderr)["error"]
    assert set(error) == {"code", "message", "advice"}
    assert error["message"]


@pytest.mark.parametrize(
    "words", [["--json", "token", "list"], ["token", "--json", "list"], ["token", "list", "--json"]]
)
def test_the_two_options_stand_before_or_after_the_verb(project: Seat, words: list[str]) -> None:
    assert json.loads(project.told(*words)) == {"items": []}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("EVENTFLOW_LISTN__PUBLIC", "$EVENTFLOW_LISTN__PUBLIC: listn: there is no such setting; did you mean EVENT"),
        ("EVENTFLOW_LISTEN__PUBLC", "did you mean EVENTFLOW_LISTEN__PUBLIC?"),
        ("EVENTFLOW_DATADIR", "did you mean EVENTFLOW_DATA_DIR?"),
    ],
)  # fmt: skip
def test_a_misspelt_variable_is_named(project: Seat, name: str, says: str) -> None:
    assert says in project.run("config", "show", env={name: "x"}, ends=1).stderr


def test_where_values_come_from(project: Seat) -> None:
    shown = project.asked("config", "show", "--origin", env={"EVENTFLOW_LOG__LEVEL": "debug"})
    assert shown["log.level"] == {"value": "debug", "origin": "$EVENTFLOW_LOG__LEVEL"}
    assert shown["listen.public"]["origin"] == "eventflow.yaml:1:18"
    assert shown["listen.tls"]["origin"] == "default"
    changed = project.told("config", "show", "--changed")
    assert changed.splitlines() == ['listen.public: "127.0.0.1:0"', 'listen.private: "127.0.0.1:0"']


def test_a_password_in_the_wrong_place_is_not_shown(project: Seat) -> None:
    file = project.place / "eventflow.yaml"
    config = "{url: 'kafka://joe:hunter2@a/b', sasl: {password: hunter2, username: ann}, list: ['x://y:hunter2@z']}"
    file.write_text(file.read_text() + f"sources: {{a: {{type: kafka, config: {config}}}}}\n")
    for way in ([], ["--json"], ["--changed", "--origin"]):
        shown = project.run("config", "show", *way).stdout
        assert "hunter2" not in shown
        assert "ann" in shown
    refused = project.run("serve", ends=1).stderr
    assert "sources.a.config" in refused
    assert "hunter2" not in refused


def test_an_empty_folder_is_told_at_serve(seat: Seat) -> None:
    (seat.place / "eventflow.yaml").write_text('listen: {public: "127.0.0.1:0", private: "127.0.0.1:0"}\n')
    seat.serve()
    if "serve.no_workflows" not in seat.log():
        assert seat.asked("status")["workflows"], "only with a shipped catalogue is there something without a folder"
    seat.stop()


def test_a_run_that_fails_leaves_a_line(project: Seat) -> None:
    file = project.place / "workflows/orders/big_order.yaml"
    text = file.read_text().replace("uses: debug.log ", "uses: http.request ")
    file.write_text(
        text.replace(
            '{message: "shipping ${{ inputs.total }} to ${{ inputs.customer }}"}', "{url: 'http://127.0.0.1:9/'}"
        )
    )
    project.serve()
    project.run("emit", "events/big_order.json")
    project.until(lambda: "run failed" in project.log())
    [line] = [json.loads(line) for line in project.log().splitlines() if "run failed" in line]
    assert (line["workflow"], line["step"]) == ("orders/big_order", "ship")
    assert "egress" in line["error"]


# --- completion ------------------------------------------------------------------------------------------------------


def completed(project: Seat, words: str, shell: str = "bash") -> list[str]:
    """What a shell would offer."""
    parts = words.split(" ")
    env = {"_EVENTFLOW_COMPLETE": f"{shell}_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(parts) - 1)}
    return project.told(env=env).splitlines()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_lines(project: Seat, shell: str) -> None:
    assert "_EVENTFLOW_COMPLETE" in project.told("completion", shell)


def test_verbs_flags_and_ids_are_completed(project: Seat) -> None:
    assert "plain,history" in completed(project, "eventflow his")
    assert "plain,--why-not" in completed(project, "eventflow explain --why")
    assert completed(project, "eventflow stop ") == [""]
    project.serve()
    emitted = project.asked("emit", "order.created", "--subject", "bob", "--data", '{"total": 5000.0}')
    run = waits(project)
    handle = emitted["events"][0]["handle"]
    assert f"plain,{handle}" in completed(project, "eventflow explain evt_")
    assert f"plain,{run}" in completed(project, "eventflow stop run_")
    assert "plain,orders/big_order" in completed(project, "eventflow stop ord")
    assert f"plain,{run}" in completed(project, "eventflow approve ")
    assert completed(project, f"eventflow approve {run} ") == ["plain,ship_it", "plain,refuse"]


def test_help_is_quick(project: Seat) -> None:
    """No verb is loaded for it."""
    program = "import sys; sys.argv=['eventflow','--help']\nfrom eventflow.cli import main\n"
    program += "try: main()\nexcept SystemExit: pass\n"
    ending = "print(sorted(name for name in sys.modules if name.startswith('eventflow.cli.')))"
    done = subprocess.run([sys.executable, "-c", program + ending], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "['eventflow.cli.failures']"


def test_dead_letters_beyond_the_bound_are_told(project: Seat) -> None:
    (project.place / "eventflow.yaml").write_text(ANY_PORTS + "limits: {dead_letters: 10}\n")
    event = '{"specversion":"1.0","id":"%d","source":"s","type":"order.created","data":{"total":1e999}}'
    project.serve()
    door = Door(str(project.place / "eventflow.yaml"))
    lines = "\n".join(event % n for n in range(14)).encode()
    door.request("POST", "/events", lines, headers={"Content-Type": "application/x-ndjson"})
    project.until(lambda: project.asked("history", "--dead")["beyond"])
    answer = project.asked("history", "--dead")
    assert len(answer["items"]) == 10
    assert [(one["workflow"], one["count"]) for one in answer["beyond"]] == [("", 4)]
    assert "4 more of whole records, from 20" in project.told("history", "--dead")
    assert "dead letters: 4 more of whole records" in project.told("status")
    assert project.asked("status")["dead_beyond"] == answer["beyond"]
    assert "app.dead_letters_limit" in project.log()
