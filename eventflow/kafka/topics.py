"""The two topics of a bus: data, and control with one partition beside it; made, or looked at, before anything runs.

What a bus cannot live with is refused with the command that mends it; what only weakens it is a remark. Settings of a
topic that exists are never changed from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

from eventflow import ports
from eventflow.errors import SettingsError, StorageBusy
from eventflow.kafka.connection import Connection, reach, why
from eventflow.plugin.bus import Survives

if TYPE_CHECKING:
    from collections.abc import Sequence

CONTROL_SUFFIX: Final = ".control"
LARGEST: Final = 4 << 20
"""`max.message.bytes` of a topic that we make: the largest event of the doors fits, with what the engine adds."""
SMALLEST: Final = 64 << 10
DAY_MS: Final = 86_400_000
_SETTLE: Final = 15.0


class Wanted(msgspec.Struct, frozen=True):
    """What is asked for. `settings` are Kafka's own names, and `replication`; they are for a topic that is made."""

    topic: str
    partitions: int
    settings: Mapping[str, object] = {}
    retention_ms: int = 7 * DAY_MS
    retention_bytes: int = -1
    """For a whole topic; Kafka's own setting is for one partition."""

    @property
    def control(self) -> str:
        """The control topic's name."""
        return self.topic + CONTROL_SUFFIX


class Topic(msgspec.Struct, frozen=True):
    """What is there. `config` is empty where we may not see it."""

    name: str
    partitions: int
    replication: int
    insync: int
    """Replicas that are in sync, in the partition that has the fewest; 0 where a partition has no leader."""
    config: Mapping[str, str] = {}

    def number(self, name: str, default: int) -> int:
        """A setting as a number."""
        try:
            return int(self.config.get(name, default))
        except ValueError:
            return default

    @property
    def survives(self) -> Survives:
        """What an acknowledged record survives: a power cut only with replicas, or where each write is flushed."""
        replicated = self.replication >= 3 and self.number("min.insync.replicas", 1) >= 2
        flushed = self.config.get("flush.messages") == "1"
        return Survives.POWER if replicated or flushed else Survives.PROCESS


def check(settings: Mapping[str, object]) -> None:
    """Raise `SettingsError` for settings of a topic to be made with which the bus could not live (`bus.topic`)."""
    replication = settings.get("replication", 1)
    if isinstance(replication, bool) or not str(replication).isdigit() or int(str(replication)) < 1:
        raise SettingsError(
            f"bus.topic.replication: {replication!r} is not a number of replicas; leave it away for 3, or as many as "
            "there are brokers where those are fewer"
        )
    for name, needed in (("message.timestamp.type", "LogAppendTime"), ("cleanup.policy", "delete")):
        if _text(settings.get(name, needed)) != needed:
            raise SettingsError(f"bus.topic.{name}: the bus needs {needed}, which is also what is made without it")
    largest = _text(settings.get("max.message.bytes", LARGEST))
    if not largest.isdigit() or int(largest) < SMALLEST:
        raise SettingsError(f"bus.topic.max.message.bytes: must be at least {SMALLEST}")


async def prepare(connection: Connection, wanted: Wanted, *, make: bool = True) -> tuple[Topic, Topic]:
    """The data topic and the control topic, made where they are missing; both as the bus needs them.

    `make` false: only looked at, since what is missing then was there and has been deleted. To make it anew would take
    events into a log that nobody decides. Raises `SettingsError` where they are not as needed, or may not be made;
    `StorageBusy` where Kafka does not answer.
    """
    async with Admin(connection) as admin:
        found = await admin.describe([wanted.topic, wanted.control])
        if missing := [name for name in (wanted.topic, wanted.control) if name not in found]:
            if not make:
                raise StorageBusy(
                    f"the topic {' and '.join(missing)} is not there any more; restore it, or start eventflow anew, "
                    "which makes it and says what is lost"
                )
            await admin.make(missing, wanted)
            found = await _settled(admin, wanted)
    data, control = found[wanted.topic], found[wanted.control]
    if bad := problems(data, control, wanted):
        raise SettingsError("; ".join(bad))
    return data, control


