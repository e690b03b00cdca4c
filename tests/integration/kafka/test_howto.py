"""The page about topics of others does what it says, on a real broker."""

import asyncio
import re
from pathlib import Path

import yaml
from aiokafka import AIOKafkaProducer

from eventflow import Eventflow

PAGE = Path(__file__).parents[3] / "docs/howto/kafka-source.md"


async def test_the_page_does_what_it_says(kafka, topic, tmp_path):
    files = dict(re.findall(r"<!-- test: file=(\S+) -->\n```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL))
    (tmp_path / "thanks.yaml").write_text(files["workflows/thanks.yaml"])
    given = yaml.safe_load(files["eventflow.yaml"].replace("127.0.0.1:9092/orders", f"{kafka.bootstrap}/{topic}"))
    await kafka.create_topic(topic)
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
        await producer.send_and_wait(topic, b'{"no": 7, "state": "paid"}', key=b"ann")
    async with Eventflow({**given, "data_dir": str(tmp_path / "data"), "workflows": str(tmp_path)}) as flow:
        async with asyncio.timeout(30):
            while not await flow.store.runs(10):
                await asyncio.sleep(0.05)
        [run] = await flow.store.runs(10)
        [event] = await flow.store.run_events(run.id)
    assert run.workflow == "thanks"
    assert b'"id":"7/paid"' in event.data
    assert b'"subject":"ann"' in event.data
