"""`eventflow demo`: recorded deliveries walk through a real eventflow, on the embedded defaults, before your eyes.

Nothing here is staged but the outside: the settings, the doors, the bus on disk, the workflows and the executor are
those of `serve`. `story` is what is sent, `outside` what workflows call, `watch` shows what happens, `summary` the end.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from importlib import resources
from pathlib import Path

import click

from eventflow import ports
from eventflow.cli.doors import Door, options


@click.command()
@click.option("--keep", is_flag=True, help="Keep the data directory and say where it is.")
@options
def command(_door: Door, keep: bool) -> None:
    """Watch eventflow work on recorded events and on a metric; nothing to set up, nothing left behind."""
    place = Path(tempfile.mkdtemp(prefix="eventflow-demo-"))
    try:
        asyncio.run(play(place, pace=0.35 if sys.stdout.isatty() else 0.0, keep=keep))
    finally:
        if not keep:
            shutil.rmtree(place, ignore_errors=True)


async def play(place: Path, *, pace: float, keep: bool) -> None:
    """Set the scene, send the story, wait until every run is over, sum up."""
    from eventflow import settings
    from eventflow.app import Eventflow
    from eventflow.cli.demo.outside import Outside
    from eventflow.cli.demo.send import Sender
    from eventflow.cli.demo.summary import summary
    from eventflow.cli.demo.watch import Watch
    from eventflow.observe.logs import set_up

    set_up("error")
    watch = Watch()
    async with Outside(watch.call) as outside:
        chosen = settings.load(None, {}, _settings(place, outside.url))
        async with Eventflow(chosen) as flow:
            watch.opened(flow, place if keep else None)
            tasks = ports.Tasks()
            tasks.spawn(watch.runs(flow), "watch")
            sender = Sender(place, watch)
            await sender.story(flow.addresses["public"], pace)
            await watch.until_over(flow)
            await tasks.close()
            await summary(flow, sender, outside, watch)


def _settings(place: Path, outside: str) -> dict[str, object]:
    """Settings as a user would write them, with free ports and the demo's own folders."""
    from eventflow.cli.demo import story

    for name in ("github", "alertmanager", "collector"):
        secret = place / f"{name}.secret"
        secret.write_text(ports.random_bytes(24).hex() + "\n")
        secret.chmod(0o600)
    source = Path(str(resources.files("eventflow.cli.demo") / "workflows"))
    for document in source.rglob("*.yaml"):
        target = place / "workflows" / document.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(document.read_text(encoding="utf-8").replace("http://OPS", outside), encoding="utf-8")
    return {
        "data_dir": str(place / "data"),
        "listen": {"public": "127.0.0.1:0", "private": "127.0.0.1:0"},
        "workflows": [str(place / "workflows")],
        "sources": story.sources(str(place)),
        "tokens": [{"name": "collector", "scopes": ["events:write"], "secret": f"file:{place}/collector.secret"}],
        "egress": {"allow": ["127.0.0.1"]},
        "log": {"level": "error"},
    }
