"""The bus on a real Kafka under the shipped contract: as the only reader, and as a member of a consumer group."""

import hashlib
import os

import pytest

from eventflow.buses.kafka import KafkaBus
from eventflow.kafka.connection import Connection
from eventflow.kafka.topics import Wanted
from eventflow.testing.bus import BusContract


class KafkaContract(BusContract):
    most_partitions = 3
    own_clock = False
    own_limits = False
    shared = False

    @pytest.fixture(autouse=True)
    def _broker(self, kafka):
        self.kafka = kafka

    def make(self, place, *, partitions=1, **limits):
        topic = f"contract-{os.getpid()}-{hashlib.blake2b(str(place).encode(), digest_size=6).hexdigest()}"
        wanted = Wanted(topic, partitions)
        return KafkaBus(Connection((self.kafka.bootstrap,)), wanted, shared=self.shared, session=3.0)


class TestKafkaBus(KafkaContract):
    """All partitions are ours."""


@pytest.mark.long
class TestKafkaBusInAGroup(KafkaContract):
    """What the group gives, which here is all as well."""

    shared = True


del KafkaContract
