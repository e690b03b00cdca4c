"""`eventflow rerun`: run a run again as a new run, from its start or from a step."""

from __future__ import annotations

import click

from eventflow.cli import ids
from eventflow.cli.doors import Door, options, part


@click.command()
@click.argument("run", shell_complete=ids.runs)
@click.option("--from", "step", default="", metavar="STEP", help="Begin at this step, with what the earlier ones gave.")
@options
def command(door: Door, run: str, step: str) -> None:
    """Run RUN again: a new run with the same definition, events and inputs, and with keys of its own."""
    answer = door.request("POST", f"/runs/{part(run)}/rerun", {"from_step": step} if step else {})
    if door.as_json:
        door.print_json(answer)
        return
    click.echo(f"{answer['run']} repeats {run}{f' from {step}' if step else ''}; see eventflow history {answer['run']}")
