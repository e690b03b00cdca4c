"""Starts the sources that fetch, and ends them in bounded time; what each does is `ingest.pulling`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from eventflow import ports
from eventflow.ingest.pulling import Puller

if TYPE_CHECKING:
    import asyncio

    from eventflow.app.house import Eventflow
    from eventflow.ingest.gateway import Gateway
    from eventflow.plugin import Pull

STOP: Final = 5.0
"""Seconds that all of them together may take to store what they have in hand."""


class Pullers:
    """The sources of one house that fetch."""

    def __init__(self, flow: Eventflow) -> None:
        """None yet."""
        self._flow = flow
        self._pullers: list[Puller] = []
        self._running: list[asyncio.Task[None]] = []
        self._tasks = ports.Tasks(flow.room_failed)

    def prepare(self, gateway: Gateway, source: Pull) -> None:
        """One more. Raises `SettingsError`."""
        self._pullers.append(Puller(gateway, source, self._flow.store, worker=self._flow.worker))

    def start(self) -> None:
        """Let all fetch."""
        self._running = [self._tasks.spawn(one.run(), f"source {one.name}") for one in self._pullers]

    @property
    def trouble(self) -> dict[str, str]:
        """Source → why it does not fetch now."""
        return {one.name: one.trouble for one in self._pullers if one.trouble}

    async def close(self) -> None:
        """Let each finish what it has in hand."""
        for one in self._pullers:
            one.drain()
        await ports.wait_for(self._running, STOP)
        await self._tasks.close()
