"""What users get: the wheel, installed in a clean place, with the core only and with every extra."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
UV = Path(sys.prefix) / "bin/uv"

pytestmark = [pytest.mark.wheel, pytest.mark.xdist_group("wheel")]


def run(*command, cwd: Path) -> str:
    done = attempt(*command, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def attempt(*command, cwd: Path) -> subprocess.CompletedProcess:
    clean = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    variables = {"UV_SYSTEM_CERTS": "true", "UV_NATIVE_TLS": "true", **clean}
    return subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True, check=False)


def install(python: Path, what: str, cwd: Path) -> None:
    """Install at the locked versions, which uv's cache most often has, so that a lost network fails nothing."""
    lock = ROOT / "requirements/runtime.txt"
    command = (UV, "pip", "install", "--quiet", "--python", python, "-c", lock, what)
    if attempt(*command, "--offline", cwd=cwd).returncode:
        run(*command, cwd=cwd)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", out, cwd=ROOT)
    [built] = out.glob("*.whl")
    return built


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert "eventflow/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {"eventflow"}


@pytest.mark.parametrize("catalogue", ["workflows", "detectors"])
def test_the_wheel_holds_the_catalogues(wheel, catalogue):
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith(f"eventflow/catalog/{catalogue}/")}
    here = {path.relative_to(ROOT / catalogue).as_posix() for path in (ROOT / catalogue).rglob("*") if path.is_file()}
    assert inside == {f"eventflow/catalog/{catalogue}/{name}" for name in here}


@pytest.mark.parametrize("extras", ["", "[all]"], ids=["core", "all"])
def test_it_installs_and_runs_in_a_clean_place(wheel, tmp_path, extras):
    run(UV, "venv", "--quiet", "--python", sys.executable, tmp_path / "venv", cwd=tmp_path)
    python = tmp_path / "venv/bin/python"
    install(python, f"eventflow-router{extras} @ {wheel.as_uri()}", tmp_path)
    empty = tmp_path / "empty"
    empty.mkdir()
    version = run(python, "-c", "import eventflow; print(eventflow.__version__)", cwd=empty).strip()
    assert version in run(tmp_path / "venv/bin/eventflow", "--version", cwd=empty)
    assert list(empty.iterdir()) == []
    shutil.rmtree(tmp_path / "venv")  # hundreds of files that pytest would keep for three rounds
