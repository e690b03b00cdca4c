"""A real Apache Kafka for the tests: started, frozen, killed and started again by the suite itself, on loopback.

Everybody shares the broker of the fixture `kafka` and makes topics and groups of a new name; who kills, freezes or
configures brokers makes his own with `own_kafka`.

    async def test_it(kafka, topic):
        await kafka.create_topic(topic, partitions=6, **{"message.timestamp.type": "LogAppendTime"})
        ... kafka.bootstrap ...

    def test_away(own_kafka):
        cluster = own_kafka(users={"ef": "secret"}, listeners=("SASL_SSL",))
        cluster.at("SASL_SSL"), cluster.certificates.ca
        cluster.nodes[0].kill()
        cluster.nodes[0].restart()       # same data, same ports

`start` and its like block for a second or two: from a running loop call them by `asyncio.to_thread`.
"""

import asyncio
import base64
import os
import shutil
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.peers import kafka_parts, orphans

# The fast compiler only and the serial collector: the least start and CPU time for a broker that lives for seconds.
JVM = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Djava.awt.headless=true")
LOG4J2 = """status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{HH:mm:ss.SSS} %p %c{1} %m%n
rootLogger.level = info
rootLogger.appenderRef.out.ref = out
"""
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


@dataclass(frozen=True)
class Certificates:
    """PEM files: the authority, the broker's chain and key in one, and a client's certificate and key."""

    ca: Path
    broker: Path
    client: Path
    client_key: Path


@dataclass(frozen=True)
class Plan:
    """What all nodes of a cluster have in common."""

    listeners: Sequence[str] = ()
    users: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict)
    replication: int = 1
    min_insync: int = 1
    heap: int = 256
    jvm: Sequence[str] = ()


