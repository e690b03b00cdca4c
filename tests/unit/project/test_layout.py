"""The ground plan: every package is placed, described, and named by a word of the glossary."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "eventflow"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "__pycache__" not in path.parts)
WITHOUT_MEANING = {"util", "utils", "helper", "helpers", "common", "base", "manager", "service", "core", "misc"}


def words(name: str) -> set[str]:
    """`HttpServiceBase` and `http_service_base` are the words http, service and base."""
    return set(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().split("_"))


def names() -> list[tuple[str, str]]:
    """Every file, folder and class of the package, with the place where it stands."""
    found = [(part, str(path)) for path in MODULES for part in path.relative_to(PACKAGE).with_suffix("").parts]
    for path in MODULES:
        tree = ast.parse(path.read_text())
        found += [(node.name, f"{path}:{node.lineno}") for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return found


def test_no_name_says_nothing():
    assert [(name, where) for name, where in names() if words(name) & WITHOUT_MEANING] == []


@pytest.mark.parametrize("package", sorted(path.parent for path in PACKAGE.glob("*/__init__.py")), ids=lambda p: p.name)
def test_every_package_says_what_it_is_for(package):
    assert ast.get_docstring(ast.parse((package / "__init__.py").read_text()))
    plan = (ROOT / "docs/explanation/ground-plan.md").read_text()
    assert re.search(rf"^\|.*`{package.name}`.*\|.*\|$", plan, re.MULTILINE), "not in docs/explanation/ground-plan.md"


def test_the_console_script_leads_to_the_command_line():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"eventflow": "eventflow.cli:main"}


def test_the_extra_all_names_every_other_extra():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    listed = {extra for line in extras["all"] for extra in re.search(r"\[(.*)\]", line)[1].split(",")}
    assert listed == set(extras) - {"all"}


# ------------------------------------------------------------------------------------------------- import rules


def lint_imports(folder: Path) -> subprocess.CompletedProcess:
    """The import rules over another tree, with this checkout's rules."""
    # The folder comes first on the path, or else the installed package would be looked at.
    program = "import sys; sys.path.insert(0, '.'); from importlinter.cli import lint_imports_command as c; c()"
    return subprocess.run(
        [sys.executable, "-c", program, "--no-cache", "--no-logo"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "eventflow", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "line", "broken"),
    [
        ("ingest/planted.py", "import eventflow.route", "Rooms and shelves are strangers"),
        ("model/planted.py", "import eventflow.plugin", "Rooms and shelves are strangers"),
        ("sources/planted.py", "import eventflow.ingest", "Rooms and shelves are strangers"),
        ("planted/__init__.py", '"""Nobody placed it."""', "planted"),
        ("model/planted.py", "import asyncio", "The pure parts touch no clock"),
        ("route/decide.py", "import time", "The pure parts touch no clock"),
        ("plugin/planted.py", "import eventflow.ports", "Contracts do not touch the outside"),
        ("model/planted.py", "import orjson", "The nouns need"),
    ],
)
def test_a_wrong_import_is_refused(copy, file, line, broken):
    planted = copy / "eventflow" / file
    planted.parent.mkdir(exist_ok=True)
    planted.write_text(line + "\n")
    done = lint_imports(copy)
    assert done.returncode == 1
    assert re.search(rf"{broken}.*(BROKEN|\n)", done.stdout)


def test_components_of_a_shelf_are_strangers(copy):
    (copy / "eventflow/actions/planted.py").write_text('"""One."""\n')
    (copy / "eventflow/actions/planted_too.py").write_text("import eventflow.actions.planted\n")
    done = lint_imports(copy)
    assert re.search(r"shelf actions are strangers to each other BROKEN", done.stdout)
