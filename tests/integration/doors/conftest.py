"""The house whose door most of these tests knock at."""

import pytest

from eventflow.buses.memory import MemoryBus
from tests.integration.doors.open_house import House


@pytest.fixture
async def house():
    async with House(MemoryBus()) as made:
        yield made
