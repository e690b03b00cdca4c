"""What only the log in files has: names of files, damage, a disk that is really full."""

import asyncio
import contextlib
import os
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import apsw
import pytest

from eventflow import ports
from eventflow.buses.memory import MemoryBus
from eventflow.buses.sqlite import SqliteBus
from eventflow.errors import EventflowError, StorageDamaged, StorageError, StorageFull, StorageHeld
from eventflow.model.record import CONTROL, Bounds, Entry, Ref
from eventflow.plugin import registry
from eventflow.plugin.bus import Bus
from eventflow.testing.bus import MovedClock, drain, from_start

SMALL = {"segment_bytes": 40_000, "cache_bytes": 0, "spare_bytes": 10_000}


@asynccontextmanager
async def opened(folder, **settings):
    bus = SqliteBus(folder, **(SMALL | settings))
    await bus.open()
    try:
        yield bus
    finally:
        await bus.close()


def lines(count, size=3000, start=0):
    return [Entry(0, b"%06d" % number + b"x" * size) for number in range(start, start + count)]


async def fill(bus, count, start=0):
    for entry in lines(count, start=start):
        await bus.publish([entry])


def segments(folder):
    return sorted(path.name for path in folder.glob("*.sqlite"))


def test_they_are_found_by_their_names():
    assert registry.names("bus", Bus) == ["kafka", "memory", "sqlite"]
    assert registry.find("bus", "sqlite", Bus) is SqliteBus
    assert isinstance(MemoryBus(), Bus)


async def test_a_segment_is_named_by_where_it_begins_and_everything_is_private(tmp_path):
    async with opened(tmp_path / "log") as bus:
        await bus.publish([Entry(CONTROL, b"c")])
        await fill(bus, 40)
        modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "log").iterdir()}
        assert set(modes.values()) == {0o600}, modes
    found = segments(tmp_path / "log")
    assert len(found) >= 3
    for name in found[:-1]:
        connection = apsw.Connection(str(tmp_path / "log" / name))
        assert name.startswith(f"{connection.execute('SELECT min(base) FROM data').fetchone()[0]:020}-")
        assert name.endswith(f"-{int(name != found[0]):020}.sqlite")
        connection.close()


async def test_a_hole_between_segments_is_noticed(tmp_path):
    async with opened(tmp_path) as bus:
        await fill(bus, 60)
    found = segments(tmp_path)
    (tmp_path / found[-2]).unlink()
    with pytest.raises(StorageDamaged, match="a file of the log was removed or replaced"):
        async with opened(tmp_path):
            pass
    async with opened(tmp_path / "second") as bus:
        await fill(bus, 60)
    (tmp_path / "second" / segments(tmp_path / "second")[1]).unlink()
    async with opened(tmp_path / "second") as bus:
        with pytest.raises(StorageDamaged, match="is missing"):
            await drain(bus.subscribe("a", from_start))


async def test_no_byte_of_the_log_can_change_unnoticed(tmp_path):
    """For a byte of each page: the log refuses, or answers exactly as before; never something else."""
    async with opened(tmp_path / "log", segment_bytes=1 << 20) as bus:
        await fill(bus, 8)
        await bus.publish([Entry(CONTROL, b"c" * 9000)])
    [name] = segments(tmp_path / "log")
    path = tmp_path / "log" / name
    whole, expected, refused = path.read_bytes(), [e.data for e in lines(8)], 0
    for place in range(7, len(whole), 509):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        try:
            async with opened(tmp_path / "log", segment_bytes=1 << 20) as bus:
                records = await drain(bus.subscribe("a", from_start))
        except StorageError:
            refused += 1
        else:
            assert [r.data for r in records] == [b"c" * 9000, *expected], f"byte {place}"
        for left in (tmp_path / "log").glob("*-wal"):
            left.unlink()
    assert refused > 40


