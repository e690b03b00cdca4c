"""`eventflow validate`: what it looks at, how it answers, and what it says of a reload."""

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from eventflow import Eventflow, settings
from eventflow.app.documents import gather
from eventflow.cli import group

WRONG = "steps:\n  - name: a\n    uses: http.request\n    with: {ulr: https://example.org}\n"
RIGHT = """
triggers:
  - {id: push, type: event, config: {event: git.push, cooldown: 5m}}
  - {id: nightly, type: schedule, config: {every: 1h}}
"""
STEPS = "steps:\n  - {name: a, uses: wait.duration, with: {duration: 1h}}\n"
RIGHT += STEPS


def validate(*args, code=0):
    told = CliRunner().invoke(group, ["validate", *map(str, args)])
    assert told.exit_code == code, told.output
    return told.output


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A project: a settings file, a folder of workflows, one of detectors."""
    monkeypatch.chdir(tmp_path)
    Path("eventflow.yaml").write_text("workflows: [workflows]\ndetectors: [detectors]\ndata_dir: data\n")
    for folder in ("workflows/deploy", "detectors"):
        Path(folder).mkdir(parents=True)
    return tmp_path


def put(path, text):
    Path(path).write_text(text)


def test_the_folders_of_the_settings(home):
    put("workflows/good.yaml", RIGHT)
    put("workflows/deploy/wrong.yaml", WRONG)
    put("detectors/odd.yaml", "detector: {type: treshold}\n")
    output = validate(code=1)
    lines = [line for line in output.splitlines() if not line.startswith("  ")]
    assert lines[0].startswith("detectors/odd.yaml:1:18  E210 unknown-detector  no detector type 'treshold'")
    assert lines[1] == (
        "workflows/deploy/wrong.yaml:4:12  E201 unknown-key  http.request takes no 'ulr'; did you mean 'url'?"
    )
    assert lines[-1].endswith("2 errors")


async def test_the_running_house_and_the_verb_say_the_same(home):
    put("workflows/good.yaml", RIGHT)
    put("workflows/wrong.yaml", WRONG)
    put("workflows/caller.yaml", "steps: [{name: a, uses: workflow.run, with: {workflow: good, inputs: {x: 1}}}]\n")
    async with Eventflow(settings.load(), doors=False) as flow:
        told = {str(problem) for problem in flow.workflows.problems}
        assert "good" in flow.catalogue.workflows
        assert "wrong" not in flow.catalogue.workflows
        assert "caller" not in flow.catalogue.workflows
    said = {str(problem) for problem in gather(settings.load(), []).problems}
    assert said <= told
    assert {problem.partition(":")[0] for problem in said} == {"workflows/caller.yaml", "workflows/wrong.yaml"}


def test_single_files_and_folders_workflows_and_detectors_as_they_come(home):
    put("workflows/deploy/one.yaml", "metadata: {category: pipeline}\n" + RIGHT)
    put("detectors/level.yaml", "detector: {type: threshold, config: {above: 5}}\n")
    assert validate("workflows/deploy/one.yaml") == "1 document: no problems\n"
    assert validate("workflows", "detectors/level.yaml") == "2 documents: no problems\n"
    put("workflows/deploy/two.yaml", "steps: [{name: a, uses: workflow.run, with: {workflow: deploy/one}}]\n")
    assert validate("workflows/deploy/two.yaml") == "1 document: no problems\n"


def test_what_a_workflow_starts_is_looked_up_beside_it(home):
    put("workflows/deploy/canary.yaml", "inputs: {to: {required: true}, count: {type: integer}}\n" + STEPS)
    text = "steps:\n  - name: a\n    uses: workflow.run\n    with: {workflow: %s, inputs: {%s}}\n"
    for name, inputs, wanted in (
        (
            "deploy/canray",
            "",
            "4:22  W234 unknown-workflow  workflow.run starts 'deploy/canray', which is not there; did you",
        ),
        (
            "deploy/canary",
            "to: x, cuont: 1",
            "4:53  E216 unknown-input  workflow 'deploy/canary' has no input 'cuont'; did",
        ),
        (
            "deploy/canary",
            "to: x, count: many",
            "4:60  E224 input-value  input 'count': 'many' is a text, the input is of",
        ),
        ("deploy/canary", "", "4:22  E225 input-missing  workflow 'deploy/canary' needs the input 'to'"),
    ):
        put("workflows/caller.yaml", text % (name, inputs))
        for where in ("workflows/caller.yaml", "workflows"):
            assert f"workflows/caller.yaml:{wanted}" in validate(where, code=0 if "W234" in wanted else 1)
    put("workflows/caller.yaml", text % ("deploy/canary", 'to: "${{ event.id }}", count: 1'))
    assert validate() == "2 documents: no problems\n"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["nowhere"], "there is no file or folder nowhere"),
        (["detectors"], "there is no document in detectors"),
        (["--format", "xml"], "Invalid value for '--format'"),
        (["--diff", "--format", "sarif"], "SARIF has no place for --diff"),
    ],
)
def test_wrong_use_is_two(home, args, said, capsys, monkeypatch):
    from eventflow.cli import main

    monkeypatch.setattr("sys.argv", ["eventflow", "validate", *args, "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    body = json.loads(capsys.readouterr().err)["error"]
    assert said in body["message"] + body["advice"]


def test_a_project_without_its_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = CliRunner().invoke(group, ["validate"])
    assert "there is no folder" in str(told.exception)
    assert told.exception.exit_code == 2


def test_json_and_the_lines_are_the_same(home):
    put("workflows/wrong.yaml", WRONG)
    body = json.loads(validate("--json", code=1))
    assert body["documents"] == 1
    assert {"file": "workflows/wrong.yaml", "line": 4, "column": 12, "code": "E201", "severity": "error"}.items() <= (
        body["problems"][0].items()
    )
    assert json.loads(validate("--format", "json", code=1)) == body


def test_sarif_has_what_the_standard_wants(home):
    put("workflows/wrong.yaml", WRONG)
    put("workflows/with space.yaml", "metadata: {id: spaced}\n" + WRONG)
    log = json.loads(validate("--format", "sarif", code=1))
    assert (log["version"], len(log["runs"])) == ("2.1.0", 1)
    run = log["runs"][0]
    driver = run["tool"]["driver"]
    assert driver["name"] == "eventflow"
    assert run["columnKind"] == "unicodeCodePoints"
    assert [rule["id"] for rule in driver["rules"]] == ["E201"]
    assert driver["rules"][0]["helpUri"].startswith("urn:")
    for result in run["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in {"error", "warning", "note"}
        assert "did you mean 'url'?" in result["message"]["text"]
        region = result["locations"][0]["physicalLocation"]["region"]
        assert min(region["startLine"], region["startColumn"]) >= 1
    uris = {result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in run["results"]}
    assert uris == {"workflows/wrong.yaml", "workflows/with%20space.yaml"}


async def test_diff_says_what_a_reload_then_does(home):
    for name in ("stays", "edited", "noted", "gone"):
        put(f"workflows/{name}.yaml", RIGHT)
    assert "nothing has been in force here yet" in validate("--diff")
    async with Eventflow(settings.load(), doors=False) as flow:
        await flow.ready()
        await flow.emit(flow.event("git.push"))
        async with asyncio.timeout(30):
            while len(runs := await flow.store.runs(10)) < 4:
                await asyncio.sleep(0.02)
        put("workflows/edited.yaml", RIGHT.replace("git.push", "git.tag"))
        put("workflows/noted.yaml", RIGHT.replace("cooldown: 5m", "cooldown: 9m"))
        put("workflows/new.yaml", RIGHT)
        put("workflows/stays2.yaml", WRONG)
        Path("workflows/gone.yaml").unlink()
        while_it_runs = validate("--diff", "--json", code=1)
    changes = {one["workflow"]: one for one in json.loads(while_it_runs)["diff"]["changes"]}
    assert {name: one["change"] for name, one in changes.items()} == {
        "edited": "changed", "gone": "removed", "new": "new", "noted": "changed", "stays2": "held",
    }  # fmt: skip
    becomes = {one["id"]: (one["becomes"], one["because"]) for one in changes["edited"]["triggers"]}
    assert becomes == {"push": ("reset", ["event"]), "nightly": ("kept", [])}
    assert {one["becomes"] for one in changes["noted"]["triggers"]} == {"kept"}
    by_workflow = {run.workflow: run.id for run in runs}
    assert changes["gone"]["runs"] == [by_workflow["gone"]]
    assert changes["edited"]["runs"] == [by_workflow["edited"]]
    afterwards = validate("--diff", code=1)
    assert "trigger push starts with a new state: its event changed" in afterwards
    assert "trigger nightly keeps its state" in afterwards
    assert f"open runs go on as they began: {by_workflow['gone']}" in afterwards
    only = json.loads(validate("--diff", "--json", "workflows/edited.yaml"))["diff"]
    assert [one["workflow"] for one in only["changes"]] == ["edited"]
    assert only["changes"][0] == changes["edited"]


SHELL = "steps: [{name: a, uses: shell.run, with: {argv: [%s, status]}}]\n"


@pytest.mark.parametrize(
    ("allow", "program", "says"),
    [
        ("shell: {allow: [git]}", "gti", "did you mean 'git'?"),
        ("shell: {allow: [git]}", "rm", "add 'rm' to shell.allow in the settings"),
        ("", "rm", "add 'rm' to shell.allow in the settings"),
        ("shell: {allow: [git]}", "git", None),
        ("shell: {allow: [/opt/tools/git]}", "git", None),
        ("shell: {allow: [git]}", "/opt/tools/git", "add '/opt/tools/git' to shell.allow"),
    ],
)
def test_a_program_that_the_settings_do_not_allow(home, allow, program, says):
    put("eventflow.yaml", f"detectors: [detectors]\n{allow}\n")
    put("workflows/deploy/calls.yaml", SHELL % program)
    output = validate()
    told = f"workflows/deploy/calls.yaml:1:50  W411 program-not-allowed  the settings do not let '{program}' be started"
    assert (told in output) == (says is not None)
    assert (says or "no problems") in output


def test_without_settings_no_program_is_missed(home):
    Path("eventflow.yaml").unlink()
    put("workflows/deploy/calls.yaml", SHELL % "rm")
    assert "no problems" in validate()


async def test_a_ready_made_workflow_may_name_programs_that_nobody_allows(home):
    put("workflows/deploy/calls.yaml", SHELL % "rm")
    put("eventflow.yaml", "detectors: [detectors]\nlisten: {public: '127.0.0.1:0', private: '127.0.0.1:0'}\n")
    async with Eventflow(settings.load("eventflow.yaml", {})) as flow:
        told = [one.file for one in flow.workflows.problems if one.code == "W411"]
    assert told == ["workflows/deploy/calls.yaml"]
