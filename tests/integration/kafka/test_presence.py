"""An idle eventflow notices by itself that its broker is gone, and that it is back, and says so once each."""

import asyncio
import logging

import pytest
import structlog

from eventflow import Eventflow

QUIET = 8.0
"""Seconds of an absence in which no storm of log lines may come."""


@pytest.fixture
def lines(caplog):
    """Every log line from now on, ours (whatever level a house of an earlier test has set) and aiokafka's."""
    before = structlog.get_config()["wrapper_class"]
    with structlog.testing.capture_logs() as ours:
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET))
        yield lambda: [line["event"] for line in ours] + [record.getMessage() for record in caplog.records]
    structlog.configure(wrapper_class=before)


async def until(condition, within=60):
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.02)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # it may be collected meanwhile
@pytest.mark.parametrize(("harm", "cure"), [("kill", "restart"), ("freeze", "thaw")])
async def test_a_broker_that_goes_while_nothing_happens(own_kafka, topic, tmp_path, lines, swept, harm, cure):
    """Nobody publishes before it is known."""
    cluster = await asyncio.to_thread(own_kafka)
    (node,) = cluster.nodes
    given = {"data_dir": str(tmp_path), "bus": {"url": f"kafka://{cluster.bootstrap}/{topic}", "partitions": 2}}
    async with Eventflow(given, doors=False) as flow:
        await flow.ready()
        await until(lambda: not flow.trouble())
        await asyncio.to_thread(getattr(node, harm))
        await until(lambda: "bus" in flow.trouble())
        assert f"{cluster.bootstrap}" in flow.trouble()["bus"]
        before = len(lines())
        await asyncio.sleep(QUIET)
        assert len(lines()) - before < 4 * QUIET
        assert "bus" in flow.trouble()
        await asyncio.to_thread(getattr(node, cure))
        await until(lambda: not flow.trouble())
        await flow.emit(flow.event("after", {}))
        changes = [line for line in lines() if line in {"kafka.silent", "kafka.answers_again"}]
        assert changes == ["kafka.silent", "kafka.answers_again"]
