"""Work that others go on from at once: it is seen before it is safe, and returns when it is."""

import asyncio
import errno
import os
from pathlib import Path

import pytest

from eventflow.disk import Database, Migration, Writer
from eventflow.errors import StorageLost

TABLE = Migration(1, "first", "CREATE TABLE thing (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;")


class Shared:
    """A database with a writer, and who was told of what in which order."""

    def __init__(self, path):
        self.path = path / "a.sqlite"
        self.database = Database(self.path, [TABLE])
        self.database.open()
        self.writer = Writer(self.database)
        self.order = []

    def insert(self, number):
        self.database.execute("INSERT INTO thing VALUES (?, 'x')", (number,), changes=1)
        return number

    def seen(self):
        self.order.append(f"written {[number for (number,) in self.database.rows('SELECT id FROM thing')]}")

    async def shared(self, number):
        self.order.append(f"safe {await self.writer.share(lambda: self.insert(number), self.seen)}")

    async def follow(self, number, **how):
        self.order.append(f"followed {await self.writer.run(lambda: self.insert(number), **how)}")


@pytest.fixture
def shared(tmp_path):
    shared = Shared(tmp_path)
    yield shared
    shared.writer.close()
    shared.database.close()


def counted_syncs(shared, monkeypatch):
    real = os.fsync

    def fsync(handle):
        if Path(f"/proc/self/fd/{handle}").readlink() == shared.path.with_name("a.sqlite-wal"):
            shared.order.append("synced")
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)


async def test_shared_work_is_seen_first_and_safe_with_what_follows(shared, monkeypatch):
    counted_syncs(shared, monkeypatch)
    monkeypatch.setattr(shared, "seen", lambda: following.append(asyncio.ensure_future(shared.follow(2))))
    following = []
    await shared.shared(1)
    await asyncio.gather(*following)
    assert sorted(shared.order) == ["followed 2", "safe 1"]


async def test_shared_work_that_nobody_follows_is_synced_by_itself(shared, monkeypatch):
    counted_syncs(shared, monkeypatch)
    await shared.shared(1)
    assert shared.order == ["written [1]", "synced", "safe 1"]


async def test_shared_work_is_synced_before_it_is_told_outside(shared, monkeypatch):
    counted_syncs(shared, monkeypatch)

    def tell():
        shared.writer.settle()
        shared.order.append("told")

    monkeypatch.setattr(shared, "seen", tell)
    await shared.shared(1)
    assert shared.order == ["synced", "told", "safe 1"]


async def test_unsynced_work_makes_nothing_safe(shared, monkeypatch):
    counted_syncs(shared, monkeypatch)
    first = asyncio.ensure_future(shared.shared(1))
    await shared.follow(2, synced=False)
    await first
    assert shared.order.index("synced") < shared.order.index("safe 1")


async def test_work_that_writes_nothing_makes_nothing_safe_by_itself(shared, monkeypatch):
    counted_syncs(shared, monkeypatch)
    monkeypatch.setattr(shared, "seen", lambda: following.append(shared.writer.run(lambda: None)))
    following = []
    await shared.shared(1)
    await asyncio.gather(*following)
    assert shared.order == ["synced", "safe 1"]
    await shared.writer.run(lambda: None)
    assert shared.order == ["synced", "safe 1"]


async def test_nothing_to_write_is_no_less_safe_than_what_it_found(shared, monkeypatch):
    counted_syncs(shared, monkeypatch)
    await shared.follow(1, synced=False)
    assert await shared.writer.run(lambda: shared.database.rows("SELECT id FROM thing")) == [(1,)]
    assert shared.order == ["followed 1", "synced"]


async def test_shared_work_beside_synced_work_waits_for_nothing_more(shared, monkeypatch):
    counted_syncs(shared, monkeypatch)
    await asyncio.gather(shared.shared(1), shared.follow(2))
    assert sorted(shared.order) == ["followed 2", "safe 1", "written [1, 2]"]


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
async def test_shared_work_whose_sync_fails_is_lost(shared, monkeypatch, code):
    def fails(handle):
        raise OSError(code, "the disk failed")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(StorageLost):
        await shared.shared(1)
    with pytest.raises(StorageLost):
        await shared.follow(2)


async def test_shared_work_is_safe_once_the_file_is_closed(shared):
    first = asyncio.ensure_future(shared.shared(1))
    while not shared.order:
        await asyncio.sleep(0)
    shared.writer.close()
    shared.database.close()
    await first
    shared.database.open()
    assert shared.database.rows("SELECT id FROM thing") == [(1,)]
