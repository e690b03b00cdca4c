"""What aiokafka does without a limit, limited: metadata asked for in a circle, log lines by the thousand, stops that
never end. What was found of it is docs/decisions/0004-kafka-through-aiokafka.md; each has a test.

The one module that touches aiokafka's insides, so that a new release is checked against this file.
"""

# ruff: noqa: SLF001

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from eventflow import ports

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from eventflow.model.event import Micros

STOP: Final = 2.0
"""Seconds that a client may take to stop by itself."""
_BURST: Final = 5
_SPELL: Final[Micros] = ports.SECOND
_LINES: Final = 1
_PERIOD: Final[Micros] = 60 * ports.SECOND


def pace(client: Any) -> None:
    """Give a client's metadata requests a pause: a partition without leader else has it ask in a circle, one core full.

    Also a failed connection is tried again only after a quarter of a second.
    """
    ask, asked = client._metadata_update, deque[int](maxlen=_BURST)

    async def paced(cluster: Any, topics: Any) -> bool:
        if len(asked) == _BURST and ports.boot() - asked[0] < _SPELL:
            await ports.sleep(0.25)
        asked.append(ports.boot())
        found: bool = await ask(cluster, topics)
        if not found:
            await ports.sleep(0.25)
        return found

    client._metadata_update = paced


def watch_trouble(client: Any) -> None:
    """Count when a client has reason to doubt what it knows: a lost connection, a topic or leader that is not there."""
    force, client.troubles = client.force_metadata_update, 0

    def counted() -> Any:
        client.troubles += 1
        return force()

    client.force_metadata_update = counted


def troubles(consumer: Any) -> int:
    """How often so far."""
    return int(consumer._client.troubles)


