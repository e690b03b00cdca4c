"""`eventflow resume`: let one run, or all open runs of a workflow, go on."""

from __future__ import annotations

import click

from eventflow.cli import ids, orders
from eventflow.cli.doors import Door, options


@click.command()
@click.argument("what", metavar="RUN|WORKFLOW", shell_complete=ids.runs_or_workflows)
@click.option("--all", "every", is_flag=True, help="All open runs of the workflow.")
@click.option("--skip", is_flag=True, help="Go on behind the step that it is held at.")
@click.option("--fail", is_flag=True, help="Take the step that it is held at as failed.")
@click.option("--comment", default="", help="Why; it is kept with the run.")
@options
def command(door: Door, what: str, every: bool, skip: bool, fail: bool, comment: str) -> None:
    """Let a paused or parked run (`run_…`) go on, or with --all all open runs of a workflow."""
    if skip and fail:
        raise click.UsageError("--skip and --fail exclude each other")
    mode = "skip" if skip else "fail" if fail else "go"
    orders.give(door, "resume", what, every=every, body={"comment": comment, "mode": mode})
