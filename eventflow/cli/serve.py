"""`eventflow serve`: run a whole eventflow in this process until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import click
import structlog

from eventflow.cli.doors import Door, options

if TYPE_CHECKING:
    from eventflow.app import Eventflow
    from eventflow.settings import Settings

log = structlog.get_logger("eventflow.cli")
SURVIVES = {"nothing": "nothing, not even our end", "process": "the end of this process", "power": "a power cut"}


@click.command()
@options
def command(door: Door) -> None:
    """Take events in, decide, run workflows, until SIGTERM or Ctrl-C.

    The first signal drains: nothing new is taken, what is in hand is finished or parked. A second one stops at once;
    nothing that was acknowledged is lost by that either.
    """
    if sys.platform == "win32":
        raise click.UsageError("serve runs on Linux and macOS; on Windows use WSL")
    from eventflow import settings

    sys.exit(asyncio.run(_serve(settings.load(door.config))))


async def _serve(chosen: Settings) -> int:
    from eventflow.app import Eventflow
    from eventflow.app.rooms import secrets_of
    from eventflow.observe.logs import adopt_libraries, set_up

    set_up(chosen.log.level, chosen.log.format, secrets=secrets_of(chosen))
    adopt_libraries()
    flow = Eventflow(chosen)
    opening = asyncio.current_task()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, flow, number, opening)
    try:
        await flow.open()
    except asyncio.CancelledError:
        if not flow.ended.is_set():
            raise
        log.info("serve.stopped")
        return 0
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, flow, number)
    await flow.ready()
    _say(flow)
    await flow.ended.wait()
    log.info("serve.stopping", runs_in_hand=flow.in_hand)
    await flow.close()
    log.info("serve.stopped")
    if flow.failure is not None:
        click.echo(f"error: {flow.failure}", err=True)
        return 1
    return 0


def _stop(flow: Eventflow, number: int, opening: asyncio.Task[Any] | None = None) -> None:
    """Drain at the first signal, or break off a start that still waits for something; end at once at the second."""
    if flow.ended.is_set():
        os._exit(130 if number == signal.SIGINT else 143)
    if sys.stderr.isatty():
        click.echo("stopping: what is in hand is finished or parked; once more stops at once", err=True)
    flow.drain()
    if opening is not None:
        opening.cancel()


def _say(flow: Eventflow) -> None:
    """Where it can be reached: a line where people will look first, a log entry where programs read."""
    survives = SURVIVES[flow.bus.survives]
    count = len(flow.catalogue.workflows)
    if not count and not any(one.holds for one in flow.workflows.problems):
        folders = ", ".join(map(str, flow.settings.workflows))
        log.warning(
            "serve.no_workflows", folders=folders,
            advice="put a workflow there, it is taken up by itself; 'eventflow init DIR' makes a first one",
        )  # fmt: skip
    if sys.stderr.isatty():
        click.echo(
            f"eventflow is ready: {flow.addresses['public']} for events, {flow.addresses['private']} for the API, "
            f"{count} workflow{'' if count == 1 else 's'} in force; an accepted event survives {survives}",
            err=True,
        )
        return
    log.info(
        "serve.ready", public=flow.addresses["public"], private=flow.addresses["private"], workflows=count,
        survives=survives,
    )  # fmt: skip
