"""Cancel, pause and resume: the same verb three times, for one run or all open runs of a workflow."""

from __future__ import annotations

from typing import Any

import click

from eventflow.cli.doors import Door, part
from eventflow.cli.starts import workflow_of


def give(door: Door, order: str, what: str, *, every: bool, body: dict[str, Any] | None = None) -> None:
    """Send the order for a run (`run_…`), or with `every` for all open runs of a workflow."""
    if what.startswith("run_"):
        answer = door.request("POST", f"/runs/{part(what)}/{order}", body or {})
        told = [answer]
    else:
        query = {"workflow": what, "status": "queued,running,waiting,paused"}
        runs = list(door.items("/runs", limit=100_000, query=query))
        if not runs:  # then it is an address, or nothing; a workflow that is not in force any more has its exact id
            query["workflow"] = workflow_of(door, what)["id"]
            runs = list(door.items("/runs", limit=100_000, query=query))
        workflow = query["workflow"]
        if not every:
            raise click.UsageError(
                f"{workflow!r} is a workflow; to {order} its {len(runs)} open runs say: "
                f"eventflow {_verb(order)} {workflow} --all"
            )
        told = [door.request("POST", f"/runs/{part(run['id'])}/{order}", body or {}) for run in runs]
        if not told and not door.as_json:
            click.echo(f"{workflow} has no open runs")
            return
    if door.as_json:
        door.print_json(told if every else told[0])
        return
    click.echo(f"{order}: {len(told)} run{'s' if len(told) != 1 else ''} told; see eventflow status")


def _verb(order: str) -> str:
    return "stop" if order == "cancel" else order