async def _settled(admin: Admin, wanted: Wanted) -> dict[str, Topic]:
    """The topics, once every broker shows them and every partition has a leader: some milliseconds after the making."""
    for _ in range(int(_SETTLE / 0.05)):
        found = await admin.describe([wanted.topic, wanted.control])
        if len(found) == 2 and all(topic.insync > 0 for topic in found.values()):
            return found
        await ports.sleep(0.05)
    raise StorageBusy(f"Kafka made the topics {wanted.topic} and {wanted.control}, but has no leader for them yet")


async def describe(connection: Connection, topic: str) -> tuple[Topic | None, Topic | None]:
    """The two topics as they are now; None for one that is missing. Raises as `prepare` does."""
    async with Admin(connection) as admin:
        found = await admin.describe([topic, topic + CONTROL_SUFFIX])
    return found.get(topic), found.get(topic + CONTROL_SUFFIX)


def problems(data: Topic, control: Topic, wanted: Wanted) -> list[str]:
    """What a bus cannot live with, and how to mend it; empty where all is well."""
    return [*_problems(data), *_problems(control), *_partitions(data, control, wanted)]


def _partitions(data: Topic, control: Topic, wanted: Wanted) -> list[str]:
    problems = []
    if data.partitions < wanted.partitions:
        problems.append(
            f"the topic {data.name} has {data.partitions} partitions and bus.partitions says {wanted.partitions}: set "
            f"that, or kafka-topics --alter --topic {data.name} --partitions {wanted.partitions}"
        )
    if control.partitions != 1:
        problems.append(f"the control topic {control.name} has {control.partitions} partitions and must have 1")
    return problems


def _problems(topic: Topic) -> list[str]:
    """What a bus cannot live with."""
    if not topic.config:
        return []
    problems, alter = [], f"kafka-configs --alter --entity-type topics --entity-name {topic.name} --add-config"
    if topic.config.get("message.timestamp.type") != "LogAppendTime":
        problems.append(
            f"the topic {topic.name} keeps the time of the sender, and the bus needs that of the log: "
            f"{alter} message.timestamp.type=LogAppendTime (before anything is written to it)"
        )
    if topic.config.get("cleanup.policy", "delete") != "delete":
        problems.append(f"the topic {topic.name} is compacted and would lose events: {alter} cleanup.policy=delete")
    if topic.number("max.message.bytes", LARGEST) < SMALLEST:
        problems.append(f"the topic {topic.name} takes too small messages: {alter} max.message.bytes={LARGEST}")
    return problems


def remarks(data: Topic, control: Topic, wanted: Wanted) -> list[str]:
    """What weakens the bus and is for a person to know."""
    found = []
    for topic in (data, control):
        if not topic.config:
            found.append(f"the settings of the topic {topic.name} may not be seen; it must have LogAppendTime")
            continue
        if topic.survives is not Survives.POWER:
            found.append(
                f"events on {topic.name} survive the end of a process and not a power cut: {topic.replication} "
                f"replica(s), min.insync.replicas {topic.number('min.insync.replicas', 1)}; for that have 3 and 2"
            )
        if (keeps := topic.number("retention.ms", -1)) != -1 and keeps < wanted.retention_ms:
            found.append(
                f"the topic {topic.name} keeps events for {_span(keeps)} and retention.events says "
                f"{_span(wanted.retention_ms)}: what is not decided by then is lost"
            )
        if (needs := topic.number("min.insync.replicas", 1)) > topic.replication:
            found.append(
                f"min.insync.replicas of {topic.name} is {needs} and it has no more than {topic.replication} "
                "replica(s): older brokers refuse every event then; lower it, or add replicas"
            )
    if (more := data.partitions - wanted.partitions) > 0:
        found.append(
            f"the topic {data.name} has {more} partition(s) beyond the {wanted.partitions} of the first start: "
            "they are read and own no keys"
        )
    return found


