"""The source `kafka` against the contract of sources that fetch, on a real broker."""

import pytest
from aiokafka import AIOKafkaProducer

from eventflow.plugin import Delivery, SourceContext
from eventflow.sources.kafka import Kafka
from eventflow.testing import PullContract

RECEIVED = 1_700_000_000_000_000


class TestKafka(PullContract):
    bodies = (b'{"a": 1}', b"[]", b"\xff", b'{"a": 1, "a": 2}', b"1e999")
    format = "json"

    @pytest.fixture(autouse=True)
    async def _topic(self, kafka, topic):
        self.bootstrap, self.topic = kafka.bootstrap, topic
        await kafka.create_topic(topic)

    def source(self, secrets):
        config = {"url": f"kafka://{self.bootstrap}/{self.topic}", "format": self.format, "group": self.topic}
        return Kafka(SourceContext("orders", {"config": config}, secrets))

    def authentic(self, body, secret):
        query = {"topic": "orders", "partition": "0", "offset": "7", "timestamp": "1700000000000", "key": "k"}
        return Delivery(method="KAFKA", path="orders", query=query, headers={}, body=body, received=RECEIVED)

    async def feed(self, bodies):
        async with AIOKafkaProducer(bootstrap_servers=self.bootstrap) as producer:
            for body in bodies:
                await producer.send_and_wait(self.topic, body)


class TestText(TestKafka):
    format = "text"


class TestBytes(TestKafka):
    format = "bytes"


GOOD = b'{"specversion":"1.0","id":"1","source":"s","type":"t"'


class TestCloudEvents(TestKafka):
    format = "cloudevents"
    bodies = (GOOD + b"}", GOOD + b',"x":' + b"[" * 50_000, GOOD + b',"x":' + b"[" * 500 + b"]" * 500 + b"}", b"[]",
              GOOD + b',"time":"noon"}', GOOD + b',"subject":3}', GOOD + b',"data_base64":"!"}')  # fmt: skip

    def authentic(self, body, secret):
        headers = {"content-type": "application/cloudevents+json"}
        return Delivery(method="KAFKA", path="orders", query={}, headers=headers, body=body, received=RECEIVED)
