"""What a person sees when Kafka is not as it must be: each case by its own sentence, with what to do."""

import asyncio
import os

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from eventflow import Eventflow
from eventflow.buses.kafka import KafkaBus
from eventflow.errors import EventflowError, Refused, SettingsError, StorageBusy, StorageUnclear
from eventflow.kafka.connection import Connection, Sasl, Tls, reach
from eventflow.kafka.doctor import examine
from eventflow.kafka.topics import CONTROL_SUFFIX, Wanted
from eventflow.model.record import CONTROL, Entry
from eventflow.plugin.bus import Survives

LOG_TIME = {"message.timestamp.type": "LogAppendTime"}
AUTHORIZER = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:ANONYMOUS",
}


@pytest.fixture(scope="module")
def guarded(kafka_classes, tmp_path_factory):
    """A broker with TLS, log-in and rights; the open listener belongs to an administrator."""
    from tests.peers.kafka import Cluster

    folder = tmp_path_factory.mktemp("guarded")
    listeners = ("SSL", "SASL_PLAINTEXT", "SASL_SSL")
    with Cluster(
        folder, archive=kafka_classes, users={"ef": "right"}, listeners=listeners, settings=AUTHORIZER
    ) as cluster:
        yield cluster


def allow(cluster, topic, *operations, user="ef", kind=ResourceType.TOPIC):
    """Give the user these rights on a topic."""
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap})
    made = [
        AclBinding(kind, topic, ResourcePatternType.PREFIXED, f"User:{user}", "*", one, AclPermissionType.ALLOW)
        for one in operations
    ]
    for future in admin.create_acls(made).values():
        future.result(10)


async def refusal(bus):
    """The sentence with which a start is refused."""
    with pytest.raises(EventflowError) as refused:
        await bus.open()
    await bus.close()
    return type(refused.value), str(refused.value)


def bus_of(servers, topic, *, partitions=1, sasl=None, tls=None, patience=0.0, **topic_settings):
    wanted = Wanted(topic, partitions, topic_settings)
    return KafkaBus(Connection(tuple(servers.split(",")), sasl, tls), wanted, patience=patience, deadline=2.0)


async def until_refused(bus):
    """The broker may have acknowledged what it had before it noticed."""
    while True:
        await bus.publish([Entry(0, b"b")])


# --- getting in ---------------------------------------------------------------------------------------------------


async def test_a_wrong_address(unused_tcp_port, topic):
    kind, sentence = await refusal(bus_of(f"127.0.0.1:{unused_tcp_port}", topic))
    assert (kind, sentence) == (
        StorageBusy,
        f"nobody listens at 127.0.0.1:{unused_tcp_port}; see bus.url, and whether Kafka runs",
    )
    kind, sentence = await refusal(bus_of("kafka.invalid:9092", topic))
    assert kind is StorageBusy
    assert "there is no host 'kafka.invalid'" in sentence
    with pytest.raises(SettingsError, match="'host:port:x' is no address"):
        await reach(Connection(("host:port:x",)))


async def test_one_good_address_is_enough(kafka, unused_tcp_port, topic):
    bus = bus_of(f"127.0.0.1:{unused_tcp_port},{kafka.bootstrap}", topic)
    await bus.open()
    await bus.close()


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_wrong_credentials_are_named_as_such(guarded, topic, mechanism):
    for user, password in (("ef", "hunter2"), ("nobody", "right")):
        sasl = Sasl(mechanism, user, password)
        kind, sentence = await refusal(bus_of(guarded.at("SASL_PLAINTEXT"), topic, sasl=sasl, patience=30.0))
        assert kind is SettingsError
        assert f"refuses user {user!r} ({mechanism}): wrong user name or password; see bus.sasl" in sentence
        assert password not in sentence
    assert "hunter2" not in repr(Sasl(mechanism, "ef", "hunter2"))


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_the_right_ones_work_over_tls(guarded, topic, mechanism):
    allow(guarded, "topic-", AclOperation.ALL)
    tls = Tls(ca=guarded.certificates.ca)
    bus = bus_of(guarded.at("SASL_SSL"), topic, sasl=Sasl(mechanism, "ef", "right"), tls=tls)
    await bus.open()
    await bus.publish([Entry(0, b"x")])
    batch = await bus.subscribe("a", lambda _: 0).read(10, 10.0, partitions=(0,))
    assert [record.data for record in batch.records] == [b"x"]
    await bus.close()


