"""Opens the listeners: the public one for events, the private one and the Unix socket for the API.

Also what belongs to being reachable: the token store with the first admin token, and `addresses.json`, which tells the
command line where to knock.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from eventflow import ports
from eventflow.app.absence import absence
from eventflow.app.backup import backup
from eventflow.app.pullers import Pullers
from eventflow.app.readings import read
from eventflow.console.bodies import (
    BackupBody,
    DetectorBody,
    LossBody,
    OutcomeBody,
    PartitionBody,
    ProblemBody,
    loss_of,
)
from eventflow.console.server import handler
from eventflow.errors import Conflict, NotFound, Refused, SettingsError, StorageBusy, StorageError
from eventflow.ingest.door import PublicDoor
from eventflow.ingest.events import EventsDoor
from eventflow.ingest.gateway import Gateway
from eventflow.ingest.source import SourceDoor, door_path
from eventflow.model.record import CONTROL
from eventflow.observe.metrics import Metrics
from eventflow.plugin import Pull, Source, SourceContext
from eventflow.plugin.registry import find
from eventflow.route.inputs import BadInputs, complete
from eventflow.web.limits import Limits
from eventflow.web.listener import Listener
from eventflow.web.problems import CODES, refused
from eventflow.web.tokens import Tokens

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from aiohttp import web

    from eventflow.app.house import Eventflow
    from eventflow.app.partitions import Place
    from eventflow.model.record import Record, Ref
    from eventflow.model.run import Run
    from eventflow.model.workflow import Catalogue, Workflow
    from eventflow.plugin import Bus, Store
    from eventflow.route.watching import Watching
    from eventflow.settings import Settings

log = structlog.get_logger("eventflow.app")
SOCKET_LIMIT = 100
"""A Unix socket's path may not be longer on any system; a longer one goes to a short private folder."""
ADMIN_TOKEN = "admin.token"  # noqa: S105 - the name of a file