class LogLimit(logging.Filter):
    """Lets one line of a kind pass in a minute, and says with the next how many were left out."""

    def __init__(self) -> None:
        """Nothing was said yet."""
        super().__init__()
        self._seen: dict[tuple[str, str], tuple[Micros, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this line is said."""
        kind = (record.name, str(record.msg))
        since, count = self._seen.get(kind, (0, 0))
        now = ports.boot()
        if now - since >= _PERIOD:
            if count > _LINES:
                record.msg = f"{record.msg} (and {count - _LINES} more of this kind in {(now - since) // 1_000_000} s)"
            self._seen[kind] = (now, 1)
            return True
        self._seen[kind] = (since, count + 1)
        return count < _LINES


_limit = LogLimit()


def quieten() -> None:
    """Put the limit on every logger of aiokafka that is there by now; a second time does nothing."""
    for name in list(logging.Logger.manager.loggerDict):
        if name == "aiokafka" or name.startswith("aiokafka."):
            logging.getLogger(name).addFilter(_limit)


def tame(client: Any) -> None:
    """Pace and quieten a consumer or producer that was just made."""
    quieten()
    inner = client._client if hasattr(client, "_client") else client.client
    pace(inner)
    watch_trouble(inner)


def place_of(consumer: Any, partition: Any) -> tuple[int, int]:
    """How far an assigned partition was taken, and up to where it may be read; 0 for what is not known."""
    state = consumer._subscription.subscription.assignment.state_value(partition)
    return (state.position if state.has_valid_position else 0), state.lso or 0


def show_alive(consumer: Any) -> None:
    """Count as a member that asks for records, for ten minutes more. Raises what ended the membership."""
    consumer._coordinator.check_errors()
    with consumer._subscription.fetch_context():
        pass


def is_member(consumer: Any) -> bool:
    """Whether the group has it now: it beats, and need not join again."""
    coordinator = consumer._coordinator
    beating = coordinator._heartbeat_task is not None and not coordinator._heartbeat_task.done()
    return bool(beating and coordinator.generation > 0 and not coordinator._rejoin_needed_fut.done())


async def count_partitions(consumer: Any, topic: str) -> int:
    """How many partitions a topic has now; 0 when it is not there. Raises when no broker says so now."""
    from aiokafka.errors import KafkaConnectionError

    consumer._client.add_topic(topic)
    if not await consumer._client.force_metadata_update():
        raise KafkaConnectionError("no broker answers")
    return len(consumer._client.cluster.partitions_for_topic(topic) or ())


async def commit_offsets(consumer: Any, group: str, places: Sequence[tuple[str, int, int]], note: str = "") -> None:
    """Commit (topic, partition, offset) for a group without members, with a note. Raises what aiokafka raises."""
    from aiokafka.client import ConnectionGroup, CoordinationType
    from aiokafka.errors import for_code
    from aiokafka.protocol.commit import OffsetCommitRequest

    client = consumer._client
    node = await client.coordinator_lookup(CoordinationType.GROUP, group)
    topics: dict[str, list[tuple[int, int, str]]] = {}
    for topic, partition, offset in places:
        topics.setdefault(topic, []).append((partition, offset, note))
    request = OffsetCommitRequest(group, -1, "", -1, list(topics.items()))
    answer = await client.send(node, request, group=ConnectionGroup.COORDINATION)
    for _, partitions in answer.topics:
        for _, code in partitions:
            if code:
                error: type[Exception] = for_code(code)
                raise error


async def committed_offsets(
    consumer: Any, group: str, places: Sequence[tuple[str, int]]
) -> dict[tuple[str, int], tuple[int, str]]:
    """By (topic, partition) the offset and the note that a group has; without those it has none for.

    Raises what aiokafka raises.
    """
    from aiokafka.client import ConnectionGroup, CoordinationType
    from aiokafka.errors import for_code
    from aiokafka.protocol.commit import OffsetFetchRequest

    client = consumer._client
    node = await client.coordinator_lookup(CoordinationType.GROUP, group)
    topics: dict[str, list[int]] = {}
    for topic, partition in places:
        topics.setdefault(topic, []).append(partition)
    answer = await client.send(
        node, OffsetFetchRequest(group, list(topics.items())), group=ConnectionGroup.COORDINATION
    )
    found = {}
    for topic, partitions in answer.topics:
        for partition, offset, note, code in partitions:
            if code:
                error: type[Exception] = for_code(code)
                raise error
            if offset >= 0:
                found[topic, partition] = (int(offset), str(note or ""))
    return found


async def stop_consumer(consumer: Any, seconds: float = STOP) -> None:
    """Stop it, in bounded time, whether the broker is there or not. Never raises what the stop raises."""
    if not await _bounded(consumer.stop(), seconds):
        alive = _tasks_of(consumer)
        for task in alive:
            task.cancel()
        _cut(consumer._client)
        await ports.wait_for(alive, 0.5)
        await _bounded(consumer._client.close(), seconds)


async def stop_producer(producer: Any, seconds: float = STOP) -> None:
    """Stop it; what is not sent by then stays unsent. Never raises what the stop raises."""
    if await _bounded(producer.stop(), seconds):
        return
    task = producer._sender.sender_task
    if task is not None:
        task.cancel()
    for _ in range(2):  # what the sender was at may connect once more
        _cut(producer.client)
        await _bounded(producer.client.close(), seconds)
        await _bounded(producer._sender.close(), seconds)


def _tasks_of(consumer: Any) -> list[Any]:
    """What a stop that was broken off has left running, and would connect again."""
    coordinator, fetcher = consumer._coordinator, consumer._fetcher
    names = ("_coordination_task", "_heartbeat_task", "_commit_refresh_task")
    found = [getattr(coordinator, name, None) for name in names]
    if fetcher is not None:
        found += [fetcher._fetch_task, *fetcher._pending_tasks]
    return [task for task in found if task is not None and not task.done()]


def _cut(client: Any) -> None:
    """Break off a client's connections: what waits to be sent to a broker that does not read keeps them open else."""
    for connection in client._conns.values():
        if connection._writer is not None:
            connection._writer.transport.abort()


async def _bounded(work: Coroutine[Any, Any, Any], seconds: float) -> bool:
    """Whether it ended well in time; else it is broken off. A task of its own, since some raise CancelledError."""
    tasks = ports.Tasks()
    task = tasks.spawn(work, "kafka.stop")
    await ports.wait_for([task], seconds)
    if not task.done():
        task.cancel()
        await ports.wait_for([task], 0.5)
        return False
    return not task.cancelled() and task.exception() is None