class Admin:
    """An administration client for the length of an `async with` block."""

    def __init__(self, connection: Connection) -> None:
        """Only remember."""
        self._connection = connection

    async def __aenter__(self) -> Self:
        """Connect. Raises `SettingsError`, `StorageBusy`."""
        from aiokafka.admin import AIOKafkaAdminClient

        from eventflow.kafka.taming import quieten

        await reach(self._connection)
        quieten()
        self._client: Any = AIOKafkaAdminClient(**self._connection.client_options())
        await self._ask(self._client.start())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def _ask(self, question: Any) -> Any:
        from aiokafka.errors import KafkaError

        try:
            return await question
        except (KafkaError, OSError, TimeoutError) as error:
            place = ", ".join(self._connection.servers)
            raise StorageBusy(why(error, self._connection, place)[0]) from None

    async def describe(self, names: Sequence[str]) -> dict[str, Topic]:
        """Those of the topics that are there. Raises `SettingsError` where we may not see one."""
        answers = await self._ask(self._client.describe_topics(list(names)))
        there = []
        for answer in answers:
            if answer["error_code"] == 29:
                raise SettingsError(
                    f"{self._us} may not see the topic {answer['topic']}: allow Describe, Read and Write"
                )
            if answer["error_code"] not in {3, 5} or answer["partitions"]:
                there.append(answer)
        configs = await self._configs([answer["topic"] for answer in there])
        return {answer["topic"]: _topic(answer, configs.get(answer["topic"], {})) for answer in there}

    async def _configs(self, names: Sequence[str]) -> dict[str, dict[str, str]]:
        from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

        if not names:
            return {}
        asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        found = {}
        for answer in await self._ask(self._client.describe_configs(asked)):
            for code, _, _, name, entries in answer.resources:
                if code == 0:
                    found[name] = {entry[0]: entry[1] for entry in entries}
        return found

    async def make(self, names: Sequence[str], wanted: Wanted) -> None:
        """Make the topics. Raises `SettingsError` with what to do where that is not allowed or not possible."""
        from aiokafka.admin import NewTopic

        cluster = await self._ask(self._client.describe_cluster())
        replication, config = _plan(wanted, len(cluster["brokers"]))
        new = []
        for name in names:
            count = 1 if name == wanted.control else wanted.partitions
            own = {**config, "retention.bytes": str(max(-1, wanted.retention_bytes // count))}
            new.append(NewTopic(name, count, replication, topic_configs={**own, **_given(wanted)}))
        answer = await self._ask(self._client.create_topics(new))
        refused = {name: (code, text) for name, code, text in answer.topic_errors if code not in {0, 36}}
        sentences = [
            self._refused(name, *refused[name], replication, 1 if name == wanted.control else wanted.partitions)
            for name in names
            if name in refused
        ]
        if sentences:
            raise SettingsError("; ".join(sentences))

    def _refused(self, name: str, code: int, text: str | None, replication: int, count: int) -> str:
        if code in {29, 31}:
            return (
                f"the topic {name} is not there and {self._us} may not make it: allow Create, or make it: kafka-topics "
                f"--create --topic {name} --partitions {count} --config message.timestamp.type=LogAppendTime"
            )
        if code == 38:
            return (
                f"the topic {name} cannot be made with {replication} replicas: {text or 'too few brokers'}; "
                "set bus.topic.replication, or start more brokers"
            )
        return f"the topic {name} cannot be made (error {code} of Kafka): {text or 'no reason given'}; see bus.topic"

    @property
    def _us(self) -> str:
        sasl = self._connection.sasl
        return f"user {sasl.username!r}" if sasl is not None else "an anonymous client"


def _topic(answer: Mapping[str, Any], config: Mapping[str, str]) -> Topic:
    partitions = answer["partitions"]
    insync = min((len(one["isr"]) if one["leader"] >= 0 else 0 for one in partitions), default=0)
    return Topic(answer["topic"], len(partitions), len(partitions[0]["replicas"]), insync, config)


def _plan(wanted: Wanted, brokers: int) -> tuple[int, dict[str, str]]:
    """Replication and settings of a topic that is made: as safe as that many brokers allow."""
    given = wanted.settings.get("replication")
    replication = int(str(given)) if given is not None else min(3, brokers)
    return replication, {
        "message.timestamp.type": "LogAppendTime",
        "cleanup.policy": "delete",
        "compression.type": "producer",
        "min.insync.replicas": "2" if replication >= 3 else "1",
        "max.message.bytes": str(LARGEST),
        "retention.ms": str(wanted.retention_ms),
    }


def _span(milliseconds: int) -> str:
    """A time that people read at a glance: whole days, hours, minutes or seconds, else milliseconds."""
    for size, unit in ((DAY_MS, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")):
        if milliseconds >= size and milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds} ms"


def _given(wanted: Wanted) -> dict[str, str]:
    return {name: _text(value) for name, value in wanted.settings.items() if name != "replication"}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
