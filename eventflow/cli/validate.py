"""`eventflow validate`: every problem of every document, with place and advice; needs no server."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from eventflow.cli.doors import Door, options

if TYPE_CHECKING:
    from eventflow.catalog import Problem

COLOURS = {"error": "red", "warning": "yellow", "note": "blue"}


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@options
def command(door: Door, paths: tuple[Path, ...]) -> None:
    """Check workflow documents: files, folders, or (without PATHS) the folders of the settings.

    Exit code 0 when there is no error, 1 when there is one.
    """
    from eventflow import settings
    from eventflow.app.actions import Actions
    from eventflow.catalog import Known, check, load

    chosen = settings.load(door.config)
    known = Known(action=Actions(chosen).known, secrets=frozenset(chosen.secrets), timezone=chosen.timezone)
    problems: list[Problem] = []
    count = 0
    for path in paths or [Path(folder) for folder in chosen.workflows]:
        if path.is_dir():
            loaded = load([path], known)
            problems += loaded.problems
            count += len(loaded.files)
        elif path.exists():
            problems += check(path.read_bytes(), path.stem, file=str(path), known=known).problems
            count += 1
        else:
            raise click.UsageError(
                f"there is no folder {path}; name files or folders, or set workflows: in the settings"
            )
    if door.as_json:
        click.echo(json.dumps({"documents": count, "problems": [msgspec.to_builtins(one) for one in problems]}))
    else:
        _print(problems, count)
    if any(problem.severity == "error" for problem in problems):
        sys.exit(1)


def _print(problems: list[Problem], count: int) -> None:
    for problem in problems:
        colour = COLOURS[problem.severity]
        tail = f"; {problem.suggestion}" if problem.suggestion else ""
        place = f"{problem.file}:{problem.line}:{problem.column}"
        click.echo(f"{place}  {click.style(f'{problem.code} {problem.word}', fg=colour)}  {problem.message}{tail}")
        if problem.source:
            click.echo(f"    {problem.source.rstrip()}")
    counted: dict[str, int] = {}
    for problem in problems:
        counted[problem.severity] = counted.get(problem.severity, 0) + 1
    told = ", ".join(f"{number} {word}{'s' if number > 1 else ''}" for word, number in counted.items())
    click.echo(f"{count} document{'s' if count != 1 else ''}: {told or 'no problems'}")
