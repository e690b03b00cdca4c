"""How Kafka is reached: addresses, TLS, log-in; and why it was not, in words a person can act on.

aiokafka tells every failed start as "unable to bootstrap" and leaves the cause in its log; `reach` asks each address by
itself and keeps the cause, so that a wrong password is not told as a broker that is away.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from pathlib import Path
from typing import Any

import msgspec

from eventflow import ports
from eventflow.errors import ComponentError, SettingsError, StorageBusy
from eventflow.kafka.url import address

ANSWER = 5.0
"""Seconds that one address may take to answer."""


class Sasl(msgspec.Struct, frozen=True):
    """A log-in. `mechanism` is PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512."""

    mechanism: str
    username: str
    password: str

    def __repr__(self) -> str:
        """Without the password."""
        return f"Sasl({self.mechanism}, {self.username})"


class Tls(msgspec.Struct, frozen=True):
    """Files in PEM: the authority to trust (None: the system's), our own certificate and its key (None: none)."""

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None


class Connection(msgspec.Struct, frozen=True):
    """Where Kafka is and how to get in. `servers` are `host` or `host:port`; `where` names the settings in messages."""

    servers: tuple[str, ...]
    sasl: Sasl | None = None
    tls: Tls | None = None
    where: str = "bus"

    @property
    def protocol(self) -> str:
        """Kafka's name for it: PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL."""
        plain = "SSL" if self.tls is not None else "PLAINTEXT"
        return f"SASL_{plain}" if self.sasl is not None else plain

    def options(self) -> dict[str, Any]:
        """What every client of aiokafka is made with. Raises `SettingsError` for certificates that can't be read."""
        options: dict[str, Any] = {"security_protocol": self.protocol, "ssl_context": self._context()}
        if self.sasl is not None:
            options |= {
                "sasl_mechanism": self.sasl.mechanism,
                "sasl_plain_username": self.sasl.username,
                "sasl_plain_password": self.sasl.password,
            }
        return options

    def client_options(self) -> dict[str, Any]:
        """The same with addresses, and with times that suit a service: what is wrong shows within seconds."""
        return {
            **self.options(),
            "bootstrap_servers": [f"{host}:{port}" for host, port in self.addresses()],
            "client_id": "eventflow",
            "request_timeout_ms": 5_000,
            "metadata_max_age_ms": 10_000,
            "retry_backoff_ms": 100,
        }

    def addresses(self) -> list[tuple[str, int]]:
        """Host and port of each server. Raises `SettingsError` for one that is none."""
        try:
            return [address(server) for server in self.servers]
        except ValueError as error:
            raise SettingsError(f"{self.where}.url: {error}") from None

    def _context(self) -> ssl.SSLContext | None:
        if self.tls is None:
            return None
        try:
            context = ssl.create_default_context(cafile=str(self.tls.ca) if self.tls.ca else None)
            if self.tls.cert is not None:
                context.load_cert_chain(str(self.tls.cert), str(self.tls.key) if self.tls.key else None)
        except (OSError, ssl.SSLError) as error:
            files = ", ".join(str(file) for file in (self.tls.ca, self.tls.cert, self.tls.key) if file)
            raise SettingsError(f"{self.where}.tls: the files for Kafka ({files}) cannot be used: {error}") from None
        return context


def required() -> None:
    """Raise `ComponentError` where the extra is not installed."""
    try:
        import aiokafka  # noqa: F401
        import cramjam  # noqa: F401
    except ImportError as error:
        raise ComponentError(
            f"Kafka cannot be used: {error.name} is missing; pip install 'eventflow-router[kafka]'"
        ) from None


async def reach(connection: Connection, seconds: float = ANSWER) -> None:
    """Return once one of the servers lets us in.

    Raises `SettingsError` where one refuses our log-in or TLS, which no waiting mends; `StorageBusy` where none
    answers.
    """
    required()
    reasons: list[str] = []
    for host, port in connection.addresses():
        try:
            await _knock(connection, host, port, seconds)
        except SettingsError:
            raise
        except Exception as error:  # noqa: BLE001 - `why` knows them, and tells the rest as they are
            text, final = why(error, connection, f"{host}:{port}")
            if final:
                raise SettingsError(text) from None
            reasons.append(text)
        else:
            return
    raise StorageBusy("; ".join(reasons))


async def _knock(connection: Connection, host: str, port: int, seconds: float) -> None:
    from aiokafka.conn import create_conn

    async with ports.deadline(seconds):
        options = {**connection.options(), "request_timeout_ms": int(seconds * 1000)}
        made = await create_conn(host, port, client_id="eventflow", **options)
        if (closed := made.close()) is not None:
            await closed


def why(error: BaseException, connection: Connection, place: str) -> tuple[str, bool]:
    """A sentence for a failed connection to `place`, and whether it is final: settings rather than a bad moment."""
    from aiokafka import errors as kafka

    user = f"user {connection.sasl.username!r} ({connection.sasl.mechanism})" if connection.sasl else "us"
    if isinstance(error, (kafka.SaslAuthenticationFailed, kafka.AuthenticationFailedError)):
        return f"Kafka at {place} refuses {user}: wrong user name or password; see {connection.where}.sasl", True
    if isinstance(error, kafka.UnsupportedSaslMechanismError):
        return (
            f"Kafka at {place} does not offer {user} that log-in: {_said(error)}; see {connection.where}.sasl",
            True,
        )
    if isinstance(error, kafka.IllegalSaslStateError):
        return (
            f"Kafka at {place} expects no log-in there; leave {connection.where}.sasl away, or take another port",
            True,
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"Kafka's certificate at {place} is not trusted: {error.verify_message}; see {connection.where}.tls.ca",
            True,
        )
    if isinstance(error, ssl.SSLError):
        return f"Kafka at {place} does not speak TLS with us ({error.reason}); is it the port with TLS?", True
    if isinstance(error, socket.gaierror):
        return f"there is no host {place.rpartition(':')[0]!r} ({error.strerror}); see {connection.where}.url", False
    if isinstance(error, ConnectionRefusedError):
        return f"nobody listens at {place}; see {connection.where}.url, and whether Kafka runs", False
    return _silent(error, connection, place), False


def _silent(error: BaseException, connection: Connection, place: str) -> str:
    from aiokafka import errors as kafka

    if isinstance(error, TimeoutError):
        return f"Kafka at {place} does not answer"
    if isinstance(error, (kafka.KafkaConnectionError, ConnectionError, asyncio.IncompleteReadError)):
        where = connection.where
        hints = [f"speaks no TLS, leave {where}.tls away" if connection.tls else f"speaks TLS, give {where}.tls"]
        if connection.sasl is None:
            hints.append(f"wants a log-in, give {where}.sasl")
        return f"Kafka at {place} closed the connection before it answered; if that port {', or '.join(hints)}"
    if isinstance(error, OSError):
        name = os.strerror(error.errno) if error.errno is not None and error.errno in errno.errorcode else str(error)
        return f"Kafka at {place} cannot be reached: {name}"
    return f"Kafka at {place} cannot be used: {_said(error)}"


def _said(error: BaseException) -> str:
    return str(error).strip() or type(error).__name__


async def reach_patiently(connection: Connection, seconds: float) -> None:
    """As `reach`, but give brokers that are starting `seconds` to come. Raises the last `StorageBusy`."""
    import structlog

    log, end, pause = structlog.get_logger("eventflow.kafka"), ports.boot() + int(seconds * ports.SECOND), 0.2
    told = False
    while True:
        try:
            await reach(connection, min(ANSWER, max(0.5, seconds)))
        except StorageBusy as error:
            if ports.boot() >= end:
                raise
            if not told:
                log.warning("kafka.waiting", error=str(error), seconds=seconds)
            told = True
            await ports.sleep(pause)
            pause = min(2.0, pause * 2)
        else:
            return
