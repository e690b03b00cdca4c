"""The end of the demo: counts by outcome, latencies, one event explained that started nothing, where to go on."""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import click

from eventflow.cli.demo import metric, story

if TYPE_CHECKING:
    from eventflow.app import Eventflow
    from eventflow.cli.demo.outside import Outside
    from eventflow.cli.demo.send import Sender
    from eventflow.cli.demo.watch import Watch


async def summary(flow: Eventflow, sender: Sender, outside: Outside, watch: Watch) -> None:
    """Print it."""
    click.echo("\nWhat happened")
    statuses = Counter("accepted" if status == 202 else f"refused with {status}" for _, status, _ in sender.answers)
    click.echo(f"  deliveries  {len(sender.answers)}: " + _counts(statuses))
    click.echo("  runs        " + _counts(Counter(run.status for run in watch.latest.values())))
    refused = [call for call in outside.calls if call.status != 200]
    keys = {call.key for call in outside.calls}
    click.echo(
        f"  calls       {len(outside.calls)}, {len(refused)} refused and tried again; {len(keys)} idempotency keys"
    )
    alarms = [metric.label(call.said["at"]) for call in outside.calls if call.path == "/alarms"]
    found = {label for label in alarms if label is not None}
    click.echo(
        f"  metric      {sender.samples:,} samples, {len(alarms)} alarms: {len(found)} of {len(metric.LABELLED)} "
        f"incidents that people marked, {alarms.count(None)} beside them"
    )
    acks = sorted(took for _, _, took in sender.answers)
    click.echo(
        f"  delivery to stored and answered: median {median(acks) / 1000:.1f} ms, longest {acks[-1] / 1000:.1f} ms"
    )
    firsts = [took for run in watch.latest.values() if (took := _first_call(run.id, run.fired_at, outside)) is not None]
    if firsts:
        click.echo(f"  stored event to first call of its run: median {median(firsts) / 1000:.1f} ms")
    await _explained(flow)
    click.echo("\nWhere to look next")
    program = _program()
    click.echo(f"  {program} serve           the same, with your own workflows in ./workflows")
    click.echo(f"  {program} explain EVENT   what every trigger made of an event")
    click.echo("  docs/quickstart.md          a first workflow in five minutes")


def _program() -> str:
    """How this program was called, as a person would call it again from here."""
    called = Path(sys.argv[0])
    if called.name != "eventflow":
        return "python -m eventflow"
    with contextlib.suppress(ValueError):
        return str(called.absolute().relative_to(Path.cwd()))
    return str(called)


def _counts(counted: Counter[str]) -> str:
    return ", ".join(f"{n} {word}" for word, n in counted.most_common()) or "none"


def _first_call(run: str, fired_at: int, outside: Outside) -> int | None:
    times = [call.at for call in outside.calls if call.key.startswith(run + "/")]
    waits_for_a_person = not times or min(times) - fired_at > 1_500_000
    return None if waits_for_a_person else min(times) - fired_at


async def _explained(flow: Eventflow) -> None:
    """Explain the push of a tag, which is no push to the default branch."""
    refs = await flow.bus.find(_delivery("push-tag.json"), 1)
    if not refs:
        return
    click.echo("\nWhy did the push of a tag start nothing?")
    for outcome in await flow.explain(refs[0]):
        if outcome.stage == "filtered":
            click.echo(f"  {outcome.workflow} / {outcome.trigger}: stopped at '{outcome.stage}'")
            for name, value in outcome.values.items():
                click.echo(f"      {name} = {value!r}")


def _delivery(file: str) -> str:
    return next(scene.delivery for scene in story.STORY if scene.file == file)
