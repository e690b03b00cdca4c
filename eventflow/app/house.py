"""Composition and life cycle: the house that knows every room, and introduces them to each other.

`Eventflow` builds the house from settings, opens it from the bottom up and closes it from the door down:

    open   data directory → store → bus → catalogue → executor → router → outbox → doors → addresses.json
    close  doors (nothing new comes in) → router (decides what is there) → executor (lets calls end) → store → bus

It never touches signals, the root logger or the loop policy, so it can live inside another program.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import structlog

from eventflow import ports
from eventflow.app import fit
from eventflow.app.actions import Actions
from eventflow.app.doors import Doors
from eventflow.app.partitions import Partitions
from eventflow.app.rooms import build_bus, build_store, bus_name, make_private
from eventflow.app.why import Why
from eventflow.app.workflows import Workflows
from eventflow.buses.kafka import KafkaBus
from eventflow.buses.memory import MemoryBus
from eventflow.disk import Hold
from eventflow.errors import EventflowError, NotFound, SettingsError, StorageError
from eventflow.execute.executor import Executor
from eventflow.execute.explain import explain as explain_run
from eventflow.kafka import seal
from eventflow.kafka.codec import SealedCodec
from eventflow.model import journal
from eventflow.model.event import Event, from_micros
from eventflow.model.identity import partition_of
from eventflow.model.record import Entry
from eventflow.observe.logs import set_up_unless_done
from eventflow.plugin.one_series import find_detector
from eventflow.route.fitter import Child
from eventflow.route.inputs import complete
from eventflow.route.outbox import Outbox
from eventflow.route.router import Router

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from eventflow.model.commit import Commit
    from eventflow.model.record import Ref
    from eventflow.model.run import Run
    from eventflow.model.workflow import Catalogue
    from eventflow.plugin import Bus, Store
    from eventflow.plugin.store import Admitted
    from eventflow.route.explain import Explained
    from eventflow.route.fitting import Fits
    from eventflow.route.watching import Watching
    from eventflow.settings import Settings

log = structlog.get_logger("eventflow.app")
GROUP = "router"
"""Who reads the bus."""
HOUSEKEEPING = 60.0
"""Seconds between two rounds of retention."""
LOOK = 1.0
"""Seconds between two looks at the documents; a change is taken when two looks agree."""


class Eventflow:
    """A whole eventflow in this process: `async with Eventflow(settings) as flow: await flow.emit(event)`.

    `settings` as `eventflow.settings.load` gives them; a mapping is read as a settings file would be; None: the file
    and the environment of the process.
    """

    def __init__(self, settings: Settings | Mapping[str, Any] | None = None, *, doors: bool = True) -> None:
        """Only remember; `open` does it. `doors` false: no listener at all, events come by `emit`."""
        self.settings = _settings(settings)
        fit.check(self.settings, doors=doors)
        embedded = self.settings.store == "sqlite:"
        self.worker = "embedded" if embedded else "worker_" + ports.random_bytes(6).hex()
        """One process holds the embedded store, so the next one may take back the leases of the one before at once."""
        self.bus: Bus = build_bus(self.settings)
        self.store: Store = build_store(self.settings)
        self.actions = Actions(self.settings)
        self.workflows = Workflows(self.settings)
        self.addresses: dict[str, Any] = {}
        self.ended: asyncio.Event = asyncio.Event()
        """Set when the house is to be closed: by `drain`, or because a room failed (`failure`)."""
        self.failure: BaseException | None = None
        self._hold = Hold(Path(self.settings.data_dir))
        self._tasks = ports.Tasks(self.room_failed)
        self._router = Router(
            self.bus, self.store, group=GROUP, zone=self.settings.timezone or "UTC", on_commit=self._committed,
            detectors=find_detector, fitter=Child(), keys=self.settings.limits.keys,
        )  # fmt: skip
        self._outbox = Outbox(self.bus, self.store, worker=self.worker)
        self._executor = Executor(
            self.store, self.actions.get, now=self.bus.now, worker=self.worker, secret=self.actions.secret,
            workflow=self.workflows.get, url=self.run_url, complete=complete, partitions=self.bus.partitions,
            halted=lambda: self._router.halted, said=self._outbox.wake,
            concurrency=self.settings.limits.in_flight,
        )  # fmt: skip
        self.why = Why(self, self._router.verdicts)
        """Why events did what they did."""
        self.partitions = Partitions(self, self._router.wake, self._outbox.wake)
        """Where partitions stand, and letting go on those that stand still."""
        self._doors = Doors(self) if doors else None
        if self._doors is not None and isinstance(self.bus, KafkaBus):
            self.bus.measures.rounds = self._doors.measured.round_of_bus
        self._loops: list[asyncio.Task[None]] = []
        self._open = False

    # --- life --------------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """Open."""
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Drain and close."""
        await self.close()

    async def open(self) -> None:
        """Be ready: everything stored is recovered, workflows are in force, the doors are open."""
        set_up_unless_done()
        make_private(Path(self.settings.data_dir))
        self._hold.take()
        try:
            await self.store.open()
            if await self.store.partitions():  # in use: refused before topics are made for a bus that is not its own
                await self._fix_bus()
            await self.bus.open()
            await self._fix_bus()
            await self._fix_partitions()
            await self._give_key()
            await self._be_the_first()
            if isinstance(self.bus, MemoryBus):
                known = await self.store.partitions()
                self.bus.resume({partition: position for partition, (position, _, _) in known.items()})
            await self.reload()
            self._tasks.spawn(self._executor.run(), "executor")
            self._loops = [
                self._tasks.spawn(self._router.run(), "router"),
                self._tasks.spawn(self._outbox.run(), "outbox"),
            ]
            self._tasks.spawn(self._keep_house(), "housekeeping")
            self._tasks.spawn(self._watch(), "watch")
            if self._doors is not None:
                self.addresses = await self._doors.open()
                self._hold.tell(self.addresses["public"])
        except BaseException:
            await self._let_go()
            raise
        self._open = True

    async def ready(self) -> None:
        """Wait until every partition is being decided; no longer when one stands still or the end was asked for."""
        while not (self._router.ready or self._router.halted or self.ended.is_set()):
            await ports.sleep(0.005)

    def drain(self) -> None:
        """Ask for the house to be closed; whoever waits for `ended` does it."""
        self.ended.set()

    async def close(self) -> None:
        """Take nothing more, finish what is in hand within `limits.drain`, let go. Safe to call twice."""
        if not self._open:
            return
        self._open = False
        if self._doors is not None:
            await self._doors.close()
        if self.failure is None:
            seconds = self.settings.limits.drain / ports.SECOND * 0.8
            self._router.drain()
            await self._executor.drain(seconds)
            await ports.wait_for(self._loops[:1], seconds / 4)  # its last commit may have something to say
            self._outbox.drain()
            await ports.wait_for(self._loops, seconds / 4)
        await self._let_go()

    async def _let_go(self) -> None:
        await self._tasks.close()
        await self._executor.close()
        for part in (self.store, self.bus):
            try:
                await part.close()
            except StorageError as error:
                log.warning("app.close", error=str(error))
        self._hold.release()

    def room_failed(self, name: str, error: BaseException) -> None:
        """A room has died: the house cannot go on half."""
        if self.failure is None:
            self.failure = error
            log.error("app.failed", room=name, error=str(error), exc_info=None if _known(error) else error)
        self.ended.set()

    async def _fix_bus(self) -> None:
        """A store belongs to the bus it was decided from: its positions mean nothing on another one."""
        now = bus_name(self.settings)
        fixed = await self.store.setting("bus", now)
        if fixed != now:
            raise SettingsError(
                f"{self.settings.near('bus.url')}: bus.url: {self.settings.data_dir} was made with the bus {fixed} and "
                f"the settings say {now}, where its positions mean nothing and events that are not decided yet would "
                f"be left behind: set bus.url back, or, once nothing is open or undecided there, choose a new data_dir"
            )

    async def _fix_partitions(self) -> None:
        """N is what it was at the first start (W1); then it must be what the bus has."""
        if (added := getattr(self.bus, "added", 0)) and not await self.store.partitions():
            there = self.bus.partitions + added
            raise SettingsError(
                f"the topic of the bus has {there} partitions and bus.partitions says {self.bus.partitions}: set "
                f"bus.partitions: {there}, which is fixed from the first start on"
            )
        fixed = int(await self.store.setting("partitions", str(self.bus.partitions)))
        if fixed != self.bus.partitions:
            raise StorageError(
                f"this data directory was made for {fixed} data partitions and the bus has {self.bus.partitions}; "
                "state would be looked for in the wrong place"
            )

    async def _give_key(self) -> None:
        """Where strangers write into the log, what the engine says is sealed with a key that the store keeps (W2)."""
        if isinstance(codec := getattr(self.bus, "codec", None), SealedCodec):
            key = await self.store.setting(seal.SETTING, ports.random_bytes(seal.KEY_BYTES).hex())
            codec.take_key(bytes.fromhex(key))

    async def _be_the_first(self) -> None:
        """A store that has decided nothing must not decide again what another one has: everything would run twice."""
        if not isinstance(self.bus, KafkaBus) or await self.store.partitions():
            return
        if before := await self.bus.decided_before(GROUP):
            raise SettingsError(before)

    async def _keep_house(self) -> None:
        """Retention, now and then; never above the lowest `memory_at` (W6)."""
        while True:
            await ports.sleep(HOUSEKEEPING)
            try:
                known = await self.store.partitions()
                keep = {partition: memory_at for partition, (_, memory_at, _) in known.items()}
                await self.bus.retain(lambda partition, keep=keep: keep.get(partition, 0))  # type: ignore[misc]
                now = self.bus.now()
                await self.store.prune(now - self.settings.retention.runs, now)
            except StorageError as error:
                log.warning("app.housekeeping", error=str(error))

    # --- workflows ---------------------------------------------------------------------------------------------------

    @property
    def catalogue(self) -> Catalogue:
        """The workflows in force."""
        return self.workflows.in_force

    async def reload(self) -> None:
        """Read the workflows again and put what is right into force; what is wrong is in `workflows.problems`."""
        await self.workflows.activate(self.store, self.bus.now())
        self._router.wake()

    async def _watch(self) -> None:
        """Reload when documents have changed on disk."""
        while True:
            await ports.sleep(LOOK)
            try:
                if self.workflows.changed():
                    await self.reload()
            except StorageError as error:
                log.warning("app.reload", error=str(error))

    # --- events ------------------------------------------------------------------------------------------------------

    async def emit(self, *events: Event) -> None:
        """Store events; back once they survive what the bus declares."""
        entries = [Entry(partition_of(event.key, self.bus.partitions), event.encode()) for event in events]
        await self.bus.publish(entries)

    def run_url(self, run: str) -> str:
        """Where a run can be looked at; empty without doors."""
        return f"{self.addresses['private']}/api/v1/runs/{run}" if self.addresses else ""

    def event(self, type_: str, data: Any = None, *, source: str = "embedded", subject: str | None = None) -> Event:
        """A new event of now with an id of its own."""
        return Event(
            id=ports.random_bytes(12).hex(), source=source, type=type_, time=from_micros(ports.wall()),
            subject=subject, data=data,
        )  # fmt: skip

    def _committed(self, commit: Commit, admitted: Admitted) -> None:
        """Wake who has something to do now."""
        if commit.firings or commit.reruns or commit.deliveries or commit.arrivals:
            self._executor.wake([delivery.run for delivery in commit.deliveries])
        if commit.outbox or admitted.runs or admitted.full:
            self._outbox.wake()
        for full in admitted.full:
            log.warning("app.dead_letters_limit", workflow=full.workflow, trigger=full.trigger, limit=full.limit)

    # --- answers for the doors ---------------------------------------------------------------------------------------

    async def explain(self, ref: Ref) -> Sequence[Explained]:
        """What every trigger made of one stored event."""
        record = (await self.bus.fetch([ref]))[0]
        if record is None:
            raise NotFound(f"no event {ref.handle}")
        return await self.why.outcomes(record)

    async def explain_run(self, run: Run) -> Sequence[str]:
        """What started the run, the path it took, each attempt: one sentence each, with the seconds since its start."""
        entries = [journal.decode(line.data) for line in await self.store.read(run.id)]
        return [f"{line.after / ports.SECOND:8.3f} s  {line.sentence}" for line in explain_run(run, entries)]

    def trouble(self) -> dict[str, str]:
        """Check → sentence for everything that is not as it should be."""
        found = {"router": self._router.trouble} if self._router.trouble else {}
        if full := getattr(self.bus, "full", ""):
            found["bus"] = full
        if rival := getattr(self.bus, "rival", ""):
            found["rival"] = rival
        if not self._open:
            found["house"] = "starting"
        if self.ended.is_set():
            found["house"] = "closing"
        return found

    @property
    def positions(self) -> dict[int, int]:
        """Partition → offset of the next record to decide."""
        return dict(self._router.positions)

    @property
    def halted(self) -> dict[int, str]:
        """Partitions that cannot go on without a person, and why."""
        return self._router.halted

    @property
    def fenced(self) -> int:
        """How many commits another router had overtaken."""
        return self._router.fenced

    @property
    def counts(self) -> dict[tuple[str, str, str], int]:
        """(workflow, trigger, reason) → how often."""
        return self._router.counts()

    @property
    def detectors(self) -> Sequence[Watching]:
        """The condition triggers in force, and how their series stand."""
        return self._router.detectors()

    @property
    def fits(self) -> Fits:
        """The models that were made elsewhere."""
        return self._router.fits

    @property
    def findings(self) -> dict[tuple[str, str], list[str]]:
        """(workflow, trigger) → what a person should know of its filter."""
        return self._router.findings()

    @property
    def in_hand(self) -> int:
        """Runs that are worked on now."""
        return self._executor.in_hand


def _settings(given: Settings | Mapping[str, Any] | None) -> Settings:
    from eventflow import settings

    if given is None:
        return settings.load()
    return given if isinstance(given, settings.Settings) else settings.given(given)


def _known(error: BaseException) -> bool:
    return isinstance(error, EventflowError)
