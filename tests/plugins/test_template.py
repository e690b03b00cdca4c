"""The plugin to copy, as somebody has it who installs it: in a place of its own, found by its entry points."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "plugins/eventflow-template"
UV = Path(sys.executable).parent / "uv"

pytestmark = pytest.mark.xdist_group("template")


def run(*command, **variables):
    return subprocess.run(
        [str(part) for part in command],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
        cwd=variables.get("PWD"),
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """Where the plugin is installed; eventflow itself is the one of this checkout."""
    place = tmp_path_factory.mktemp("installed")
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--offline", "--python", sys.executable)
    done = run(UV, "pip", "install", *options, "--target", place, PLUGIN)
    assert done.returncode == 0, done.stderr
    return place


def test_its_own_tests_pass(installed, tmp_path):
    done = run(
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
        *("-c", PLUGIN / "pyproject.toml", "--rootdir", tmp_path, PLUGIN / "tests"),
        PYTHONPATH=str(installed),
    )
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout


def test_it_comes_by_its_entry_points(installed):
    program = (
        "from eventflow.plugin.one_series import detector_names, find_detector\n"
        "from eventflow.plugin.registry import find\n"
        "from eventflow.plugin import Action\n"
        "assert 'template.stuck' in detector_names()\n"
        "print(find_detector('template.stuck').__name__, find('action', 'template.greet', Action).__name__)\n"
    )
    done = run(sys.executable, "-c", program, PYTHONPATH=str(installed))
    assert done.stdout.split() == ["Stuck", "Greet"], done.stderr


WORKFLOW = """
triggers:
  - type: condition
    config:
      watch: {event: level.sample}
      key: event.subject
      value: event.data.value
      detector: {type: template.stuck, config: {sensitivity: 1 in 500}}
      inputs: {who: "${{ event.subject }}", why: "${{ trigger.reason }}"}
inputs:
  who: {type: string, required: true}
  why: {type: string, required: true}
steps:
  - name: hello
    uses: template.greet
    with: {person: "${{ inputs.who }}: ${{ inputs.why }}"}
    outputs: {text: result.text}
outputs:
  text: ${{ steps.hello.outputs.text }}
"""
PROGRAM = """
import asyncio
from datetime import UTC, datetime
from eventflow import Event, Eventflow, settings

DOORS = {"public": "127.0.0.1:0", "private": "127.0.0.1:0"}

def sample(number):
    return Event(id=f"{number}", source="test", type="level.sample", kind="level.sample", subject="tank",
                 time=datetime.now(UTC), data={"value": float(min(number, 240))})

async def main():
    given = {"data_dir": "data", "workflows": ["workflows"], "listen": DOORS, "log": {"level": "error"}}
    async with Eventflow(settings.load(None, {}, given)) as flow:
        for number in range(300):
            await flow.emit(sample(number))
        for _ in range(500):
            runs = await flow.store.runs(10)
            if runs and all(run.status == "succeeded" for run in runs):
                print(runs[-1].outputs["text"])
                return
            await asyncio.sleep(0.02)

asyncio.run(main())
"""


def test_a_workflow_uses_both(installed, tmp_path):
    (tmp_path / "workflows").mkdir()
    (tmp_path / "workflows/stuck.yaml").write_text(WORKFLOW)
    (tmp_path / "program.py").write_text(PROGRAM)
    done = run(sys.executable, tmp_path / "program.py", PYTHONPATH=str(installed), PWD=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Hello, tank: 240 instead of 240; such a sample comes once in"), done.stderr


def test_the_command_line_tries_it(installed, tmp_path):
    lines = ["time,value", *(f"2026-05-01T{at // 60:02}:{at % 60:02}:00Z,{min(at, 600)}" for at in range(700))]
    (tmp_path / "level.csv").write_text("\n".join(lines))
    command = (sys.executable, "-m", "eventflow", "detect", "level.csv", "--type", "template.stuck")
    done = run(*command, PYTHONPATH=str(installed), PWD=str(tmp_path))
    assert "1 alarm" in done.stdout, done.stdout + done.stderr


def test_it_uses_the_public_doors_only():
    allowed = {"eventflow.plugin", "eventflow.testing", "eventflow_template"}
    used = {
        line.split()[1].removesuffix(".detectors").removesuffix(".actions")
        for path in PLUGIN.rglob("*.py")
        for line in path.read_text().splitlines()
        if line.startswith(("from eventflow", "import eventflow"))
    }
    assert used <= allowed
