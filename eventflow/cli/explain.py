"""`eventflow explain`: why an event started something or not; what a run did and why."""

from __future__ import annotations

import json
from typing import Any

import click

from eventflow.cli import show
from eventflow.cli.doors import Door, options, part


@click.command()
@click.argument("what", metavar="EVENT|RUN")
@click.option("--why-not", help="Only this workflow.")
@options
def command(door: Door, what: str, why_not: str | None) -> None:
    """For an event (`evt_…` or its id): every trigger and the first stage that said no, with the values it saw.

    For a run (`run_…`): what started it, the path it took, each attempt.
    """
    found = door.request("GET", f"/explain/{part(what)}", query={"workflow": why_not})
    if door.as_json:
        door.print_json(found)
    elif "run" in found:
        _run(found)
    else:
        _event(found)


def _event(found: dict[str, Any]) -> None:
    event = found["event"]
    click.echo(f"{event.get('handle', '')}  {event.get('type')}  from {event.get('source')}  id {event.get('id')}")
    for outcome in found["outcomes"]:
        fired = outcome["reason"] == "fired"
        mark = click.style("fired", fg="green") if fired else click.style(f"{outcome['stage']}: no", fg="yellow")
        click.echo(
            f"  {outcome['workflow']} / {outcome['trigger']}  {mark}  {outcome.get('sentence', outcome['reason'])}"
        )
        for name, value in (outcome.get("values") or {}).items():
            click.echo(f"      {name} = {json.dumps(value, ensure_ascii=False, default=str)}")
    for run in found.get("runs", []):
        click.echo("  run " + show.run_line(run))
    if not found["outcomes"]:
        click.echo("  no trigger looks at events of this kind")


def _run(found: dict[str, Any]) -> None:
    click.echo(show.run_line(found["run"]))
    for sentence in found.get("sentences", []):
        click.echo("  " + sentence)