async def test_tls_that_does_not_fit(guarded, topic):
    ours, none = guarded.certificates, Tls()
    cases = [
        (guarded.at("SSL"), None, StorageBusy, "closed the connection before it answered; if that port speaks TLS"),
        (guarded.at("SSL"), none, SettingsError, "is not trusted: "),
        (guarded.bootstrap, Tls(ours.ca), StorageBusy, ""),
        (guarded.at("SSL"), Tls(ours.client_key), SettingsError, "cannot be used"),
    ]
    for servers, tls, expected, part in cases:
        kind, sentence = await refusal(bus_of(servers, topic, tls=tls))
        assert kind is expected, sentence
        assert part in sentence


# --- topics -------------------------------------------------------------------------------------------------------


async def test_topics_are_made_as_they_must_be(kafka, topic):
    bus = bus_of(kafka.bootstrap, topic, partitions=4, **{"segment.bytes": 1048576})
    await bus.open()
    data, control = bus.topics
    assert (data.partitions, control.partitions) == (4, 1)
    for one in (data, control):
        assert one.config["message.timestamp.type"] == "LogAppendTime"
        assert one.config["cleanup.policy"] == "delete"
        assert one.config["segment.bytes"] == "1048576"
    assert bus.survives is Survives.PROCESS
    await bus.close()


async def test_flushed_writes_survive_a_power_cut(kafka, topic):
    bus = bus_of(kafka.bootstrap, topic, **{"flush.messages": 1})
    await bus.open()
    assert bus.survives is Survives.POWER
    await bus.close()


async def test_a_topic_that_cannot_be_lived_with_is_refused_with_the_command(kafka, topic):
    await kafka.create_topic(topic, partitions=2)
    await kafka.create_topic(topic + CONTROL_SUFFIX, partitions=2, **LOG_TIME, **{"cleanup.policy": "compact"})
    kind, sentence = await refusal(bus_of(kafka.bootstrap, topic, partitions=3))
    assert kind is SettingsError
    for part in (
        f"{topic} keeps the time of the sender, and the bus needs that of the log: kafka-configs --alter",
        f"{topic}.control is compacted and would lose events",
        f"{topic} has 2 partitions and bus.partitions says 3",
        f"{topic}.control has 2 partitions and must have 1",
    ):
        assert part in sentence


async def test_a_missing_topic_that_may_not_be_made(guarded, topic):
    name = "narrow-" + topic
    allow(guarded, name, AclOperation.DESCRIBE, AclOperation.READ, AclOperation.WRITE, AclOperation.DESCRIBE_CONFIGS)
    sasl = Sasl("PLAIN", "ef", "right")
    kind, sentence = await refusal(bus_of(guarded.at("SASL_PLAINTEXT"), name, partitions=3, sasl=sasl))
    assert kind is SettingsError
    assert (
        f"the topic {name} is not there and user 'ef' may not make it: allow Create, or make it: kafka-topics"
        in sentence
    )
    assert "--partitions 3 --config message.timestamp.type=LogAppendTime" in sentence
    for one in (name, name + CONTROL_SUFFIX):
        await guarded.create_topic(one, partitions=3 if one == name else 1, **LOG_TIME)
    bus = bus_of(guarded.at("SASL_PLAINTEXT"), name, partitions=3, sasl=sasl)
    await bus.open()
    await bus.publish([Entry(2, b"x"), Entry(CONTROL, b"y")])
    await bus.close()


async def test_a_topic_that_may_not_be_seen(guarded, topic):
    kind, sentence = await refusal(
        bus_of(guarded.at("SASL_PLAINTEXT"), "hidden-" + topic, sasl=Sasl("PLAIN", "ef", "right"))
    )
    assert kind is SettingsError
    assert f"user 'ef' may not see the topic hidden-{topic}" in sentence


async def test_too_few_brokers_for_the_replicas_asked_for(kafka, topic):
    kind, sentence = await refusal(bus_of(kafka.bootstrap, topic, replication=3))
    assert kind is SettingsError
    assert f"the topic {topic} cannot be made with 3 replicas" in sentence
    assert "set bus.topic.replication, or start more brokers" in sentence


async def test_a_setting_that_kafka_does_not_know(kafka, topic):
    kind, sentence = await refusal(bus_of(kafka.bootstrap, topic, **{"retention.mss": 5}))
    assert kind is SettingsError
    assert "retention.mss" in sentence
    assert "see bus.topic" in sentence


