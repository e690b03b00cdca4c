"""Sends the story's deliveries over HTTP, as their senders would, and keeps how long each took to be acknowledged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp

from eventflow import ports
from eventflow.cli.demo import metric, story

if TYPE_CHECKING:
    from pathlib import Path

    from eventflow.cli.demo.watch import Watch


class Sender:
    """GitHub, Alertmanager and the collector of the demo."""

    def __init__(self, place: Path, watch: Watch) -> None:
        """`place` holds the secrets that both sides share."""
        self._place = place
        self._watch = watch
        self.answers: list[tuple[story.Scene, int, int]] = []
        """Scene, HTTP status, microseconds until the answer."""
        self.samples = 0
        """Samples of the metric that were taken."""

    async def story(self, address: str, pace: float) -> None:
        """Send every scene in order, `pace` seconds apart."""
        secret = (self._place / "github.secret").read_text().strip().encode()
        token = (self._place / "alertmanager.secret").read_text().strip()
        portions = metric.portions()
        self._watch.metric(sum(portion.count(b"\n") + 1 for portion in portions))
        async with aiohttp.ClientSession() as session:
            for scene, portion in zip(story.STORY, portions, strict=True):
                await ports.sleep(pace)
                await self._samples(session, address, portion)
                begun = ports.boot()
                async with session.post(
                    f"{address}/in/{scene.source}",
                    data=story.body(scene),
                    headers=story.headers(scene, secret, token),
                ) as answer:
                    text = await answer.text()
                self.answers.append((scene, answer.status, ports.boot() - begun))
                self._watch.sent(scene, answer.status, text)

    async def _samples(self, session: aiohttp.ClientSession, address: str, portion: bytes) -> None:
        """Send a portion of the metric, as a collector would."""
        token = (self._place / "collector.secret").read_text().strip()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/x-ndjson"}
        async with session.post(f"{address}/events", data=portion, headers=headers) as answer:
            answer.raise_for_status()
            self.samples += (await answer.json())["accepted"]
