"""`eventflow validate`: every problem of every document, with place and advice; needs no server."""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from eventflow.cli.doors import Door, options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eventflow.app.compare import Change, Compared
    from eventflow.catalog import Loaded, Problem

COLOURS = {
    "error": "red", "warning": "yellow", "note": "blue",
    "new": "green", "changed": "yellow", "removed": "red", "held": "red",
}  # fmt: skip


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--diff", is_flag=True, help="Also say what a reload would change: workflows, states of triggers, runs.")
@click.option("--format", "form", type=click.Choice(["text", "json", "sarif"]), help="Default text; sarif for CI.")
@options
def command(door: Door, paths: tuple[Path, ...], diff: bool, form: str | None) -> None:
    """Check documents: files, folders, or (without PATHS) the folders of the settings.

    Workflows and detectors are told apart by what they hold. Exit code 0 when there is no error, 1 when there is one,
    2 when there is nothing to look at.
    """
    from eventflow import settings
    from eventflow.app.documents import gather

    form = form or ("json" if door.as_json else "text")
    if diff and form == "sarif":
        raise click.UsageError("SARIF has no place for --diff; take --format text or json")
    chosen = settings.load(door.config)
    loaded = gather(chosen, paths)
    compared = None
    if diff:
        from eventflow.app.compare import compare

        compared = compare(chosen, loaded, set(loaded.files) if paths else None)
    _say(form, loaded, compared)
    if loaded.errors:
        sys.exit(1)


def _say(form: str, loaded: Loaded, compared: Compared | None) -> None:
    if form == "sarif":
        from eventflow.catalog import sarif

        click.echo(json.dumps(sarif.report(loaded.problems, version("eventflow-router")), indent=2))
    elif form == "json":
        body = {"documents": loaded.count, "problems": [msgspec.to_builtins(one) for one in loaded.problems]}
        more = {"diff": msgspec.to_builtins(compared)} if compared is not None else {}
        click.echo(json.dumps(body | more, ensure_ascii=False))
    else:
        _print(loaded.problems, loaded.count)
        if compared is not None:
            _print_changes(compared)


def _print(problems: Sequence[Problem], count: int) -> None:
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


def _print_changes(compared: Compared) -> None:
    click.echo(
        f"against catalogue {compared.number}, which is in force:"
        if compared.number
        else "nothing has been in force here yet:"
    )
    for change in compared.changes:
        click.echo(f"  {click.style(f'{change.change:8}', fg=COLOURS[change.change])} {change.workflow}{_tail(change)}")
        for trigger in change.triggers if change.change == "changed" else ():
            why = f": its {', '.join(trigger.because)} changed" if trigger.because else ""
            words = {"new": "is new", "removed": "is gone with its state", "kept": "keeps its state",
                     "reset": "starts with a new state"}  # fmt: skip
            click.echo(f"           trigger {trigger.id} {words[trigger.becomes]}{why}")
        if change.runs:
            click.echo(f"           open runs go on as they began: {', '.join(change.runs)}")
    click.echo(f"  {compared.unchanged} unchanged")


def _tail(change: Change) -> str:
    return "  is not activated; what was in force before stays" if change.change == "held" else ""