class Doors:
    """The listeners of one house, and what the API asks of it (`console.House`)."""

    def __init__(self, flow: Eventflow) -> None:
        """Nothing is bound yet."""
        self._flow = flow
        self._listeners: list[Listener] = []
        self._data = Path(flow.settings.data_dir)
        self.measured = Metrics()
        self.gateway: Gateway | None = None
        self._accept: EventsDoor | None = None
        self._tokens = Tokens()
        self._short: tempfile.TemporaryDirectory[str] | None = None
        self._pullers = Pullers(flow)

    # --- life --------------------------------------------------------------------------------------------------------

    async def open(self) -> dict[str, Any]:
        """Bind everything and tell where: what `addresses.json` holds."""
        settings = self._flow.settings
        limits = limits_of(settings)
        self._tokens = self._first_tokens(settings)
        self.gateway = Gateway(
            self._flow.bus,
            limits=limits,
            metrics=self.measured,
            lost=lambda error: self._flow.room_failed("bus", error),
        )
        self._accept = EventsDoor(self.gateway, self._tokens, rate=settings.limits.rate)
        tls = _tls(settings)
        public = PublicDoor({"/events": self._accept, **self._sources(settings)})
        private = handler(self, limits=limits, loopback=_only_here(settings))
        ports_ = {
            "public": await self._listen("public", public, settings.listen.public, limits, tls),
            "private": await self._listen("private", private, settings.listen.private, limits, tls),
        }
        socket = self._socket_path()
        local = self._listener(handler(self, trusted=True, limits=limits), limits)
        await local.listen_unix(socket)
        addresses = {**ports_, "socket": str(socket), "pid": os.getpid()}
        _write(self._data / "addresses.json", msgspec.json.encode(addresses))
        self._pullers.start()
        return addresses

    async def close(self) -> None:
        """Take nothing more; answer what is in progress; forget the addresses."""
        await self._pullers.close()
        if self.gateway is not None:
            self.gateway.drain()
        for listener in self._listeners:
            await listener.close()
        (self._data / "addresses.json").unlink(missing_ok=True)
        if self._short is not None:
            self._short.cleanup()

    async def _listen(self, name: str, serve: Any, address: Any, limits: Limits, tls: ssl.SSLContext | None) -> str:
        try:
            port = await self._listener(serve, limits).listen(address.host, address.port, tls=tls)
        except OSError as error:
            raise SettingsError(
                f"listen.{name}: {address} cannot be listened on: {os.strerror(error.errno or 0).lower()}; "
                "stop who has it, or choose another port (0 for any free one)"
            ) from None
        host = f"[{address.host}]" if ":" in address.host else address.host
        return f"{'https' if tls else 'http'}://{host}:{port}"

    def _listener(self, serve: Any, limits: Limits) -> Listener:
        listener = Listener(serve, limits, on_error=_failed, on_refusal=self._count_refusal)
        self._listeners.append(listener)
        return listener

    def _count_refusal(self, refusal: Refused) -> None:
        self.measured.requests_refused.labels(refusal.code if refusal.code in CODES else "other").inc()

    def _first_tokens(self, settings: Settings) -> Tokens:
        """Tokens of file and settings; at the very first start an admin token that only this user can read."""
        given = [(one.name, one.scopes, one.secret.text()) for one in settings.tokens]
        tokens = Tokens(self._data / "tokens.json", given)
        place = self._data / ADMIN_TOKEN
        if not place.exists():
            with contextlib.suppress(Conflict):
                _write(place, tokens.create("admin", ["admin"], made_by="first start").encode() + b"\n")
        return tokens

    def _sources(self, settings: Settings) -> dict[str, Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]]:
        """Path → door of every source; those that fetch are prepared. Raises `SettingsError`, `ComponentError`."""
        assert self.gateway is not None  # noqa: S101 - made just before
        doors: dict[str, Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]] = {}
        for name, given in settings.sources.items():
            made: type[Source] = find("source", given.type, Source)  # type: ignore[type-abstract]
            source = made(SourceContext(name, given.given(), given.secrets()))
            if isinstance(source, Pull):
                self._pullers.prepare(self.gateway, source)
                continue
            doors[door_path(name, given.path)] = SourceDoor(self.gateway, source)
        return doors

    def _socket_path(self) -> Path:
        path = self._data.absolute() / "api.sock"
        if len(os.fsencode(path)) < SOCKET_LIMIT:
            return path
        self._short = tempfile.TemporaryDirectory(prefix="eventflow-")
        return Path(self._short.name) / "api.sock"

    # --- what the API asks -------------------------------------------------------------------------------------------

    @property
    def bus(self) -> Bus:
        """The log."""
        return self._flow.bus

    @property
    def store(self) -> Store:
        """Runs and journals."""
        return self._flow.store

    @property
    def catalogue(self) -> Catalogue:
        """The workflows in force."""
        return self._flow.catalogue

    @property
    def ready_made(self) -> frozenset[str]:
        """Which of them come with eventflow."""
        return self._flow.workflows.ready_made

    @property
    def tokens(self) -> Tokens:
        """Who may what."""
        return self._tokens

    async def accept(self, request: web.BaseRequest) -> web.StreamResponse:
        """`POST /events` for a caller that is already known."""
        assert self._accept is not None  # noqa: S101 - the doors are open when a request comes
        return await self._accept.take(request)

    async def explain(self, record: Record) -> Sequence[OutcomeBody]:
        """What every trigger made of one stored event."""
        return [
            OutcomeBody(one.workflow, one.trigger, one.stage, one.reason, one.sentence, one.key, one.values, one.run)
            for one in await self._flow.why.outcomes(record)
        ]

    async def notes(self, record: Record) -> Sequence[str]:
        """What is to be said of an event as a whole."""
        return await self._flow.why.notes(record)

    def absence(self, workflow: str) -> str:
        """Why a workflow has no say on an event. Raises `Refused` (422) when there is no such workflow."""
        flow = self._flow
        try:
            return absence(workflow, flow.catalogue, flow.workflows.problems, flow.settings.workflows)
        except NotFound as error:
            raise refused("invalid", str(error)) from None

    @property
    def positions(self) -> Mapping[int, int]:
        """Where the router stands."""
        return self._flow.positions

    async def partitions(self) -> Sequence[PartitionBody]:
        """Where every partition stands."""
        return [_partition(place) for place in await self._flow.partitions.places()]

    async def accept_loss(self, partition: int, lost: int | None, to: int, *, by: str, comment: str) -> LossBody:
        """Let a partition that stands still go on without what is lost."""
        return loss_of(await self._flow.partitions.accept(partition, lost, to, by=by, comment=comment))

    async def given_up(self, ref: Ref) -> str:
        """Who accepted that what lay here is lost."""
        return await self._flow.partitions.given_up(ref)

    def detectors(self) -> Sequence[DetectorBody]:
        """The detectors of condition triggers, and how their series stand."""
        return [judged(one) for one in self._flow.detectors]

    async def backup(self) -> BackupBody:
        """Copy log and store into a folder of the data directory."""
        made = await backup(self._flow.bus, self._flow.store, self._data, self._data / "backups")
        return BackupBody(str(made.folder.absolute()), list(made.files), made.bytes)

    async def explain_run(self, run: Run) -> Sequence[str]:
        """The story of a run."""
        return await self._flow.explain_run(run)

    def findings(self) -> dict[tuple[str, str], list[str]]:
        """What a person should know of filters."""
        return self._flow.findings

    def problems(self) -> Sequence[ProblemBody]:
        """Every mistake in the documents."""
        return [
            ProblemBody(
                one.file, one.line, one.column, one.code, one.word, one.severity, one.message, one.suggestion, one.holds
            )
            for one in self._flow.workflows.problems
        ]

    def check_inputs(self, workflow: Workflow, inputs: Mapping[str, Any]) -> None:
        """Raise `Refused` (422) unless the workflow takes these inputs."""
        try:
            complete(workflow.inputs, inputs)
        except BadInputs as error:
            raise refused("invalid", f"{workflow.id}: {error}") from None

    def trouble(self) -> dict[str, str]:
        """What is not ready."""
        return self._flow.trouble()

    async def metrics(self) -> bytes:
        """The text format, with what is read from bus, store and router now."""
        readings = await read(self._flow)
        readings.append(("connections", (), sum(listener.connections for listener in self._listeners)))
        readings += [("source_waiting", (name,), 1) for name in self._pullers.trouble]
        return self.measured.expose(readings)

    def drain(self) -> None:
        """Begin to stop."""
        ports.later(0.05, self._flow.drain)


