"""Every shipped document is clean, proves itself by its own tests, and is in the wheel."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from eventflow import catalog, settings
from eventflow.testing.scenario.suite import Suite, text

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "workflows"
DOCUMENTS = sorted(file.relative_to(SHIPPED).with_suffix("").as_posix() for file in SHIPPED.rglob("*.yaml"))
WANTED = {
    "triggers/event_handlers/git_webhook", "triggers/event_handlers/system_alert",
    "triggers/event_handlers/schedule_trigger", "triggers/integrations/api_webhooks",
    "orchestration/incident_response/escalation_matrix", "pipelines/cicd/quality_gate",
}  # fmt: skip


def eventflow(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "eventflow", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def suite() -> Suite:
    return Suite(settings.load())


def test_what_was_promised_is_there():
    assert set(DOCUMENTS) >= WANTED
    assert catalog.shipped("workflows") == SHIPPED


@pytest.mark.parametrize("id_", DOCUMENTS)
def test_its_own_tests_pass(suite, id_):
    done = suite.run(SHIPPED / f"{id_}.yaml", id_)
    assert done.problems == ()
    assert len(done.results) >= 3, "a ready-made workflow proves itself by several tests"
    failed = [line for result in done.results if not result.passed for line in (result.name, *text(result))]
    assert not failed, "\n".join(failed)


@pytest.mark.parametrize("id_", DOCUMENTS)
def test_a_reader_is_told_what_it_is_for(id_):
    written = (SHIPPED / f"{id_}.yaml").read_text()
    assert written.startswith("# ")
    checked = catalog.check(written.encode(), id_)
    assert checked.workflow is not None
    assert checked.workflow.description
    assert checked.workflow.version


@pytest.mark.parametrize("id_", sorted(WANTED))
def test_nothing_starts_by_itself_because_it_was_installed(id_):
    workflow = catalog.check((SHIPPED / f"{id_}.yaml").read_bytes(), id_).workflow
    assert workflow is not None
    assert not any(trigger.enabled for trigger in workflow.triggers)


def test_by_the_command(tmp_path):
    done = eventflow("test", str(SHIPPED), "--json", "--junit", "report.xml", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert {test["workflow"] for test in told["tests"]} == set(DOCUMENTS)
    assert told["failed"] == told["wrong"] == 0
    assert (tmp_path / "report.xml").read_text().count("<testcase") == told["passed"]


def test_by_their_ids(tmp_path):
    done = eventflow("test", "quality_gate", "incident_response/escalation_matrix", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "pipelines/cicd/quality_gate" in done.stdout
    assert "orchestration/incident_response/escalation_matrix" in done.stdout


def test_by_pytest(tmp_path):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "eventflow.testing.plugin", str(SHIPPED)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    one = eventflow("test", str(SHIPPED), "--json", cwd=tmp_path)
    assert f"{json.loads(one.stdout)['passed']} passed" in done.stdout


def test_validate_has_nothing_to_say(tmp_path):
    done = eventflow("validate", str(SHIPPED), "--format", "json", cwd=tmp_path)
    told = json.loads(done.stdout)
    assert [one for one in told["problems"] if one["severity"] != "note"] == []
    assert done.returncode == 0
