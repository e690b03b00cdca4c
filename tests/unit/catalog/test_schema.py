"""The JSON Schema for editors takes every document that the catalogue takes, and refuses gross mistakes."""

import json
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner

from eventflow import settings
from eventflow.app.known import action_names, known, wants
from eventflow.catalog import check, schema
from eventflow.catalog.document import Document
from eventflow.catalog.reading import decode, read
from eventflow.cli import group

ROOT = Path(__file__).parents[3]
FIXTURES = ROOT / "tests/fixtures/documents"
SHAPED = {"E200", "E201", "E202", "E203", "E204", "E205"}
BEYOND = {
    "cron_six_fields", "huge_number", "join_too_many", "metric_unknown", "trained_without_warmup", "merge_key",
    "every_zero", "with_in_fallback", "with_status_word", "with_left_out",
    "count_without_within", "condition_without_value", "format_two",
}  # fmt: skip
"""Broken in a way that a schema of keys and kinds does not see."""


def validator(kind="workflow"):
    actions = {name: wanted.schema for name in action_names() if (wanted := wants(name))}
    made = schema.workflow(actions) if kind == "workflow" else schema.detector()
    jsonschema.Draft202012Validator.check_schema(made)
    return jsonschema.Draft202012Validator(made)


WORKFLOW = validator()
KNOWN = known(settings.given({}))


def plain(data):
    """The document as an editor's YAML 1.2 reader sees it; None where it is no YAML."""
    doc = Document("x")
    node = read(doc) if decode(doc, data) else None
    return None if node is None or doc.problems else node.plain()


def wrong(document, against=WORKFLOW):
    return [f"{error.json_path}: {error.message[:200]}" for error in against.iter_errors(document)]


def good():
    found = [*(FIXTURES / "good").glob("*.yaml"), *(ROOT / "eventflow/cli/demo/workflows").rglob("*.yaml")]
    found += [*(ROOT / "workflows").rglob("*.yaml"), *(ROOT / "examples").rglob("workflows/**/*.yaml")]
    return [file for file in found if file.name != "latency_forest.yaml"]


@pytest.mark.parametrize("file", good(), ids=lambda file: file.stem)
def test_every_good_document_is_taken(file):
    assert wrong(plain(file.read_bytes())) == []


def test_the_detectors_are_taken_and_a_wrong_one_is_not():
    of_detectors = validator("detector")
    for file in [FIXTURES / "good/latency_forest.yaml", *(ROOT / "detectors").rglob("*.yaml")]:
        assert wrong(plain(file.read_bytes()), of_detectors) == []
    assert wrong({"detector": {"typ": "threshold"}}, of_detectors)


def broken():
    """Those whose mistakes are ones of keys and kinds."""
    for file in sorted((FIXTURES / "broken").glob("*.yaml")):
        problems = check(file.read_bytes(), file.stem, known=KNOWN).problems
        codes = {problem.code for problem in problems if problem.severity == "error"}
        if codes and codes <= SHAPED and file.stem not in BEYOND and plain(file.read_bytes()) is not None:
            yield file


@pytest.mark.parametrize("file", [*broken()], ids=lambda file: file.stem)
def test_a_gross_mistake_is_refused(file):
    assert wrong(plain(file.read_bytes()))


def test_what_the_catalogue_takes_of_the_others_the_schema_takes_too():
    for file in sorted((FIXTURES / "broken").glob("*.yaml")):
        problems = check(file.read_bytes(), file.stem, known=KNOWN).problems
        if all(problem.severity != "error" for problem in problems) and plain(file.read_bytes()) is not None:
            assert wrong(plain(file.read_bytes())) == [], file.name


@pytest.mark.parametrize(
    ("step", "taken"),
    [
        ({"uses": "http.request", "with": {"url": "http://x", "expect": ["${{ vars.code }}", 204]}}, True),
        ({"uses": "http.request", "with": {"url": "http://x", "json": {"deep": ["${{ event.data }}"]}}}, True),
        ({"uses": "http.request", "with": {"ulr": "http://x"}}, False),
        ({"config": {"uses": "http.request", "with": {"ulr": "http://x"}}}, False),
        ({"uses": "shell.run", "with": {"argv": "ls -l"}}, False),
        ({"uses": "shell.run", "with": {"argv": "${{ inputs.program }}"}}, True),
        ({"uses": "wait.duration", "with": {"duration": 30}}, False),
        ({"uses": "wait.duration", "with": {"duration": "30s"}}, True),
        ({"type": "loop", "config": {"for_each": "inputs.x", "steps": [{"nam": "b"}]}}, False),
        ({"type": "parallel", "config": {"branches": {"one": [{"name": "b", "uses": "debug.log"}]}}}, True),
        ({"type": "decision", "config": {"cases": [{"name": "a", "wen": "true"}], "default": "a"}}, False),
    ],
)
def test_steps_by_their_type_and_action(step, taken):
    assert (wrong({"steps": [{"name": "a", **step}]}) == []) is taken


def test_the_settings_of_the_pages_are_taken():
    made = json.loads(CliRunner().invoke(group, ["schema", "settings"]).output)
    settings = jsonschema.Draft202012Validator(made)
    settings.check_schema(made)
    whole = {
        "data_dir": ".eventflow", "listen": {"public": "0.0.0.0:8080", "behind_proxy": True}, "bus": "memory:",
        "workflows": "workflows", "retention": {"events": "7d", "size": "10 GiB"}, "timezone": "Europe/Berlin",
        "sources": {"git": {"type": "webhook", "auth": {"scheme": "hmac", "secrets": ["env:X"]}}},
        "secrets": {"token": "env:TOKEN"}, "limits": {"drain": "30s"},
    }  # fmt: skip
    assert wrong(whole, settings) == []
    for mistake in ({"data_dri": "x"}, {"listen": {"pubic": "x"}}, {"sources": {"git": {"path": "/x"}}}, {"log": []}):
        assert wrong(mistake, settings)


def test_the_verb_writes_files_that_a_modeline_can_name(tmp_path):
    told = CliRunner().invoke(group, ["schema", "--write", str(tmp_path / "schemas")])
    assert told.exit_code == 0
    assert [line.rpartition("/")[2] for line in told.output.splitlines()] == [
        "workflow.json", "detector.json", "settings.json",
    ]  # fmt: skip
    for line in told.output.splitlines():
        path = line.removeprefix("# yaml-language-server: $schema=")
        jsonschema.Draft202012Validator.check_schema(json.loads(Path(path).read_text()))
