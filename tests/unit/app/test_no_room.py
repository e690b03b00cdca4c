"""A disk without room is told as that, by the start and by doctor; nothing half written is left in the way."""

import resource
from collections.abc import Iterator

import pytest

from eventflow.app.doors import _write
from eventflow.cli.doctor.place import _sync
from eventflow.errors import StorageError


@pytest.fixture
def no_room() -> Iterator[None]:
    """No file of this process may have a byte, which fails as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_start_says_which_file(tmp_path, no_room):
    with pytest.raises(StorageError, match=r"addresses.json cannot be written"):
        _write(tmp_path / "addresses.json", b"x")


def test_doctor_says_where(tmp_path, no_room):
    found = _sync(tmp_path)
    assert (found.level, str(tmp_path) in found.sentence) == ("fail", True)
