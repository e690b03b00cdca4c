"""`eventflow history`: past runs; or one run with its journal; or dead letters."""

from __future__ import annotations

import click

from eventflow.cli import ids, show
from eventflow.cli.doors import Door, options, part


@click.command()
@click.argument("run", required=False, shell_complete=ids.runs)
@click.option("--workflow", shell_complete=ids.workflows, help="Only runs of this workflow.")
@click.option("--status", help="Only runs in these statuses, separated by commas.")
@click.option("--dead", is_flag=True, help="Dead letters instead of runs.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="How many.")
@options
def command(door: Door, run: str | None, workflow: str | None, status: str | None, dead: bool, limit: int) -> None:
    """Past runs, newest first; with RUN that run and its journal; with --dead what could not be decided."""
    if run is not None:
        _one(door, run)
    elif dead:
        _dead(door, limit)
    else:
        runs = list(door.items("/runs", limit=limit, query={"workflow": workflow, "status": status}))
        if door.as_json:
            door.print_json({"items": runs})
            return
        for one in runs:
            click.echo(show.run_line(one))
        if not runs:
            click.echo("no runs yet; what an event did says: eventflow explain EVENT")


def _one(door: Door, run: str) -> None:
    if door.as_json:
        door.print_json(door.request("GET", f"/runs/{part(run)}"))
        return
    found = door.request("GET", f"/explain/{part(run)}")
    click.echo(show.run_line(found["run"]))
    for sentence in found["sentences"]:
        click.echo("  " + sentence)


def _dead(door: Door, limit: int) -> None:
    letters = list(door.items("/dead", limit=limit))
    beyond = list(door.items("/dead/beyond", limit=10_000))
    if door.as_json:
        door.print_json({"items": letters, "beyond": beyond})
        return
    for letter in letters:
        whose = letter.get("workflow") or "the whole record"
        event = letter.get("event") or letter.get("handle")
        click.echo(f"{show.moment(letter.get('log_time'))}  {event}  {whose}: {letter.get('error')}")
    if not letters:
        click.echo("no dead letters")
    for one in beyond:
        click.echo(click.style(show.beyond_line(one), fg="yellow"))
