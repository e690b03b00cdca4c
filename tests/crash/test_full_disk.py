"""A full disk: the door sheds, nothing that was accepted is lost, and it goes on by itself when there is room."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import subprocess
from typing import TYPE_CHECKING

import aiohttp
import pytest

from tests.crash.house import TOKEN, House, Sink
from tests.crash.test_kill import PLAIN, settle

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB."""
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small file system is not allowed here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def grow(place: Path) -> None:
    """Make room."""
    subprocess.run(["mount", "-o", "remount,size=96m", str(place)], check=True)


@pytest.mark.optional("needs the right to mount a file system; the n-th failing write is tested without")
async def test_full_and_back(small: Path) -> None:
    async with Sink(random.Random(2), refuse=0, slow=0.01) as sink, House(small, sink.url, {"plain": PLAIN}) as house:
        await house.start()
        async with aiohttp.ClientSession() as session:
            acked = await fill(house, session)
            assert not await house.is_ready()
            spare = small / "ballast"
            with contextlib.suppress(OSError):
                spare.write_bytes(b"\0" * (1 << 20))
            spare.unlink(missing_ok=True)
            grow(small)
            async with asyncio.timeout(60):
                while await post(house, session, "after") != 202:
                    await asyncio.sleep(0.1)
            await settle(house)
        runs = {run["inputs"]["id"] for run in await house.every("/runs?status=succeeded")}
        assert set(acked) | {"after"} <= runs
        assert await house.stop(10) == 0


async def fill(house: House, session: aiohttp.ClientSession) -> list[str]:
    """Send until nothing is taken any more."""
    acked = []
    for n in range(5000):
        status = await post(house, session, f"e{n}")
        if status == 503:
            return acked
        assert status == 202
        acked.append(f"e{n}")
    raise AssertionError("the disk never got full")


async def post(house: House, session: aiohttp.ClientSession, id_: str) -> int:
    event = {
        "specversion": "1.0", "id": id_, "source": "load", "type": "load.event", "subject": "k",
        "data": {"id": id_, "ballast": "x" * 40_000},
    }  # fmt: skip
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/cloudevents+json"}
    async with session.post(house.addresses()["public"] + "/events", data=json.dumps(event), headers=headers) as answer:
        assert answer.status != 503 or "Retry-After" in answer.headers
        return answer.status
