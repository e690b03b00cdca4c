"""The fixtures `kafka`, `own_kafka`, `topic`, `swept`, and where their tests run. A plugin of `tests/conftest.py`."""

import asyncio
import gc
import itertools
import os
import warnings
import zlib

import pytest

from tests.peers import kafka_parts
from tests.peers.kafka import Cluster, archive

FIXTURES = {"kafka", "own_kafka", "kafka_classes"}
BROKERS = 2
"""So many shared brokers run at once, each for the tests of one worker."""
numbers = itertools.count(1)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """The tests of Kafka carry its marker, and run in at most `BROKERS` workers of pytest-xdist, a module in one.

    First of all plugins: `-m` and pytest-xdist look at what is marked here.
    """
    for item in items:
        if FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.kafka)
            item.add_marker(pytest.mark.xdist_group(f"kafka-{zlib.crc32(item.path.name.encode()) % BROKERS}"))


@pytest.fixture(scope="session")
def kafka_classes():
    """Kafka's parts are there; the archive of classes. Without them the tests of Kafka are left out, loudly."""
    try:
        return archive()
    except kafka_parts.Missing as missing:
        pytest.skip(f"NO KAFKA, ITS TESTS ARE LEFT OUT: {missing}")


@pytest.fixture(scope="session")
def kafka(kafka_classes, tmp_path_factory):
    """The broker that all tests of this worker share: leave it running and make topics and groups of new names."""
    with Cluster(tmp_path_factory.mktemp("kafka"), archive=kafka_classes) as cluster:
        yield cluster


@pytest.fixture
def own_kafka(kafka_classes, tmp_path_factory):
    """Make clusters of your own, to be killed, frozen or configured: `own_kafka(brokers=3, settings={…})`."""
    made = []

    def make(**plan):
        made.append(Cluster(tmp_path_factory.mktemp("own-kafka"), archive=kafka_classes, **plan))
        return made[-1].start()

    yield make
    for cluster in made:
        cluster.stop()


@pytest.fixture
def topic():
    """A name that no other test has."""
    return f"topic-{os.getpid()}-{next(numbers)}"


@pytest.fixture
async def swept():
    """A connection that was broken off while it was made, aiokafka leaves to the collector: no test's concern."""
    yield
    await asyncio.sleep(0.2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