class Node:
    """One broker process; the first of a cluster is also its only controller."""

    def __init__(
        self, folder: Path, number: int, ports: Mapping[str, int], plan: Plan, certificates: Certificates | None
    ):
        self.folder, self.number, self.ports, self.plan = folder, number, ports, plan
        self.process: subprocess.Popen | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self.log, self.properties = folder / "broker.log", folder / "server.properties"
        (folder / "log4j2.properties").write_text(LOG4J2)
        settings = _settings(self, plan, certificates)
        self.properties.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))

    @property
    def port(self) -> int:
        """Where clients without TLS and password connect."""
        return self.ports["PLAINTEXT"]

    def format(self, cluster_id: str) -> None:
        """Prepare the data folder, with the users of SCRAM in it."""
        scram = [f"--add-scram={mechanism}=[name={user},password={password}]"
                 for mechanism in MECHANISMS[1:] for user, password in self.plan.users.items()]  # fmt: skip
        command = self._java("kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(self.properties), *scram)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"format of {self.folder} failed: {done.stdout[-800:]}{done.stderr[-800:]}")

    def launch(self) -> None:
        """Start the process and return at once."""
        command = self._java("kafka.Kafka", str(self.properties), heap=self.plan.heap)
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                                            start_new_session=True)  # fmt: skip
        orphans.watch(self.process)

    def wait(self, nodes: frozenset[int] = frozenset(), timeout: float = 60.0) -> None:
        """Return once it answers Metadata and lists itself, and `nodes`; the port opens only milliseconds before."""
        want, end, last = {self.number, *nodes}, time.monotonic() + timeout, None
        while time.monotonic() < end:
            if self.process is None or self.process.poll() is not None:
                raise RuntimeError(f"broker {self.number} ended: {self.tail()}")
            try:
                last = _alive(self.port)
                if want <= last:
                    return
            except (OSError, struct.error) as error:
                last = error
            time.sleep(0.05)
        raise TimeoutError(f"broker {self.number} is not ready after {timeout} s, last {last!r}: {self.tail()}")

    def restart(self) -> None:
        """Start (again) on the same data and ports, and wait; after a kill this takes 2–3 s."""
        self.launch()
        self.wait()

    def freeze(self) -> None:
        """SIGSTOP: it keeps its connections and answers nobody."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self._signal(signal.SIGKILL)
        if self.process:
            self.process.wait(20)
            orphans.forget(self.process)

    def stop(self, timeout: float = 30.0) -> int | None:
        """SIGTERM, after `timeout` SIGKILL; the exit code, 143 for a clean stop."""
        if self.process is None:
            return None
        self.thaw()
        self._signal(signal.SIGTERM)
        try:
            self.process.wait(timeout)
            orphans.forget(self.process)
        except subprocess.TimeoutExpired:
            self.kill()
        return self.process.returncode

    def tail(self, characters: int = 1500) -> str:
        """The end of what it said."""
        return self.log.read_text(errors="replace")[-characters:] if self.log.exists() else ""

    def _signal(self, number: int) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)

    def _java(self, main: str, *arguments: str, heap: int | None = None) -> list[str]:
        memory = [f"-Xmx{heap}m"] if heap else []
        log = f"-Dlog4j2.configurationFile={self.folder / 'log4j2.properties'}"
        return [kafka_parts.java(), *memory, *JVM, *self.plan.jvm, log, "-cp", kafka_parts.jars(), main, *arguments]


class Cluster:
    """One broker (controller in the same process), or several. A context: stopped when it is left.

    `listeners` beside the open one: SSL, SASL_PLAINTEXT, SASL_SSL; `users` know all mechanisms of `MECHANISMS`.
    With three brokers, replication 3 and min_insync 2, kill the second or third: the first is the only controller.
    """

    def __init__(self, folder: Path, *, brokers: int = 1, archive: Path | None = None, **plan: object) -> None:
        if archive:
            plan["jvm"] = (*plan.get("jvm", ()), f"-XX:SharedArchiveFile={archive}")
        self.plan = Plan(**plan)
        self.certificates = (
            _certificates(folder / "tls") if any("SSL" in name for name in self.plan.listeners) else None
        )
        names = ("PLAINTEXT", *self.plan.listeners)
        controller, *free = _free_ports(1 + brokers * len(names))
        self.nodes = []
        for number in range(1, brokers + 1):
            ports = {name: free.pop() for name in names} | {"CONTROLLER": controller}
            self.nodes.append(Node(folder / f"node{number}", number, ports, self.plan, self.certificates))

    @property
    def bootstrap(self) -> str:
        """The addresses of the open listener, as clients want them."""
        return self.at("PLAINTEXT")

    def at(self, listener: str) -> str:
        """The addresses of one listener."""
        return ",".join(f"127.0.0.1:{node.ports[listener]}" for node in self.nodes)

    def start(self) -> "Cluster":
        """Format, start, and wait until every node knows every other."""
        everyone = frozenset(node.number for node in self.nodes)
        identity = "A" + base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("=")[1:]  # "-" would be an option
        try:
            for node in self.nodes:
                node.format(identity)
            for node in self.nodes:
                node.launch()
            for node in self.nodes:
                node.wait(everyone)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """The first node last: the others ask its controller to be let go."""
        for node in reversed(self.nodes):
            node.stop()

    __enter__ = start

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def create_topic(self, name: str, *, partitions: int = 1, **config: object) -> None:
        """Make a topic, and wait until every partition has a leader. Names with dots: `**{"retention.ms": 1000}`."""
        from aiokafka.admin import AIOKafkaAdminClient, NewTopic

        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            wanted = NewTopic(name, partitions, self.plan.replication,
                              topic_configs={key: str(value) for key, value in config.items()})  # fmt: skip
            answer = await admin.create_topics([wanted])
            refused = [error for error in answer.topic_errors if error[1]]  # it does not raise
            assert not refused, refused
            while True:
                [told] = await admin.describe_topics([name])
                found = [one for one in told.get("partitions", ()) if one["leader"] >= 0 and not one["error_code"]]
                if len(found) == partitions:
                    return
                await asyncio.sleep(0.02)
        finally:
            await admin.close()

    async def delete_topic(self, name: str) -> None:
        """Remove a topic with all its records."""
        from aiokafka.admin import AIOKafkaAdminClient

        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            await admin.delete_topics([name])
        finally:
            await admin.close()


def archive() -> Path | None:
    """Kafka's loaded classes, kept once (7 s, 48 MB): brokers then start in half the time and CPU. None without."""
    version = subprocess.run([kafka_parts.java(), "-version"], capture_output=True, text=True, check=True).stderr
    name = "".join(one for one in version.splitlines()[0] if one.isalnum() or one in ".-")
    file = kafka_parts.cache() / f"kafka-{kafka_parts.VERSION}-{name}.jsa"
    kafka_parts.jars()
    with kafka_parts.alone():
        if not file.exists():
            folder = kafka_parts.cache() / f"archive-{os.getpid()}"
            made = folder / "classes.jsa"
            try:
                Cluster(folder, jvm=(f"-XX:ArchiveClassesAtExit={made}",)).start().stop()
                if made.exists():
                    made.rename(file)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    return file if file.exists() else None


