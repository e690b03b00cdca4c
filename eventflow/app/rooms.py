"""Makes bus and store as the settings say, and the directory they live in."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

from eventflow import ports
from eventflow.errors import SettingsError

if TYPE_CHECKING:
    from eventflow.kafka.connection import Connection
    from eventflow.kafka.topics import Wanted
    from eventflow.plugin import Bus, Store
    from eventflow.settings import Settings


def make_private(directory: Path) -> None:
    """The data directory, for this user only. Raises `SettingsError` where it cannot be had."""
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if directory.stat().st_mode & 0o077:
            directory.chmod(0o700)
        if not os.access(directory, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        what = "it is a file" if isinstance(error, FileExistsError) else (error.strerror or str(error)).lower()
        raise SettingsError(f"data_dir {directory} cannot be used: {what}; choose another one or mend it") from None


def build_bus(settings: Settings) -> Bus:
    """The event log. Raises `SettingsError` for a secret that is not there."""
    if settings.bus.type == "memory":
        from eventflow.buses.memory import MemoryBus

        return MemoryBus(partitions=settings.bus.partitions)
    if settings.bus.type == "sqlite":
        from eventflow.buses.sqlite import SqliteBus

        return SqliteBus(
            Path(settings.data_dir) / "bus",
            limit_bytes=settings.retention.size,
            max_age=settings.retention.events / ports.SECOND,
            patience=settings.limits.queue_age / ports.SECOND,
        )
    from eventflow.buses.kafka import KafkaBus
    from eventflow.kafka.codec import SealedCodec

    connection, wanted = kafka_of(settings)
    shared = settings.store not in {"sqlite:", "memory:"}
    return KafkaBus(connection, wanted, shared=shared, codec=SealedCodec())


def bus_name(settings: Settings) -> str:
    """Which log it is, however it is reached: brokers may move, the topic is the same."""
    if settings.bus.type == "kafka":
        return f"kafka://…/{settings.bus.topic_name}"
    return settings.bus.url


def kafka_of(settings: Settings) -> tuple[Connection, Wanted]:
    """How the Kafka of the bus is reached, and its topics. Raises `SettingsError` for a secret that is not there."""
    from eventflow.kafka.connection import Connection, Sasl, Tls
    from eventflow.kafka.topics import Wanted

    bus = settings.bus
    sasl = tls = None
    if bus.sasl is not None:
        sasl = Sasl(bus.sasl.mechanism, bus.sasl.username, bus.sasl.password.reveal().decode())
    if bus.tls is not None:
        tls = Tls(bus.tls.ca, bus.tls.cert, bus.tls.key)
    wanted = Wanted(
        bus.topic_name, bus.partitions, bus.topic,
        retention_ms=settings.retention.events // 1000, retention_bytes=settings.retention.size,
    )  # fmt: skip
    return Connection(bus.servers, sasl, tls), wanted


def build_store(settings: Settings) -> Store:
    """The store. Raises `SettingsError` for one that this version does not have."""
    if settings.store == "sqlite:":
        from eventflow.stores.sqlite import SqliteStore

        return SqliteStore(Path(settings.data_dir) / "store.db", dead_letters=settings.limits.dead_letters)
    raise SettingsError(f"store {settings.store!r}: this version has sqlite:")


def secrets_of(settings: Settings) -> list[bytes]:
    """Every secret of the settings that can be had now, so that the log can strike them out."""
    named = [*settings.secrets.values(), *(one.secret for one in settings.tokens)]
    if settings.bus.sasl is not None:
        named.append(settings.bus.sasl.password)
    named += [secret for source in settings.sources.values() for secret in source.auth.secrets]
    found = []
    for secret in named:
        with contextlib.suppress(SettingsError):
            found.append(secret.reveal())
    return found
