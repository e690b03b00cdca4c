"""`eventflow components`: everything is listed, and what is missing or broken hides nothing else."""

import json

import pytest
from click.testing import CliRunner

from eventflow.app.components import components, missing
from eventflow.app.known import action_names
from eventflow.cli import group
from eventflow.plugin.registry import SHELVES

ENTRIES = """
[eventflow.action]
good = plugged_good
gone = plugged_gone
bad = plugged_bad
"""
GOOD = '''
from typing import Annotated

from pydantic import BaseModel, ConfigDict, PlainValidator

from eventflow.plugin import Action


def loud(value):
    return value.upper()


class Bell(Action):
    """Ring the bell. More of it."""

    name = "good.ring"
    idempotent = False


    async def run(self, inputs, attempt):
        return {}


class Gong(Bell):
    """Strike the gong."""

    name = "good.gong"
    idempotent = True

    class Inputs(BaseModel):
        model_config = ConfigDict(extra="forbid")
        word: Annotated[str, PlainValidator(loud)] = ""
'''


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """An installed project with three entry points: one whole, one that wants a library, one that fails."""
    info = tmp_path / "plugged-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugged\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRIES)
    (tmp_path / "plugged_good.py").write_text(GOOD)
    (tmp_path / "plugged_gone.py").write_text("import a_library_that_nobody_has\n")
    (tmp_path / "plugged_bad.py").write_text("raise RuntimeError('no today')\n")
    monkeypatch.syspath_prepend(tmp_path)
    action_names.cache_clear()
    yield
    action_names.cache_clear()


def listed():
    return {(one.kind, one.name): one for one in components()}


def test_every_shelf_is_listed_with_a_line_for_each():
    found = listed()
    assert {kind for kind, _ in found} == set(SHELVES)
    assert {("action", "http.request"), ("action", "wait.event"), ("bus", "sqlite"), ("store", "sqlite")} <= set(found)
    assert [one for one in found.values() if not one.about and not one.unavailable] == []
    assert found["action", "shell.run"].idempotent is False
    assert found["source", "webhook"].idempotent is None


def test_a_plugin_that_is_whole_missing_something_or_broken(plugin):
    found = listed()
    assert found["action", "good.ring"].about == "Ring the bell"
    assert "a_library_that_nobody_has" in found["action", "gone"].unavailable
    assert "pip install" in found["action", "gone"].unavailable
    assert "RuntimeError: no today" in found["action", "bad"].unavailable
    assert ("action", "http.request") in found


def test_an_extra_that_is_not_installed_is_named_with_the_way_to_get_it(monkeypatch):
    assert missing(None) is None
    monkeypatch.setattr("eventflow.app.components._installed", lambda name: name != "aiokafka")
    assert missing("kafka") == "aiokafka is not installed; pip install 'eventflow-router[kafka]'"
    assert missing("ml") is None


def test_the_verb_for_people_and_for_programs(plugin):
    told = CliRunner().invoke(group, ["components", "actions"])
    assert told.exit_code == 0
    assert "unavailable: plugged_bad cannot be imported" in told.output
    assert "sqlite" not in told.output
    body = json.loads(CliRunner().invoke(group, ["components", "--json"]).output)
    assert {"kind": "bus", "name": "memory"}.items() <= next(
        one.items() for one in body["components"] if one["name"] == "memory"
    )
    assert CliRunner().invoke(group, ["components", "actoins"]).exit_code == 2


def test_documents_are_told_the_same(plugin, tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text(
        "steps:\n" + "".join(f"  - {{name: {name}, uses: {name}.it}}\n" for name in ("gone", "bad", "goob"))
    )
    told = CliRunner().invoke(group, ["validate", str(file)])
    assert told.exit_code == 1
    lines = [line for line in told.output.splitlines() if "E211" in line]
    assert "'a_library_that_nobody_has' is not installed; pip install" in lines[0]
    assert "its module cannot be imported: RuntimeError: no today" in lines[1]
    assert "there are: good.gong, good.ring" in lines[2]


def test_a_plugin_that_says_little_of_its_inputs_is_checked_as_far_as_it_says(plugin, tmp_path):
    file = tmp_path / "a.yaml"
    steps = ["uses: good.ring, with: {a: 1}", "uses: good.gong, with: {wrod: x}", "uses: good.gong, with: {word: 5}"]
    file.write_text("steps:\n" + "".join(f"  - {{name: s{n}, {step}}}\n" for n, step in enumerate(steps)))
    told = CliRunner().invoke(group, ["validate", str(file)])
    assert [line.partition("  ")[2] for line in told.output.splitlines() if "  E" in line] == [
        "E201 unknown-key  good.gong takes no 'wrod'; did you mean 'word'?",
        "E229 action-input  good.gong refuses this: AttributeError: 'int' object has no attribute 'upper'",
    ]
    assert CliRunner().invoke(group, ["schema"]).exit_code == 0
