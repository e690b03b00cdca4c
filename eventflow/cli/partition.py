"""`eventflow partition`: where the log's partitions stand; and letting one go on whose log has lost what it needs."""

from __future__ import annotations

import sys
from typing import Any, Final

import click

from eventflow.cli import ids
from eventflow.cli.doors import Choice, Door, options, part

UNKNOWN: Final = "unknown"
"""What is said instead of a number where nobody can tell how much is lost."""


@click.group(cls=Choice)
def command() -> None:
    """Where the log's partitions stand, and what to do about one that stands still."""


@command.command("list")
@options
def list_(door: Door) -> None:
    """Every partition: how far it is decided, what its log holds, and why it stands still if it does."""
    found = list(door.items("/partitions", limit=100_000))
    if door.as_json:
        door.print_json({"items": found})
        return
    for one in found:
        _print(one)


def _print(one: dict[str, Any]) -> None:
    waiting = f", {one['end'] - one['position']} to decide" if one["end"] > one["position"] else ""
    still = click.style("stands still", fg="red") if one["halted"] else ""
    where = still or f"goes on at {one['position']}{waiting}"
    click.echo(f"{one['name']:8} holds {one['start']} to {one['end']}; {where}")
    if one["halted"]:
        loss = one["loss"]
        click.echo(f"         {loss['sentence'] if loss else one['halted']}")
        if loss:
            click.echo(f"         restore it; or, to go on without: eventflow partition accept-loss {one['name']}")
    if one["accepted"]:
        click.echo(f"         before: {one['accepted']}")


@command.command("accept-loss")
@click.argument("partition", metavar="PARTITION", shell_complete=ids.halted)
@click.option("--lost", metavar="N", help=f"What is lost, as it is told, or {UNKNOWN}; else you are asked.")
@click.option("--comment", default="", help="Why; it is kept with the numbers.")
@options
def accept_loss(door: Door, partition: str, lost: str | None, comment: str) -> None:
    """Let a partition that stands still go on without what its log has lost.

    There is no way back: what is lost is never decided. So the number that is lost must be said again, by --lost or at
    the question. The numbers, who accepted them and when are kept: eventflow history --dead. Restoring the log, where
    that can be done, loses nothing.
    """
    loss = _loss(door, partition)
    told = UNKNOWN if loss["lost"] is None else str(loss["lost"])
    if lost is None:
        lost = _ask(loss, partition, told)
    if lost != told:
        raise click.UsageError(f"{lost!r} is not what is lost ({told}), so nothing was accepted: {loss['sentence']}")
    body = {"to": loss["to"], "comment": comment} | ({} if loss["lost"] is None else {"lost": loss["lost"]})
    accepted = door.request("POST", f"/partitions/{part(partition)}/accept-loss", body)
    if door.as_json:
        door.print_json(accepted)
        return
    click.echo(f"accepted: {accepted['outlook']}; what was lost is kept: eventflow history --dead")


def _loss(door: Door, partition: str) -> dict[str, Any]:
    found = {one["name"]: one for one in door.items("/partitions", limit=100_000)}
    if partition not in found:
        raise click.UsageError(f"there is no partition {partition!r}; there are: {', '.join(found)}")
    loss: dict[str, Any] | None = found[partition]["loss"]
    if loss is None:
        why = found[partition]["halted"]
        reason = f"stands still for another reason: {why}" if why else "goes on, and has lost nothing"
        raise click.UsageError(f"partition {partition} {reason}")
    return loss


def _ask(loss: dict[str, Any], partition: str, told: str) -> str:
    if not sys.stdin.isatty():
        raise click.UsageError(
            f"{loss['sentence']}. If that is accepted, {loss['outlook']}; to accept it, say "
            f"eventflow partition accept-loss {partition} --lost {told}"
        )
    click.echo(f"{loss['sentence']}.\nIf you accept this, {loss['outlook']}. There is no way back.", err=True)
    return str(click.prompt(f"What is lost is lost: type {told} to go on without it", err=True)).strip()
