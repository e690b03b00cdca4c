"""The public listener on a real socket over a real bus, and a client that can be as rude as it likes."""

import asyncio
import contextlib
import io
import json
from types import SimpleNamespace

import aiohttp

from eventflow.ingest.door import PublicDoor
from eventflow.ingest.events import EventsDoor
from eventflow.ingest.gateway import Gateway
from eventflow.web.limits import Limits
from eventflow.web.listener import Listener
from eventflow.web.tokens import Tokens

SECRET = "ef_a_secret_for_tests_0123456789"
READER = "ef_another_secret_for_tests_0123456789"
TOKENS = [("sender", ["events:write"], SECRET), ("reader", ["events:read"], READER)]
LIMITS = Limits(header_seconds=1, body_seconds=1, idle_seconds=5, connections_per_address=20)


def event(**more):
    return {"specversion": "1.0", "id": "1", "source": "shop", "type": "order.created", "data": {"total": 12}} | more


async def until(holds):
    """Wait until something holds that nobody tells."""
    while not holds():
        await asyncio.sleep(0.01)


class House:
    """One public listener; `records` are what the bus holds."""

    def __init__(self, bus, limits=LIMITS, doors=None):
        self.bus = bus
        self.gateway = Gateway(bus, limits=limits)
        self.errors = []
        self.doors = {"/events": EventsDoor(self.gateway, Tokens(settings=TOKENS))} | (doors or (lambda _: {}))(
            self.gateway
        )
        self.listener = Listener(
            PublicDoor(self.doors), limits, on_error=lambda error, request: self.errors.append(error)
        )

    async def __aenter__(self):
        await self.bus.open()
        self.port = await self.listener.listen("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.port}"
        self.session = aiohttp.ClientSession(auto_decompress=True)
        return self

    async def __aexit__(self, *_):
        await self.session.close()
        await self.listener.close()
        await self.bus.close()

    async def post(self, body, kind="application/cloudevents+json", *, path="/events", token=SECRET, **headers):
        """Status, decoded answer, headers."""
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        sent = {"Content-Type": kind} | ({"Authorization": f"Bearer {token}"} if token else {})
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.post(self.url + path, data=io.BytesIO(body), headers=sent) as answer:
            text = await answer.read()
            return SimpleNamespace(
                status=answer.status, body=json.loads(text) if text else None, headers=answer.headers, text=text
            )

    async def raw(self, *pieces, pause=0.0, wait=6.0):
        """Send bytes as they are, read until the other side closes or answers; everything that came."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        got = b""
        try:
            async with asyncio.timeout(wait):
                with contextlib.suppress(ConnectionError):
                    for piece in pieces:
                        writer.write(piece)
                        await writer.drain()
                        if pause:
                            await asyncio.sleep(pause)
                while chunk := await reader.read(65536):
                    got += chunk
                    if b"\r\n\r\n" in got and b"close" not in got.lower():
                        break
        except (TimeoutError, ConnectionError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
        return got

    async def records(self, partition=0):
        """The decoded events of a partition."""
        subscription = self.bus.subscribe("test", lambda _: 0)
        found = []
        while batch := await subscription.read(1000, 0, partitions=[partition]):
            found += [json.loads(record.data) for record in batch.records]
        await subscription.close()
        return found
