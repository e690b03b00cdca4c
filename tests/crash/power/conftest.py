"""What the tests of power cuts share."""

import shutil
import tempfile
from pathlib import Path

import pytest

SHARED_MEMORY = Path("/dev/shm")


@pytest.fixture
def ram():
    """A folder where a sync costs nothing: the tape knows what a disk would hold, and hundreds of them are opened."""
    folder = Path(tempfile.mkdtemp(prefix="power-", dir=SHARED_MEMORY if SHARED_MEMORY.is_dir() else None)).resolve()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
