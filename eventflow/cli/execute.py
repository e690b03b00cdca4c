"""`eventflow execute`: start a workflow by hand and wait for its end."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import click

from eventflow.cli import show
from eventflow.cli.doors import Door, options, part


@click.command()
@click.argument("workflow")
@click.option("--input", "inputs", multiple=True, metavar="NAME=VALUE", help="An input; may be given several times.")
@click.option("--detach", is_flag=True, help="Do not wait for the end.")
@options
def command(door: Door, workflow: str, inputs: tuple[str, ...], detach: bool) -> None:
    """Start WORKFLOW now. Exit code 0 when the run succeeds, 1 when it does not."""
    declared = door.request("GET", f"/workflows/{part(workflow)}")["inputs"]
    given = dict(_pair(text, declared) for text in inputs)
    answer = door.request("POST", f"/workflows/{part(workflow)}/run", {"inputs": given})
    run = answer["run"]
    if not detach:
        try:
            answer = _wait(door, run)
        except KeyboardInterrupt:
            click.echo(f"the run goes on: eventflow history {run}; to end it: eventflow stop {run}", err=True)
            sys.exit(130)
    if door.as_json:
        door.print_json(answer)
    elif detach:
        click.echo(f"started {run}; follow it: eventflow history {run}")
    else:
        click.echo(show.run_line(answer))
        if answer["status"] != "succeeded":
            click.echo(f"why: eventflow history {run}")
    if not detach and answer["status"] != "succeeded":
        sys.exit(1)


def _pair(text: str, declared: dict[str, Any]) -> tuple[str, Any]:
    """NAME=VALUE, the value read as JSON unless the input is a text."""
    name, equals, value = text.partition("=")
    if not equals:
        raise click.UsageError(f"--input {text!r}: write NAME=VALUE")
    if declared.get(name, {}).get("type") in {"string", "duration"}:
        return name, value
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _wait(door: Door, run: str) -> dict[str, Any]:
    from eventflow.cli.doors import Answered

    pause = 0.05
    while True:
        try:
            found: dict[str, Any] = door.request("GET", f"/runs/{part(run)}")
            if found["status"] in {"succeeded", "failed", "cancelled", "suppressed"}:
                return found
        except Answered as error:
            if error.status != 404:
                raise
        time.sleep(pause)  # noqa: TID251 - a command line waits for real
        pause = min(1.0, pause * 1.3)
