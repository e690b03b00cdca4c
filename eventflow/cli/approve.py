"""`eventflow approve`: answer a question that a run asks."""

from __future__ import annotations

import click

from eventflow.cli import ids
from eventflow.cli.doors import Door, options, part


@click.command()
@click.argument("run", shell_complete=ids.asked)
@click.argument("case", shell_complete=ids.cases)
@click.option("--comment", default="", help="A word for the others; it is kept with the run.")
@click.option("--step", "path", default="", help="Which question, where a run asks several at once.")
@options
def command(door: Door, run: str, case: str, comment: str, path: str) -> None:
    """Answer the question of RUN with CASE (see eventflow status for open questions and their cases)."""
    body = {"run": run, "case": case, "comment": comment, "path": path}
    answer = door.request("POST", f"/approvals/{part(run)}", body)
    if door.as_json:
        door.print_json(answer)
        return
    click.echo(f"answered {case!r}; see what came of it: eventflow history {run}")
