"""`eventflow explain`: why an event started something or not; what a run did and why."""

from __future__ import annotations

import json
from typing import Any

import click

from eventflow.cli import ids, show
from eventflow.cli.doors import Door, options, part

FEW = 3
"""So many triggers that do not select an event at all are shown; more are only counted."""
NEARLY = "nearly the same"
"""What `explain` says of a trigger that was likely meant to select the event: never only counted."""


@click.command()
@click.argument("what", metavar="EVENT|RUN", shell_complete=ids.events_or_runs)
@click.option("--why-not", metavar="WORKFLOW", shell_complete=ids.workflows, help="Only this one, and why it did not.")
@click.option("--all", "everything", is_flag=True, help="Also every trigger that does not select such events.")
@options
def command(door: Door, what: str, why_not: str | None, everything: bool) -> None:
    """For an event (`evt_…` or its id): every trigger and the first stage that said no, with the values it saw.

    For a run (`run_…`): what started it, the path it took, each attempt.
    """
    if not what:
        raise click.UsageError("name an event (its id or evt_…) or a run (run_…)")
    if why_not and what.startswith("run_"):
        raise click.UsageError("--why-not asks about an event, and a run is named; leave it out")
    query = {"workflow": why_not and _address(door, why_not)}
    found = door.request("GET", f"/explain/{part(what)}", query=query)
    if door.as_json:
        door.print_json(found)
    elif "run" in found:
        _run(found)
    else:
        _event(found, everything=everything or why_not is not None)


def _address(door: Door, workflow: str) -> str:
    """The id that an address means; where it means none the server says so, for it knows those that are held back."""
    from eventflow.catalog import resolve

    id_ = resolve(workflow, [one["id"] for one in door.items("/workflows", limit=100_000)])
    if isinstance(id_, str):
        return id_
    if id_:
        raise click.UsageError(f"{workflow!r} may mean several workflows: {', '.join(id_)}; write more of the id")
    return workflow


def _event(found: dict[str, Any], *, everything: bool) -> None:
    event = found["event"]
    click.echo(f"{event['handle']}  {event['type']}  from {event['source']}  id {event['id']}")
    for note in found.get("notes", []):
        click.echo("  " + click.style(note, fg="yellow"))
    strangers = [
        one for one in found["outcomes"] if one["stage"] in {"matched", "disabled"} and NEARLY not in one["sentence"]
    ]
    folded = [] if everything or len(strangers) <= FEW else strangers
    for outcome in found["outcomes"]:
        if outcome not in folded:
            _outcome(outcome)
    if folded:
        click.echo(f"  {len(folded)} further triggers do not select such events; --all lists them")
    told = {outcome["run"] for outcome in found["outcomes"] if outcome["reason"] == "fired"}
    for run in found["runs"]:
        if run["id"] not in told:
            click.echo("  run " + show.run_line(run))
    if not found["outcomes"] and not found.get("notes"):
        click.echo("  no workflow in force has an event trigger")


def _outcome(outcome: dict[str, Any]) -> None:
    click.echo("  " + show.outcome_line(outcome))
    for name, value in outcome["values"].items():
        if f"{name} is" not in outcome["sentence"]:
            click.echo(f"      {name} = {json.dumps(value, ensure_ascii=False, default=str)}")


def _run(found: dict[str, Any]) -> None:
    click.echo(show.run_line(found["run"]))
    for sentence in found.get("sentences", []):
        click.echo("  " + sentence)
