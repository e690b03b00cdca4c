"""`eventflow pause`: pause one run, or all open runs of a workflow."""

from __future__ import annotations

import click

from eventflow.cli import ids, orders
from eventflow.cli.doors import Door, options


@click.command()
@click.argument("what", metavar="RUN|WORKFLOW", shell_complete=ids.runs_or_workflows)
@click.option("--all", "every", is_flag=True, help="All open runs of the workflow.")
@click.option("--comment", default="", help="Why; it is kept with the run.")
@options
def command(door: Door, what: str, every: bool, comment: str) -> None:
    """Hold a run (`run_…`), or with --all all open runs of a workflow."""
    orders.give(door, "pause", what, every=every, body={"comment": comment})