def _partition(place: Place) -> PartitionBody:
    """A partition as the API shows it."""
    bounds, loss, before = place.bounds, place.loss, place.before
    name = "control" if place.partition == CONTROL else str(place.partition)
    return PartitionBody(
        name, place.position, bounds.start, bounds.end, place.halted, loss_of(loss) if loss is not None else None,
        before.sentence if before is not None else None,
    )  # fmt: skip


def judged(one: Watching) -> DetectorBody:
    """A condition trigger as the API shows it."""
    series = one.learning + one.normal + one.alarms
    state = "alarm" if one.alarms else "learning" if one.learning and not one.normal else "ok"
    how = f"{one.learning} learning, {one.normal} normal, {one.alarms} in alarm"
    sentence = f"{one.detector} over {series} series: {how}"
    return DetectorBody(f"{one.workflow}/{one.trigger}", one.type, state, sentence)


def limits_of(settings: Settings) -> Limits:
    """The doors' bounds out of the settings."""
    given = settings.limits
    return Limits(
        body=given.body,
        unpacked=given.decompressed,
        batch=given.batch,
        depth=given.depth,
        header=given.headers,
        header_fields=given.fields,
        header_seconds=given.head_time / ports.SECOND,
        body_seconds=given.body_time / ports.SECOND,
        connections=given.connections,
        connections_per_address=given.per_address,
        waiting_seconds=given.queue_age / ports.SECOND,
    )


def _only_here(settings: Settings) -> bool:
    """Whether the private listener is for this machine alone."""
    return settings.listen.private.is_loopback and not settings.listen.behind_proxy


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if settings.listen.tls is None:
        return None
    import ssl

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(settings.listen.tls.cert, settings.listen.tls.key)
    return context


def _write(path: Path, content: bytes) -> None:
    """Write beside and rename, for this user only: a reader sees all of it or the old one. Raises `StorageError`."""
    beside = path.with_suffix(".new")
    try:
        beside.unlink(missing_ok=True)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        beside.replace(path)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {(error.strerror or str(error)).lower()}") from None


def _failed(error: BaseException, request: web.BaseRequest) -> None:
    if isinstance(error, StorageBusy):
        log.warning("door.waiting", method=request.method, path=request.path, error=str(error))
        return
    log.error("door.failed", method=request.method, path=request.path, error=repr(error), exc_info=error)
