"""Cancel, pause and resume: the same verb three times, for one run or all open runs of a workflow."""

from __future__ import annotations

from typing import Any

import click

from eventflow.cli.doors import Answered, Door, part
from eventflow.cli.ids import OPEN
from eventflow.cli.starts import workflow_of

MOST = 100_000
OVER = 409
"""What the API answers when the run has ended."""


def give(door: Door, order: str, what: str, *, every: bool, body: dict[str, Any] | None = None) -> None:
    """Send the order for a run (`run_…`), or with `every` for all open runs of a workflow."""
    if what.startswith("run_"):
        told = [door.request("POST", f"/runs/{part(what)}/{order}", body or {})]
    else:
        workflow, runs, nothing = _open_runs(door, what)
        if runs and not every:
            raise click.UsageError(
                f"{workflow!r} is a workflow; to {order} its {len(runs)} open run{_s(runs)} say: "
                f"eventflow {_verb(order)} {workflow} --all"
            )
        told = [answer for run in runs if (answer := _to_one_of_many(door, order, run["id"], body or {})) is not None]
        if not told and not door.as_json:
            click.echo(f"{nothing}; there is nothing to {_verb(order)}")
            return
    if door.as_json:
        door.print_json(told[0] if what.startswith("run_") and not every else told)
        return
    click.echo(f"{order}: {len(told)} run{_s(told)} told; see eventflow status")


def _open_runs(door: Door, what: str) -> tuple[str, list[dict[str, Any]], str]:
    """(workflow, its open runs, how to say that there are none). Raises `UsageError` when `what` is no workflow."""
    if what.startswith("evt_"):
        raise click.UsageError(f"{what} is an event, no run; eventflow explain {what} names the runs that it started")
    if runs := _runs(door, what, OPEN, MOST):
        return what, runs, ""
    try:
        workflow = workflow_of(door, what)["id"]
    except click.UsageError:
        if not _runs(door, what, None, 1):
            raise
        return what, [], f"{what} is no workflow in force any more; none of its runs is open"
    return workflow, _runs(door, workflow, OPEN, MOST), f"{workflow} is a workflow and none of its runs is open"


def _runs(door: Door, workflow: str, status: str | None, most: int) -> list[dict[str, Any]]:
    return list(door.items("/runs", limit=most, query={"workflow": workflow, "status": status}))


def _to_one_of_many(door: Door, order: str, run: str, body: dict[str, Any]) -> Any:
    """The answer; None when the run has ended since it was listed."""
    try:
        return door.request("POST", f"/runs/{part(run)}/{order}", body)
    except Answered as error:
        if error.status != OVER:
            raise
        return None


def _verb(order: str) -> str:
    return "stop" if order == "cancel" else order


def _s(many: list[Any]) -> str:
    return "" if len(many) == 1 else "s"
