"""How large files and functions are: the figures that tests/unit/project holds, and a report for people.

A module of its own because a test and a person ask the same question. `make sizes` prints the report.
"""

from __future__ import annotations

import ast
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
FILE_LIMIT, BODY_LIMIT = 450, 50
REASON = "Size:"


@dataclass(frozen=True)
class Size:
    """How many lines something has, where it is, and the reason given at the top of its file, if any."""

    lines: int
    where: str
    reason: str | None


def modules(root: Path = ROOT / "eventflow") -> list[Path]:
    """Every Python file of the package."""
    return sorted(path for path in root.rglob("*.py") if "__pycache__" not in path.parts)


def measure(path: Path) -> tuple[Size, list[Size]]:
    """One file and the functions in it."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    where = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
    reason = _reason(ast.get_docstring(tree))
    functions = [
        Size(_body_lines(node), f"{where}:{node.lineno} {name}", reason) for name, node in _functions(tree, "")
    ]
    return Size(len(text.splitlines()), where, reason), functions


def _reason(docstring: str | None) -> str | None:
    lines = [line.strip() for line in (docstring or "").splitlines()]
    return next((line for line in lines if line.startswith(REASON)), None)


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for child in ast.iter_child_nodes(node):
        name = prefix
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{prefix}.{child.name}".lstrip(".")
            if not isinstance(child, ast.ClassDef):
                yield name, child
        yield from _functions(child, name)


def _body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """From the first statement after the docstring to the end."""
    body = function.body
    if ast.get_docstring(function) is not None:
        body = body[1:]
    return body[-1].end_lineno - body[0].lineno + 1 if body and body[-1].end_lineno is not None else 0


def report() -> None:
    """Print medians and the ten largest of both."""
    measured = [measure(path) for path in modules()]
    files = [file for file, _ in measured if file.lines > 1]
    functions = [function for _, inside in measured for function in inside]
    for what, sizes, limit in (("files", files, FILE_LIMIT), ("function bodies", functions, BODY_LIMIT)):
        lines = [size.lines for size in sizes] or [0]
        above = sum(size > limit for size in lines)
        median = statistics.median(lines)
        print(f"{len(sizes)} {what}: median {median:g} lines, largest {max(lines)}, {above} above {limit}")
        for size in sorted(sizes, key=lambda size: -size.lines)[:10]:
            print(f"  {size.lines:5}  {size.where}{'  ' + size.reason if size.reason else ''}")


if __name__ == "__main__":
    report()