async def test_a_second_process_is_refused_with_the_name_of_the_first(tmp_path):
    code = (
        "import asyncio, pathlib, sys\nfrom eventflow.buses.sqlite import SqliteBus\n"
        "asyncio.run(SqliteBus(pathlib.Path(sys.argv[1])).open())"
    )
    async with opened(tmp_path):
        command = [sys.executable, "-c", code, str(tmp_path)]
        second = await ports.in_thread(lambda: subprocess.run(command, capture_output=True, text=True, check=False))
    assert second.returncode != 0
    assert f"StorageHeld: {tmp_path} is in use by process {os.getpid()}" in second.stderr
    assert issubclass(StorageHeld, EventflowError)


async def test_old_segments_are_unlinked_and_few_files_are_open(tmp_path):
    handles = Path("/proc/self/fd")
    async with opened(tmp_path) as bus:
        await fill(bus, 200)
        before = len(list(handles.iterdir()))
        for offset in range(0, 200, 7):
            await bus.fetch([Ref(0, offset)])
        assert len(list(handles.iterdir())) <= before + 8
        count = len(segments(tmp_path))
        await bus.retain(lambda partition: 150 if partition == 0 else 0)
        assert len(segments(tmp_path)) == count, "nothing is old yet"
    with ports.use(MovedClock()) as clock:
        clock.moved = 30 * 86_400 * ports.SECOND
        async with opened(tmp_path) as bus:
            await bus.retain(lambda partition: 150 if partition == 0 else 0)
            start = (await bus.bounds(0)).start
            assert 100 < start <= 150
            assert segments(tmp_path)[0].startswith(f"{start:020}")
        async with opened(tmp_path) as bus:
            assert await bus.bounds(0) == Bounds(start, 200)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MB, where that may be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk is not allowed here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.optional  # a container may not be allowed to mount; the n-th failing write is tested everywhere
async def test_a_full_disk_is_survived_and_left_again_by_itself(small_disk):
    with ports.use(MovedClock()) as clock:
        async with opened(small_disk / "log", segment_bytes=1 << 20, spare_bytes=100_000, cache_bytes=0) as bus:
            (small_disk / "ballast").write_bytes(b"x" * 300_000)
            taken = 0
            with contextlib.suppress(StorageFull):
                while taken < 10_000:
                    await bus.publish(lines(1, start=taken))
                    taken += 1
            assert "disk" in bus.full
            for number in range(10):
                await bus.publish([Entry(CONTROL, b"stop %d" % number)])
            with pytest.raises(StorageFull):
                await bus.publish(lines(1, size=1))
            (small_disk / "ballast").unlink()
            clock.moved += 2 * ports.SECOND
            await bus.publish(lines(1, start=taken))
            assert bus.full == ""
            records = await drain(bus.subscribe("a", from_start))
            assert [r.data[:6] for r in records if r.partition == 0] == [b"%06d" % n for n in range(taken + 1)]
            assert len(records) == taken + 11


@pytest.mark.optional
async def test_a_full_disk_does_not_keep_a_log_from_opening(small_disk):
    async with opened(small_disk / "log", segment_bytes=1 << 20, spare_bytes=1000) as bus:
        await fill(bus, 20)
    free = os.statvfs(small_disk)
    (small_disk / "ballast").write_bytes(b"x" * (free.f_bavail * free.f_bsize))
    async with opened(small_disk / "log", spare_bytes=100_000) as bus:
        assert len(await drain(bus.subscribe("a", from_start))) == 20
        with pytest.raises(StorageFull):
            await bus.publish(lines(40))


async def test_a_locked_file_delays_and_loses_nothing(tmp_path):
    """Another process cannot lock a file that is held exclusively: it is refused instead, and we go on."""
    async with opened(tmp_path) as bus:
        await fill(bus, 3)
        [name] = segments(tmp_path)
        other = apsw.Connection(str(tmp_path / name))
        with pytest.raises(apsw.BusyError):
            other.execute("BEGIN EXCLUSIVE")
        other.close()
        await asyncio.gather(*(bus.publish(lines(1, start=3 + n)) for n in range(3)))
        assert await bus.bounds(0) == Bounds(0, 6)
