"""Sends the story's deliveries over HTTP, as their senders would, and keeps how long each took to be acknowledged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp

from eventflow import ports
from eventflow.cli.demo import story

if TYPE_CHECKING:
    from pathlib import Path

    from eventflow.cli.demo.watch import Watch


class Sender:
    """GitHub and Alertmanager of the demo."""

    def __init__(self, place: Path, watch: Watch) -> None:
        """`place` holds the secrets that both sides share."""
        self._place = place
        self._watch = watch
        self.answers: list[tuple[story.Scene, int, int]] = []
        """Scene, HTTP status, microseconds until the answer."""

    async def story(self, address: str, pace: float) -> None:
        """Send every scene in order, `pace` seconds apart."""
        secret = (self._place / "github.secret").read_text().strip().encode()
        token = (self._place / "alertmanager.secret").read_text().strip()
        async with aiohttp.ClientSession() as session:
            for scene in story.STORY:
                await ports.sleep(pace)
                begun = ports.boot()
                async with session.post(
                    f"{address}/in/{scene.source}",
                    data=story.body(scene),
                    headers=story.headers(scene, secret, token),
                ) as answer:
                    text = await answer.text()
                self.answers.append((scene, answer.status, ports.boot() - begun))
                self._watch.sent(scene, answer.status, text)
