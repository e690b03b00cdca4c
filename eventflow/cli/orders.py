"""Cancel, pause and resume: the same verb three times, for one run or all open runs of a workflow."""

from __future__ import annotations

from typing import Any

import click

from eventflow.cli.doors import Door, part


def give(door: Door, order: str, what: str, *, every: bool, body: dict[str, Any] | None = None) -> None:
    """Send the order for a run (`run_…`), or with `every` for all open runs of a workflow."""
    if what.startswith("run_"):
        answer = door.request("POST", f"/runs/{part(what)}/{order}", body or {})
        told = [answer]
    else:
        if not every:
            raise click.UsageError(
                f"{what!r} is a workflow; to {order} all its open runs say: eventflow {_verb(order)} {what} --all"
            )
        query = {"workflow": what, "status": "queued,running,waiting,paused"}
        runs = list(door.items("/runs", limit=100_000, query=query))
        told = [door.request("POST", f"/runs/{part(run['id'])}/{order}", body or {}) for run in runs]
    if door.as_json:
        door.print_json(told if every else told[0])
        return
    click.echo(f"{order}: {len(told)} run{'s' if len(told) != 1 else ''} told; see eventflow status")


def _verb(order: str) -> str:
    return "stop" if order == "cancel" else order
