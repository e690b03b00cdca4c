"""Every bus of the house under the shipped contract."""

import shutil
import tempfile
from pathlib import Path

import pytest

from eventflow.buses.memory import MemoryBus
from eventflow.buses.sqlite import SqliteBus
from eventflow.testing.bus import BusContract


class TestMemoryBus(BusContract):
    most_partitions = 7

    def make(self, place, *, partitions=1, **limits):
        return MemoryBus(partitions=partitions, **limits)

    def again(self, bus, place, *, partitions=1, **limits):
        return bus


class TestSqliteBus(BusContract):
    one_holder = True

    def make(self, place, *, partitions=1, **limits):
        return SqliteBus(place, spare_bytes=10_000, **limits)


class TestSqliteBusInSmallPieces(BusContract):
    """Segments of a few rows, groups of a few entries, nothing cached: everything is read across files."""

    one_holder = True

    @pytest.fixture
    def place(self, tmp_path):
        """Where syncs are cheap, if there is such a place: here they come by the hundred, and others test the disk."""
        memory = Path("/dev/shm")
        folder = Path(tempfile.mkdtemp(prefix="bus-", dir=memory if memory.is_dir() else tmp_path))
        yield folder / "log"
        shutil.rmtree(folder)

    def make(self, place, *, partitions=1, **limits):
        small = {"segment_bytes": 20_000, "group_bytes": 400, "cache_bytes": 0, "spare_bytes": 10_000}
        return SqliteBus(place, **small, **limits)