async def test_the_first_start_takes_all_partitions_or_none(kafka, topic, tmp_path):
    await kafka.create_topic(topic, partitions=4, **LOG_TIME)
    given = {"data_dir": str(tmp_path), "bus": {"url": f"kafka://{kafka.bootstrap}/{topic}", "partitions": 3}}
    with pytest.raises(SettingsError, match=r"has 4 partitions and bus\.partitions says 3: set bus\.partitions: 4"):
        async with Eventflow(given, doors=False):
            pass
    given["bus"]["partitions"] = 4
    async with Eventflow(given, doors=False) as flow:
        await flow.ready()


# --- writing ------------------------------------------------------------------------------------------------------


async def test_an_event_that_is_too_large_is_refused_and_nothing_else_suffers(kafka, topic):
    bus = bus_of(kafka.bootstrap, topic, **{"max.message.bytes": 200_000})
    await bus.open()
    with pytest.raises(Refused) as refused:
        await bus.publish([Entry(0, b"small"), Entry(0, os.urandom(200_000))])
    assert (refused.value.status, refused.value.code) == (413, "too-large")
    await bus.publish([Entry(0, b"x")])
    assert (await bus.bounds(0)).end == 1
    await bus.close()


@pytest.mark.long
async def test_too_few_replicas_in_sync(own_kafka, topic):
    """Nothing is acknowledged, the reason is told, and it goes on alone when the broker is back."""
    cluster = await asyncio.to_thread(own_kafka, brokers=2, replication=2, min_insync=1)
    wanted = Wanted(topic, 1, {"replication": 2, "min.insync.replicas": 2})
    bus = KafkaBus(Connection(tuple(cluster.bootstrap.split(","))), wanted, deadline=1.0)
    await bus.open()
    await bus.publish([Entry(0, b"a")])
    await asyncio.to_thread(cluster.nodes[1].kill)
    with pytest.raises((StorageUnclear, StorageBusy)):
        await until_refused(bus)
    assert bus.full
    findings = await examine(Connection(tuple(cluster.bootstrap.split(","))), wanted, {})
    while not any("in sync and needs 2" in one.sentence for one in findings):
        await asyncio.sleep(0.1)
        findings = await examine(Connection(tuple(cluster.bootstrap.split(","))), wanted, {})
    await asyncio.to_thread(cluster.nodes[1].restart)
    async with asyncio.timeout(30):
        while bus.full:
            await asyncio.sleep(0.05)
    while True:
        try:
            await bus.publish([Entry(0, b"c")])
        except (StorageUnclear, StorageBusy):
            await asyncio.sleep(0.1)
        else:
            break
    await bus.close()


# --- doctor -------------------------------------------------------------------------------------------------------


async def test_doctor(kafka, topic, unused_tcp_port):
    """Away, without topics, as it must be, far behind, and standing where the log is no more."""
    here, wanted = Connection((kafka.bootstrap,)), Wanted(topic, 2)
    (away,) = await examine(Connection((f"127.0.0.1:{unused_tcp_port}",)), wanted, {})
    assert (away.level, "nobody listens" in away.sentence) == ("fail", True)
    assert [one.level for one in await examine(here, wanted, {})] == ["ok", "warn"]
    bus = KafkaBus(here, wanted)
    await bus.open()
    await bus.publish([Entry(0, b"x")] * 3)
    await bus.close()
    sentences = [one.sentence for one in await examine(here, wanted, {0: 1, 1: 0, CONTROL: 0})]
    assert sentences[-1] == "2 record(s) wait to be decided"
    found = await examine(here, wanted, {0: 17})
    assert (found[-1].level, found[-1].sentence) == (
        "fail",
        "partition 0 stands at 17 and the log ends at 3: the topic was made anew",
    )


async def test_topics_that_are_gone_are_no_first_start(kafka, topic):
    asked = Connection((kafka.bootstrap,)), Wanted(topic, 1)
    [_, new] = await examine(*asked, {})
    [_, gone] = await examine(*asked, {0: 7, CONTROL: 0})
    assert (new.level, new.sentence) == ("warn", f"{topic} and {topic}{CONTROL_SUFFIX} are not there yet")
    assert (gone.level, gone.sentence) == ("fail", f"{topic} and {topic}{CONTROL_SUFFIX} are not there any more")
