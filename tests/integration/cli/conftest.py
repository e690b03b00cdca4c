"""A person in an empty directory, and one in a project that `init` made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.cli.seat import ANY_PORTS, Seat

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def seat(tmp_path: Path) -> Iterator[Seat]:
    somebody = Seat(tmp_path)
    yield somebody
    somebody.leave()


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Seat]:
    """As `init` makes it, on free ports."""
    somebody = Seat(tmp_path / "shop")
    (tmp_path / "shop").mkdir()
    somebody.run("init")
    (tmp_path / "shop" / "eventflow.yaml").write_text(ANY_PORTS)
    yield somebody
    somebody.leave()
