"""What the linters do not see: methods of a loop, files opened in pure code, and what the two hearts lead to."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "eventflow"
DOORS = {"eventflow", "eventflow.plugin", "eventflow.testing"}

LOOP_METHODS = {"create_task", "call_later", "call_at", "call_soon", "call_soon_threadsafe", "run_in_executor"}
TOUCH_THE_LOOP = {"ports.py"}  # the one place; and the disk hears from its writer thread
WRITER_THREAD = {"call_soon_threadsafe"}

IMPURE = {
    *("asyncio", "time", "random", "secrets", "threading", "multiprocessing", "concurrent", "socket", "ssl"),
    *("subprocess", "sqlite3", "apsw", "aiohttp", "os", "io", "shutil", "tempfile", "signal", "select"),
}
IMPURE_CALLS = {"open", "input", "print"}
NOUNS_MAY_USE = {"pydantic", "msgspec", "eventflow"}


def modules(*folders: Path) -> list[Path]:
    files = [path for folder in folders for path in (folder.rglob("*.py") if folder.is_dir() else [folder])]
    return sorted(path for path in files if "__pycache__" not in path.parts)


def imports(path: Path) -> set[str]:
    """Every module that a file imports while it runs, by its full name; what only type checkers see is left out."""
    found = set()
    pending: list[ast.AST] = [ast.parse(path.read_text())]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            pending += node.orelse
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        pending += ast.iter_child_nodes(node)
    return found


def calls(path: Path) -> list[tuple[str, int]]:
    """The bare name or the method of every call, with its line."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            found.append((node.func.id, node.lineno))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            found.append((f".{node.func.attr}", node.lineno))
    return found


def file_of(module: str) -> Path | None:
    """The file of one of our own modules."""
    path = ROOT / Path(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def led_to(starts: list[Path]) -> set[Path]:
    """The files of our own that some files lead to, themselves included."""
    seen, pending = set(), list(starts)
    while pending:
        path = pending.pop()
        if path not in seen:
            seen.add(path)
            pending += [file for name in imports(path) if name.startswith("eventflow") and (file := file_of(name))]
    return seen - {PACKAGE / "__init__.py"}


def hearts() -> list[Path]:
    return [path for path in (PACKAGE / "route/decide.py", PACKAGE / "execute/advance.py") if path.exists()]


PURE = sorted(led_to([*modules(PACKAGE / "model", PACKAGE / "match"), *hearts()]))


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", PURE, ids=shown)
def test_pure_code_reaches_nothing_outside(path):
    assert {name for name in imports(path) if name.partition(".")[0] in IMPURE} == set()
    assert "eventflow.ports" not in imports(path)
    assert [(name, line) for name, line in calls(path) if name in IMPURE_CALLS] == []


@pytest.mark.parametrize("path", modules(PACKAGE / "model"), ids=shown)
def test_nouns_need_the_standard_library_pydantic_and_msgspec_only(path):
    top = {name.partition(".")[0] for name in imports(path)}
    assert top - NOUNS_MAY_USE <= sys.stdlib_module_names


def test_tasks_and_timers_are_made_in_ports_only():
    outside = [path for path in modules(PACKAGE) if shown(path).removeprefix("eventflow/") not in TOUCH_THE_LOOP]
    banned = {
        path: LOOP_METHODS - (WRITER_THREAD if path.is_relative_to(PACKAGE / "disk") else set()) for path in outside
    }
    found = [
        f"{shown(path)}:{line} {name}" for path in outside for name, line in calls(path) if name[1:] in banned[path]
    ]
    assert found == []


@pytest.mark.parametrize("folder", ["plugins", "examples"])
def test_strangers_come_in_by_the_doors(folder):
    found = [
        f"{shown(path)} {name}"
        for path in modules(ROOT / folder)
        if (ROOT / folder).is_dir()
        for name in imports(path)
        if name.partition(".")[0] == "eventflow" and file_of(name) and name not in DOORS
    ]
    assert found == []


def test_the_check_sees_what_it_must_see(tmp_path):
    planted = tmp_path / "planted.py"
    planted.write_text("import asyncio\nasync def f():\n  asyncio.get_running_loop().create_task(g())\n  open('x')\n")
    assert imports(planted) == {"asyncio"}
    assert {(".create_task", 3), ("open", 4)} <= set(calls(planted))
