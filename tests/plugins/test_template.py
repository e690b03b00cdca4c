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


def test_it_uses_the_public_doors_only():
    allowed = {"eventflow.plugin", "eventflow.testing", "eventflow_template"}
    used = {
        line.split()[1].removesuffix(".detectors").removesuffix(".actions")
        for path in PLUGIN.rglob("*.py")
        for line in path.read_text().splitlines()
        if line.startswith(("from eventflow", "import eventflow"))
    }
    assert used <= allowed