def _settings(node: Node, plan: Plan, certificates: Certificates | None) -> dict[str, object]:
    """The properties of one node. No comment may stand behind a value: it would become part of it."""
    controller = node.number == 1
    mine = {name: port for name, port in node.ports.items() if name != "CONTROLLER"}
    open_ = ",".join(f"{name}://127.0.0.1:{port}" for name, port in mine.items())
    voter = f"127.0.0.1:{node.ports['CONTROLLER']}"
    return {
        "process.roles": "broker,controller" if controller else "broker",
        "node.id": node.number,
        "controller.quorum.voters": f"1@{voter}",
        "listeners": open_ + (f",CONTROLLER://{voter}" if controller else ""),
        "advertised.listeners": ",".join(f"{name}://127.0.0.1:{port}" for name, port in mine.items()),
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": ",".join(f"{name}:{name}" for name in mine) + ",CONTROLLER:PLAINTEXT",
        "log.dirs": node.folder / "data",
        "auto.create.topics.enable": "false",
        "default.replication.factor": plan.replication,
        "min.insync.replicas": plan.min_insync,
        "offsets.topic.num.partitions": 1,
        "offsets.topic.replication.factor": plan.replication,
        "transaction.state.log.num.partitions": 1,
        "transaction.state.log.replication.factor": plan.replication,
        "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.num.partitions": 1,
        "share.coordinator.state.topic.replication.factor": plan.replication,
        "share.coordinator.state.topic.min.isr": 1,
        # By default every first join waits 3 s, short sessions are refused, and a node that was killed is not taken
        # back for 9 s.
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 500,
        "broker.heartbeat.interval.ms": 250,
        "broker.session.timeout.ms": 1500,
        "replica.lag.time.max.ms": 2000,
        "log.cleaner.dedupe.buffer.size": 4194304,  # the default takes 128 MB of the heap
        "num.network.threads": 2,
        "num.io.threads": 2,
        **(_security(plan, certificates) if plan.listeners else {}),
        **plan.settings,
    }


def _security(plan: Plan, certificates: Certificates | None) -> dict[str, object]:
    settings: dict[str, object] = {"sasl.enabled.mechanisms": ",".join(MECHANISMS)}
    known = " ".join(f'user_{user}="{password}"' for user, password in plan.users.items())
    login = "org.apache.kafka.common.security"
    for listener in plan.listeners:
        prefix = f"listener.name.{listener.lower()}"
        if "SASL" in listener:
            settings[f"{prefix}.plain.sasl.jaas.config"] = f"{login}.plain.PlainLoginModule required {known};"
            for mechanism in MECHANISMS[1:]:
                scram = f"{login}.scram.ScramLoginModule required;"
                settings[f"{prefix}.{mechanism.lower()}.sasl.jaas.config"] = scram
        if certificates:
            settings[f"{prefix}.ssl.keystore.type"] = settings[f"{prefix}.ssl.truststore.type"] = "PEM"
            settings[f"{prefix}.ssl.keystore.location"] = certificates.broker
            settings[f"{prefix}.ssl.truststore.location"] = certificates.ca
    if certificates and "SSL" in plan.listeners:
        settings["listener.name.ssl.ssl.client.auth"] = "requested"
    return settings


def _certificates(folder: Path) -> Certificates:
    """An authority, a broker's and a client's certificate, made by OpenSSL for this one cluster."""
    folder.mkdir(parents=True, exist_ok=True)
    openssl = kafka_parts.program("openssl", "openssl")

    def run(*arguments: str) -> None:
        subprocess.run([openssl, *arguments], cwd=folder, check=True, capture_output=True)

    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    run("req", "-x509", *curve, "-days", "2", "-subj", "/CN=test authority", "-keyout", "ca.key", "-out", "ca.pem",
        "-addext", "keyUsage=critical,keyCertSign,cRLSign")  # fmt: skip
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    for name in ("broker", "client"):
        run("req", *curve, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        run("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-extfile", "names", "-out", f"{name}.pem")  # fmt: skip
    both = folder / "broker.both.pem"
    both.write_text((folder / "broker.key").read_text() + (folder / "broker.pem").read_text())
    return Certificates(folder / "ca.pem", both, folder / "client.pem", folder / "client.key")


def _free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago; all are held until all are known, so none comes twice."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def _alive(port: int) -> set[int]:
    """The node ids that this broker tells clients of: Metadata v1 without topics, by hand."""
    with socket.create_connection(("127.0.0.1", port), 1.0) as wire:
        message = struct.pack(">hhih", 3, 1, 1, 5) + b"probe" + struct.pack(">i", 0)
        wire.sendall(struct.pack(">i", len(message)) + message)
        with wire.makefile("rb") as answers:
            raw = answers.read(struct.unpack(">i", answers.read(4))[0])[4:]
    ids, at = set(), 4
    for _ in range(struct.unpack_from(">i", raw)[0]):
        node, length = struct.unpack_from(">ih", raw, at)
        at += 6 + length + 4
        at += 2 + max(struct.unpack_from(">h", raw, at)[0], 0)
        ids.add(node)
    return ids
