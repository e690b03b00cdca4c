"""Starting a workflow by hand, for `execute`, `orchestrate`, `pipeline`: address, inputs as flags, waiting for the end.

The three differ only in where an address is looked for. Inputs are flags of the workflow's own, so a flag that it does
not declare is an error, with the one that was probably meant.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any, Final

import click

from eventflow.cli import ids, show
from eventflow.cli.doors import Answered, Door, options, part

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

TERMINAL: Final = frozenset(("succeeded", "failed", "cancelled", "suppressed"))
WORDS: Final = {"success": "succeeded", "failure": "failed", "timeout": "took too long", "skipped": "was skipped",
                "cancelled": "was cancelled"}  # fmt: skip
COLOURS: Final = {"success": "green", "failure": "red", "timeout": "red"}


def verb(name: str, about: str) -> click.Command:
    """The command of one verb; `about` is its help."""

    @click.command(name=name, help=about, context_settings={"ignore_unknown_options": True})
    @click.argument("workflow", shell_complete=ids.workflows)
    @click.argument("flags", nargs=-1, type=click.UNPROCESSED, metavar="[--INPUT VALUE]...")
    @click.option(
        "--input", "inputs", multiple=True, metavar="NAME=VALUE", help="An input; may be given several times."
    )
    @click.option("--detach", is_flag=True, help="Do not wait for the end.")
    @options
    def command(door: Door, workflow: str, flags: tuple[str, ...], inputs: tuple[str, ...], detach: bool) -> None:
        found = workflow_of(door, workflow, name)
        given = {**dict(_pair(text) for text in inputs), **_flags(flags, found)}
        _begin(door, found, _typed(given, found), detach=detach)

    return command


def workflow_of(door: Door, address: str, name: str = "execute") -> dict[str, Any]:
    """The workflow in force that an address means. Raises `UsageError` with the candidates."""
    from eventflow.catalog import resolve

    known = {one["id"]: one for one in door.items("/workflows", limit=100_000)}
    id_ = resolve(address, known, name)  # type: ignore[arg-type]
    if isinstance(id_, str):
        return known[id_]
    if id_:
        raise click.UsageError(f"{address!r} may mean several workflows: {', '.join(id_)}; write more of the id")
    hint = meant(address, known)
    raise click.UsageError(f"no workflow {address!r} is in force; {hint or 'eventflow status lists them'}")


def meant(address: str, known: Iterable[str]) -> str:
    """`did you mean 'x'?`: the id that is like the address, or whose end is; nothing when none is."""
    from eventflow import catalog

    close = catalog.meant(address, known)
    return f"did you mean {close!r}?" if close is not None else ""


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.UsageError(f"--input {text!r}: write NAME=VALUE")
    return name, value


def _flags(flags: tuple[str, ...], workflow: dict[str, Any]) -> dict[str, str]:
    """`--name value`, `--name=value`, and `--name` alone for a boolean. Raises `UsageError`."""
    declared, given, rest = workflow["inputs"], {}, list(flags)
    while rest:
        flag = rest.pop(0)
        if not flag.startswith("--"):
            raise click.UsageError(f"{flag!r}: an input is written --NAME VALUE")
        name, equals, value = flag[2:].partition("=")
        name = name if name in declared else name.replace("-", "_")
        if name not in declared:
            raise click.UsageError(_unknown(name, workflow))
        if not equals and declared[name].get("type") == "boolean" and (not rest or rest[0].startswith("--")):
            value = "true"
        elif not equals:
            if not rest:
                raise click.UsageError(f"--{name} needs a value")
            value = rest.pop(0)
        given[name] = value
    return given


def _unknown(name: str, workflow: dict[str, Any]) -> str:
    from eventflow.catalog.spelling import nearest

    close = nearest(name, workflow["inputs"])
    there = ", ".join(f"--{one}" for one in workflow["inputs"]) or "none"
    return f"{workflow['id']} has no input {name!r}; " + (
        f"did you mean --{close}?" if close else f"there are: {there}"
    )


def _typed(given: dict[str, str], workflow: dict[str, Any]) -> dict[str, Any]:
    """The texts of the command line as the inputs' types want them; what does not fit is told by the server."""
    declared = workflow["inputs"]
    if unknown := [name for name in given if name not in declared]:
        raise click.UsageError(_unknown(unknown[0], workflow))
    return {name: _value(text, declared[name].get("type", "string")) for name, text in given.items()}


def _value(text: str, kind: str) -> Any:
    if kind not in {"list", "object"}:
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _begin(door: Door, workflow: dict[str, Any], inputs: dict[str, Any], *, detach: bool) -> None:
    try:
        answer = door.request("POST", f"/workflows/{part(workflow['id'])}/run", {"inputs": inputs})
    except Answered as error:
        if error.status != 422:
            raise
        raise click.UsageError(str(error)) from None
    run = answer["run"]
    if not detach:
        if not door.as_json:
            click.echo(f"started {run} of {workflow['id']}", err=True)
        try:
            answer = _wait(door, run, _quiet if door.as_json else _said(run))
        except KeyboardInterrupt:
            click.echo(f"\nthe run goes on: eventflow history {run}; to end it: eventflow stop {run}", err=True)
            sys.exit(130)
    if door.as_json:
        door.print_json(answer)
    elif detach:
        click.echo(f"started {run}; follow it: eventflow history {run}")
    else:
        click.echo(show.run_line(answer))
        if answer["status"] != "succeeded":
            click.echo(f"why: eventflow explain {run}")
    if not detach and answer["status"] != "succeeded":
        sys.exit(1)


def _wait(door: Door, run: str, say: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Ask again and again until the run is over; `say` hears of each journal entry once."""
    pause, told = 0.05, 0
    while True:
        try:
            found: dict[str, Any] = door.request("GET", f"/runs/{part(run)}")
            for entry in found["journal"][told:]:
                say(entry)
            told = len(found["journal"])
            if found["status"] in TERMINAL:
                return found
        except Answered as error:
            if error.status != 404:
                raise
        time.sleep(pause)  # noqa: TID251 - a command line waits for real
        pause = min(1.0, pause * 1.3)


def _quiet(_entry: dict[str, Any]) -> None:
    """Programs read the end only."""


def _said(run: str) -> Callable[[dict[str, Any]], None]:
    """Progress for people, beside the result: steps as they end, tries that failed, questions."""

    def say(entry: dict[str, Any]) -> None:
        path = entry.get("path", "")
        match entry.get("t"):
            case "end":
                word = click.style(WORDS.get(entry["status"], entry["status"]), fg=COLOURS.get(entry["status"]))
                case = f" with {entry['case']}" if entry.get("case") else ""
                error = f": {entry['error']['message']}" if entry.get("error") else ""
                click.echo(f"  {path} {word}{case}{error}", err=True)
            case "retry":
                click.echo(
                    f"  {path}: try {entry['n']} failed: {entry['error']['message']}; it is tried again", err=True
                )
            case "wait" if entry.get("kind") == "answer":
                cases = "|".join(entry.get("cases") or [])
                click.echo(f"  {path} asks; answer it: eventflow approve {run} {cases}", err=True)

    return say
