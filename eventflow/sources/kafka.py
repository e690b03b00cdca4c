"""`kafka`: topics of others as a source. Each message becomes one event; its place is remembered in Kafka's group.

Settings (`config` of the source; the password is the first of `auth.secrets`):

    url: kafka://host:port,…/topic,…   # one topic or several
    format: cloudevents                # or json, text, bytes
    type: com.example.order            # CloudEvents type of messages that bring none; default `kafka.<topic>`
    group: my-group                    # where Kafka remembers our place; default `eventflow.<source>`
    start: earliest                    # where a new group begins: also latest, or a time: 2026-01-31T00:00:00Z
    sasl: {mechanism: SCRAM-SHA-512, username: ef}
    tls: {ca: FILE, cert: FILE, key: FILE}      # {} trusts the system's authorities

Expressions of `map` see the message as a delivery: `body` is its value, `headers` its headers (names in lower case),
`query` its `topic`, `partition`, `offset`, `timestamp` and, where there is one, its `key`; `tombstone` is "true" for a
null value. A message that is no CloudEvent gets the id `topic/partition/offset@timestamp`: the timestamp keeps the ids
of a topic that was deleted and made again apart from those of the one before.

The house runs the source in one process at a time, so the partitions are assigned by hand and no group is joined:
nothing rebalances, and the group holds nothing but places. How Kafka is spoken to is `eventflow.kafka`.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import msgspec
import structlog

from eventflow import ports
from eventflow.errors import Refused, SettingsError, StorageBusy
from eventflow.kafka import cloudevents
from eventflow.kafka.connection import Connection, Sasl, Tls, reach, required
from eventflow.kafka.taming import pace, quieten, stop_consumer
from eventflow.kafka.url import parts
from eventflow.model.event import from_micros, parse_time, to_micros
from eventflow.plugin import Delivery, Draft, Pull, SourceContext

if TYPE_CHECKING:
    from collections.abc import Sequence

log = structlog.get_logger("eventflow.sources")

METHOD: Final = "KAFKA"
LOST: Final = "LOST"
"""The method of a delivery that stands for messages which are gone; reading it is refused, so it is a dead letter."""
PATIENCE: Final = 5.0
"""Seconds that one question to Kafka may take."""
TOMBSTONE: Final = "kafka.tombstone"
LONGEST_KEY: Final = 1024


class SaslConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A log-in; the password is the source's secret."""

    username: str
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"


class TlsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """PEM files."""

    ca: str | None = None
    cert: str | None = None
    key: str | None = None


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The source's own settings; see the module's docstring."""

    url: str
    format: Literal["cloudevents", "json", "text", "bytes"] = "cloudevents"
    type: str = ""
    group: str = ""
    start: str = "earliest"
    sasl: SaslConfig | None = None
    tls: TlsConfig | None = None


class Kafka(Pull):
    """Reads topics of others."""

    name = "kafka"
    extra = "kafka"

    def __init__(self, context: SourceContext) -> None:
        """Raises `SettingsError`; `ComponentError` where the extra is missing."""
        super().__init__(context)
        required()
        where = f"sources.{context.name}.config"
        try:
            config = msgspec.convert(context.settings.get("config", {}), Config)
        except msgspec.ValidationError as error:
            raise SettingsError(f"{where}: {error}".replace("`$.", "`")) from error
        self._config = config
        self._connection, self._topics = _connection(config, context, where)
        self._start = _start(config.start, where)
        self._group = config.group or f"eventflow.{context.name}"
        self._consumer: Any = None
        self._partitions: frozenset[Any] = frozenset()
        self._next: dict[Any, int] = {}
        self._settled: dict[Any, int] = {}

    # --- one message -------------------------------------------------------------------------------------------------

    def read(self, delivery: Delivery) -> Sequence[Draft]:
        """One event. Raises `Refused` (422) for what is none."""
        if delivery.method == LOST:
            raise Refused(410, "gone", delivery.query.get("reason", "messages are gone"))
        headers = [(name, text.encode("utf-8", "surrogateescape")) for name, text in delivery.headers.items()]
        headers += [(name, b"") for name in delivery.repeated]
        value = None if delivery.query.get("tombstone") else delivery.body
        try:
            if self._config.format == "cloudevents" and (value is not None or cloudevents.is_cloudevent(headers)):
                return [_keyed(_event(cloudevents.attributes(value, headers)), delivery)]
            return [_keyed(self._plain(value, delivery), delivery)]
        except (ValueError, RecursionError) as error:
            raise Refused(422, "invalid", str(error)) from None

    def _plain(self, value: bytes | None, delivery: Delivery) -> Draft:
        query, data = delivery.query, cast("Any", value)
        if value is not None and self._config.format == "json":
            data = cloudevents.json_of(value)
        elif value is not None and self._config.format == "text":
            data = value.decode()
        topic, partition, offset, stamp = (
            query.get(word, "") for word in ("topic", "partition", "offset", "timestamp")
        )
        return Draft(
            type=self._config.type or f"kafka.{topic or delivery.path}",
            id=f"{topic}/{partition}/{offset}@{stamp}",
            sender_id="id" in (self.context.settings.get("map") or {}),
            kind=TOMBSTONE if value is None else None,
            time=from_micros(int(stamp) * 1000) if stamp.isdigit() else None,
            data=data,
        )

    # --- Kafka -------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Connect, take all partitions, and stand where the group was, or where a new one begins."""
        from aiokafka import AIOKafkaConsumer

        await reach(self._connection)
        consumer = self._consumer = AIOKafkaConsumer(
            **self._connection.client_options(), group_id=self._group, enable_auto_commit=False,
            auto_offset_reset="none", isolation_level="read_committed", fetch_max_wait_ms=200,
        )  # fmt: skip
        quieten()
        pace(consumer._client)  # noqa: SLF001 - see eventflow.kafka.taming
        self._next, self._settled = {}, {}
        await self._ask(consumer.start())
        self._partitions = await self._known()
        consumer.assign(sorted(self._partitions))
        for tp in sorted(self._partitions):
            place = await self._ask(consumer.committed(tp))
            consumer.seek(tp, await self._beginning(tp) if place is None else place)

    async def pull(self, limit: int, wait: float) -> Sequence[Delivery]:
        """Raises `StorageBusy` also when there are other partitions than before, so that all are taken anew."""
        from aiokafka.errors import KafkaError, OffsetOutOfRangeError

        if self._there() != self._partitions:
            raise StorageBusy(f"the partitions of {', '.join(self._topics)} have changed")
        try:
            found = await self._consumer.getmany(timeout_ms=int(wait * 1000), max_records=limit)
        except OffsetOutOfRangeError as error:
            return [await self._lost(tp, offset) for tp, offset in error.args[0].items()]
        except KafkaError as error:
            raise StorageBusy(f"Kafka cannot be read: {error}") from None
        received, deliveries = ports.wall(), []
        for tp, messages in found.items():
            deliveries += [_delivery(message, received) for message in messages]
            self._next[tp] = messages[-1].offset + 1
        return deliveries

    async def settle(self) -> None:
        """Commit the places to the group."""
        moved = {tp: offset for tp, offset in self._next.items() if self._settled.get(tp) != offset}
        if moved:
            await self._ask(self._consumer.commit(moved))
            self._settled |= moved

    async def close(self) -> None:
        """Let go in bounded time, whether the broker is there or not."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await stop_consumer(consumer)

    async def _known(self) -> frozenset[Any]:
        """The partitions of all topics. Raises `StorageBusy` for a topic that is not there (yet)."""
        client = self._consumer._client  # noqa: SLF001 - only its subscription, which we do not use, asks for topics
        client.set_topics(self._topics)
        await self._ask(client.force_metadata_update())
        missing = [topic for topic in self._topics if not self._consumer.partitions_for_topic(topic)]
        if missing:
            raise StorageBusy(
                f"there is no topic {missing[0]!r}, or we may not read it; see {self._connection.where}.url"
            )
        return self._there()

    def _there(self) -> frozenset[Any]:
        from aiokafka import TopicPartition

        known = self._consumer.partitions_for_topic
        return frozenset(TopicPartition(topic, number) for topic in self._topics for number in known(topic) or ())

    async def _beginning(self, tp: Any) -> int:
        """Where a group without a place begins."""
        consumer = self._consumer
        if self._start == "earliest":
            return int((await self._ask(consumer.beginning_offsets([tp])))[tp])
        if isinstance(self._start, datetime):
            found = (await self._ask(consumer.offsets_for_times({tp: to_micros(self._start) // 1000})))[tp]
            if found is not None:
                return int(found.offset)
        return int((await self._ask(consumer.end_offsets([tp])))[tp])

    async def _lost(self, tp: Any, offset: int) -> Delivery:
        """Go on where the log begins now, and tell what is gone."""
        start = int((await self._ask(self._consumer.beginning_offsets([tp])))[tp])
        gone = f"{start - offset} messages were removed" if start > offset else "the topic was made anew"
        reason = (
            f"our place {offset} is not in the topic any more, which begins at {start}: {gone}; going on at {start}"
        )
        log.error("kafka.source_lost", source=self.context.name, topic=tp.topic, partition=tp.partition, reason=reason)
        self._consumer.seek(tp, start)
        self._next[tp] = start
        query = {"topic": tp.topic, "partition": str(tp.partition), "offset": str(offset), "reason": reason}
        return Delivery(
            method=LOST, path=tp.topic, query=query, headers={}, body=reason.encode(), received=ports.wall()
        )

    async def _ask(self, question: Any) -> Any:
        """The answer, or `StorageBusy` after a while: some of these wait without end while the broker is away."""
        from aiokafka.errors import KafkaError

        try:
            async with ports.deadline(PATIENCE):
                return await question
        except TimeoutError:
            raise StorageBusy("Kafka does not answer") from None
        except KafkaError as error:
            raise StorageBusy(f"Kafka cannot be read: {str(error) or type(error).__name__}") from None


def _connection(config: Config, context: SourceContext, where: str) -> tuple[Connection, tuple[str, ...]]:
    try:
        url = parts(config.url)
    except ValueError as error:
        raise SettingsError(f"{where}.url: {error}") from None
    sasl = None
    if config.sasl is not None:
        if not context.secrets:
            raise SettingsError(f"sources.{context.name}.auth.secrets is missing: the password of {where}.sasl")
        sasl = Sasl(config.sasl.mechanism, config.sasl.username, context.secrets[0].decode())
    tls = None
    if config.tls is not None:
        tls = Tls(**{name: Path(file) for name, file in msgspec.structs.asdict(config.tls).items() if file})
    return Connection(url.servers, sasl, tls, where), url.topics


def _start(text: str, where: str) -> str | datetime:
    if text in {"earliest", "latest"}:
        return text
    try:
        return parse_time(text)
    except ValueError:
        raise SettingsError(f"{where}.start: {text!r} is neither earliest, latest, nor a time with its zone") from None


def _delivery(message: Any, received: int) -> Delivery:
    headers: dict[str, str] = {}
    repeated = set()
    for name, value in message.headers:
        lower = name.lower()
        if lower in headers:
            repeated.add(lower)
        elif value is not None:
            headers[lower] = value.decode("utf-8", "surrogateescape")
    query = {
        "topic": message.topic,
        "partition": str(message.partition),
        "offset": str(message.offset),
        "timestamp": str(message.timestamp),
    }
    if message.key is not None:
        query["key"] = message.key.decode("utf-8", "surrogateescape")
    if message.value is None:
        query["tombstone"] = "true"
    return Delivery(
        method=METHOD, path=message.topic, query=query, headers=headers, body=message.value or b"", received=received,
        repeated=frozenset(repeated),
    )  # fmt: skip


def _event(attributes: dict[str, Any]) -> Draft:
    """The draft of a CloudEvent. Raises `ValueError` for what is none."""
    plain = {name: msgspec.json.decode(raw) if isinstance(raw, msgspec.Raw) and name != "data" else raw
             for name, raw in attributes.items()}  # fmt: skip
    version = plain.pop("specversion", None)
    if version != "1.0":
        raise ValueError(f"specversion {str(version)[:20]!r} is not taken; this is CloudEvents 1.0")
    texts = ("id", "source", "type", "subject", "kind", "time", "data_base64", "datacontenttype", "partitionkey")
    wrong = [name for name in texts[:3] if not plain.get(name)]
    wrong += [name for name in texts if not isinstance(plain.get(name, ""), str)]
    if wrong:
        raise ValueError(f"the attribute {wrong[0]} is missing or is no text")
    time = plain.pop("time", None)
    data = plain.pop("data", None)
    if "data_base64" in plain:
        data = msgspec.convert(plain.pop("data_base64"), bytes)
    known = {name: plain.pop(name, None) for name in ("id", "source", "type", "subject", "kind")}
    body = plain.pop("body", None)
    return Draft(time=parse_time(time) if time else None, data=data, body=body, extensions=plain, **known)


def _keyed(draft: Draft, delivery: Delivery) -> Draft:
    """The message's key as the partition key, so that what Kafka keeps in order stays in order."""
    key = delivery.query.get("key", "")
    if "partitionkey" in draft.extensions or not 0 < len(key) <= LONGEST_KEY or not key.isprintable():
        return draft
    return msgspec.structs.replace(draft, extensions={**draft.extensions, "partitionkey": key})
