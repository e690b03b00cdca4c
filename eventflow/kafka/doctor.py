"""Whether Kafka is fit to be the bus, as findings: reachable, let in, the topics as they must be, how far we are.

Plain results, so that whoever prints them decides how.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec

from eventflow.errors import EventflowError, StorageError
from eventflow.kafka.connection import reach
from eventflow.kafka.lookup import Lookup
from eventflow.kafka.reader import name
from eventflow.kafka.records import Plain
from eventflow.kafka.rivals import decided, group_of
from eventflow.kafka.topics import describe, problems, remarks
from eventflow.model.record import CONTROL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from eventflow.kafka.connection import Connection
    from eventflow.kafka.topics import Topic, Wanted
    from eventflow.model.record import Bounds

MUCH: Final = 100_000
"""Records that may wait before it is worth a line."""


class Finding(msgspec.Struct, frozen=True):
    """One line: `ok`, `warn` or `fail`, what is so, and what to do where it is not well."""

    level: Literal["ok", "warn", "fail"]
    sentence: str
    advice: str = ""


async def examine(connection: Connection, wanted: Wanted, positions: Mapping[int, int]) -> list[Finding]:
    """All findings. `positions`: partition → offset of the next record to decide, as the store has it."""
    try:
        await reach(connection)
        data, control = await describe(connection, wanted.topic)
    except EventflowError as error:
        return [Finding("fail", str(error), "Kafka must be there and let us in before eventflow starts")]
    found = [Finding("ok", f"{', '.join(connection.servers)} answers and lets us in ({connection.protocol})")]
    if data is None or control is None:
        missing = [name for name, topic in ((wanted.topic, data), (wanted.control, control)) if topic is None]
        is_, it = ("are", "them") if len(missing) > 1 else ("is", "it")
        names = " and ".join(missing)
        if any(positions.values()):
            advice = f"restore {it}; a start makes {it} anew, and partitions stand still until the loss is accepted"
            return [*found, Finding("fail", f"{names} {is_} not there any more", advice)]
        advice = f"the first start makes {it}, where that is allowed"
        return [*found, Finding("warn", f"{names} {is_} not there yet", advice)]
    if not positions and data.partitions > wanted.partitions:
        sentence = f"the topic {data.name} has {data.partitions} partitions and bus.partitions says {wanted.partitions}"
        advice = f"set bus.partitions: {data.partitions}, which is fixed from the first start on"
        return [*found, Finding("fail", sentence, advice)]
    found += _topics(data, control, wanted)
    if not any(one.level == "fail" for one in found):
        found += await _places(connection, wanted, data, positions)
    return found


def _topics(data: Topic, control: Topic, wanted: Wanted) -> list[Finding]:
    bad = [Finding("fail", problem, "the start is refused until then") for problem in problems(data, control, wanted)]
    weak = [Finding("warn", remark, "see docs/howto/kafka.md") for remark in remarks(data, control, wanted)]
    few = [one for one in (data, control) if one.insync < min(one.number("min.insync.replicas", 1), one.replication)]
    short = [
        Finding(
            "fail",
            f"{topic.name} has {topic.insync} replica(s) in sync and needs {topic.number('min.insync.replicas', 1)}",
            "start the brokers that are away: until then events are refused with 503",
        )
        for topic in few
    ]
    kept = f"{data.partitions} partition(s), {data.replication} replica(s)"
    return bad + weak + short or [Finding("ok", f"the topic {data.name} is as it must be: {kept}")]


async def _places(connection: Connection, wanted: Wanted, data: Topic, positions: Mapping[int, int]) -> list[Finding]:
    lookup = Lookup(
        connection, lambda partition: (wanted.control, 0) if partition == CONTROL else (data.name, partition), Plain()
    )
    every = [CONTROL, *range(data.partitions)]
    try:
        bounds = await lookup.bounds(every)
        if not positions and (before := await _before(lookup, data.name, every)):
            return [Finding("fail", before, "the start is refused until then")]
    except EventflowError as error:
        return [Finding("fail", f"the log cannot be read: {error}", "allow Read and Describe on both topics")]
    finally:
        await lookup.close()
    found = [one for partition, at in positions.items() if (one := _place(partition, at, bounds.get(partition)))]
    if found:
        return found
    waiting = sum(bounds[partition].end - at for partition, at in positions.items() if partition in bounds)
    return [Finding("ok", f"{waiting} record(s) wait to be decided" if positions else "nothing was decided here yet")]


async def _before(lookup: Lookup, topic: str, partitions: Sequence[int]) -> str:
    """Whether another data directory has decided this topic; empty also where Kafka's group may not be asked."""
    group = group_of(topic, "router")
    try:
        return decided(topic, group, await lookup.hinted(group, partitions))
    except StorageError:
        return ""


def _place(partition: int, at: int, bounds: Bounds | None) -> Finding | None:
    if bounds is None:
        return Finding("fail", f"{name(partition)} stands at {at} and is not there any more", "restore the topic")
    if at > bounds.end:
        sentence = f"{name(partition)} stands at {at} and the log ends at {bounds.end}: the topic was made anew"
        return Finding(
            "fail", sentence, "it stands still; restore the topic, or go on without: eventflow partition list"
        )
    if at < bounds.start:
        sentence = (
            f"{name(partition)} stands at {at} and the log begins at {bounds.start}: {bounds.start - at} are lost"
        )
        return Finding(
            "fail", sentence, "it stands still; keep events longer; to go on without them: eventflow partition list"
        )
    if bounds.end - at > MUCH:
        return Finding("warn", f"{bounds.end - at} records of {name(partition)} wait", "is eventflow running?")
    return None
