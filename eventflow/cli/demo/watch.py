"""Shows what happens, as it happens: deliveries and their answers, runs as they start and end, calls to the outside."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from eventflow import ports
from eventflow.cli.demo import metric
from eventflow.model.run import OPEN, Run

if TYPE_CHECKING:
    from pathlib import Path

    from eventflow.app import Eventflow
    from eventflow.cli.demo.outside import Call
    from eventflow.cli.demo.story import Scene

QUIET = 400_000
"""Microseconds without an open run after which the demo is over."""


class Watch:
    """The demo's eyes. Runs are looked at every few milliseconds, the rest is told."""

    def __init__(self) -> None:
        """Has seen nothing yet."""
        self.seen: dict[str, str] = {}
        self.latest: dict[str, Run] = {}

    def opened(self, flow: Eventflow, kept: Path | None) -> None:
        """The house is open."""
        click.echo(f"eventflow is open on {flow.addresses['public']}; SQLite bus and store, every event synced to disk")
        if kept is not None:
            click.echo(f"its data directory is {kept}")
        click.echo("")

    def sent(self, scene: Scene, status: int, text: str) -> None:
        """A delivery was answered."""
        answer = json.loads(text) if text.startswith("{") else {}
        word = {202: "accepted"}.get(status, f"refused {status} ({answer.get('code', answer.get('title', ''))})")
        if status == 202 and answer.get("duplicates"):
            word = "known already"
        colour = "red" if status != 202 else "bright_black" if word == "known already" else "green"
        click.echo(f"{scene.source:<13} {scene.say:<62} {click.style(word, fg=colour)}")

    def call(self, call: Call) -> None:
        """A workflow called the outside."""
        if call.path == "/alarms":
            self.alarm(call.said)
            return
        told = click.style(str(call.status), fg="green" if call.status < 400 else "red")
        click.echo(f"{'':<14}-> POST {call.path} {told}  key {call.key}")

    def metric(self, samples: int) -> None:
        """A metric has begun to stream."""
        click.echo(f"{'metric':<13} {samples:,} samples of a request latency, two weeks of 2014, stream beside it")

    def alarm(self, said: dict[str, str]) -> None:
        """A workflow was started by a detector and told the chat why."""
        labelled = "people saw trouble here too" if metric.label(said["at"]) is not None else "nobody marked this"
        at = said["at"][:16].replace("T", " ")
        click.echo(f"{'metric':<13} {click.style('alarm', fg='red')} {at}  {said['text']}  ({labelled})")

    async def runs(self, flow: Eventflow) -> None:
        """Tell of every run that begins, waits or ends, until cancelled."""
        while True:
            await self.look(flow)
            await ports.sleep(0.02)

    async def look(self, flow: Eventflow) -> None:
        """One look at all runs."""
        for run in reversed(await flow.store.runs(200)):
            self.latest[run.id] = run
            if self.seen.get(run.id) == run.status or (run.status in {"queued", "running"} and run.id in self.seen):
                continue
            self.seen[run.id] = run.status
            about = f" key={run.key}" if run.key else ""
            reason = f" ({run.reason})" if run.reason else ""
            colour = {"succeeded": "green", "failed": "red", "waiting": "blue"}.get(run.status, "cyan")
            click.echo(f"{'':<14}{run.workflow} #{run.number}{about} {click.style(run.status + reason, fg=colour)}")

    async def until_over(self, flow: Eventflow) -> None:
        """Wait until no run has been open for a moment."""
        quiet_since = ports.boot()
        while ports.boot() - quiet_since < QUIET:
            if await flow.store.runs(1, status=OPEN):
                quiet_since = ports.boot()
            await ports.sleep(0.02)
        await self.look(flow)
