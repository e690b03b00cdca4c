"""The router's loop: read a batch, decide, commit; control first, one task, everything else in `decide` (W5, W10).

One task reads all partitions of a subscription, so nothing here races with itself. `Fenced` drops a partition's memory
and recovers it; what else can go wrong with a commit is answered in `patience`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from eventflow import ports
from eventflow.errors import Fenced, NotFound, Outdated, PartitionHalted
from eventflow.model.record import CONTROL
from eventflow.route import readings
from eventflow.route.careful import TRIES, Marks
from eventflow.route.catalogues import Catalogues
from eventflow.route.fitting import Fits, InProcess
from eventflow.route.memory import KEY_LIMIT, Memory
from eventflow.route.panel import Spoiled
from eventflow.route.patience import Patient
from eventflow.route.recovery import recover
from eventflow.route.sampling import Sampling
from eventflow.route.standing import Standing
from eventflow.route.takeover import stale, take_over
from eventflow.route.ticks import Ticker
from eventflow.route.watching import Find, no_types

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from eventflow.model.commit import Commit
    from eventflow.model.event import Micros
    from eventflow.model.record import Batch, Record
    from eventflow.plugin.bus import Bus, Subscription
    from eventflow.plugin.store import Admitted, Ledger
    from eventflow.route.fitting import Fitter
    from eventflow.route.held import Held
    from eventflow.route.states import Verdict
    from eventflow.route.watching import Watching

log = structlog.get_logger("eventflow.route")

LIMIT: Final = 1000
"""Records of one batch, at most."""
CHECKPOINT: Final[Micros] = 1_000_000
"""Memory is written about so often, by the log clock or the wall."""
LOOK: Final[Micros] = 500_000
"""So often the store is asked for the earliest deadline, and every tenth time for a newer catalogue."""
_PAUSE: Final = 0.5


class Router:
    """Decide the partitions that the bus assigns to us, until drained."""

    def __init__(
        self,
        bus: Bus,
        store: Ledger,
        *,
        group: str = "router",
        zone: str = "UTC",
        on_commit: Callable[[Commit, Admitted], object] | None = None,
        detectors: Find = no_types,
        fitter: Fitter | None = None,
        keys: int = KEY_LIMIT,
    ) -> None:
        """Read `bus` as `group`, commit to `store`; a trigger keeps state for at most so many `keys` (W15).

        `on_commit` hears of every commit, `fitter` makes models.
        """
        self._keys = keys
        self._bus = bus
        self._store = store
        self._group = group
        self._on_commit = on_commit
        self._catalogues = Catalogues(store, zone, detectors)
        self.fits = Fits(fitter if fitter is not None else InProcess(detectors))
        self._guarded: frozenset[tuple[str, str]] = frozenset()
        self._patient = Patient(bus, store)
        self._ticker = Ticker(bus, self._patient)
        self._marks = Marks(self._patient)
        self._standing = Standing(bus, store, self._patient)
        self._sampling = Sampling()
        self._held: dict[int, Held] = {}
        self._subscription: Subscription | None = None
        self._epoch = 0
        self._woken = True
        self._outdated = False
        self._looked: Micros = 0
        self._looks = 0
        self._deadline: Micros | None = None
        self._draining = False
        self.fenced = 0
        """Commits that another router had overtaken."""

    # --- for others --------------------------------------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        """Whether every assigned partition is being decided and the store takes commits."""
        assigned = self._subscription.assigned if self._subscription is not None else ()
        return bool(assigned) and not self._patient.waiting and all(p in self._held for p in assigned)

    @property
    def halted(self) -> dict[int, str]:
        """Partitions that cannot go on without a person, and why."""
        return self._standing.halted

    @property
    def trouble(self) -> str:
        """Why it is not ready, for health; empty when it is."""
        if self._patient.waiting:
            return self._patient.waiting
        if self.halted:
            return "; ".join(self.halted.values())
        return "" if self.ready else "starting"

    @property
    def positions(self) -> dict[int, int]:
        """Partition → offset of the next record to decide, for lag."""
        return {partition: held.offset for partition, held in self._held.items()}

    @property
    def memory_at(self) -> dict[int, int]:
        """Partition → offset that the log must keep (W6)."""
        return {partition: held.memory_at.offset for partition, held in self._held.items()}

    @property
    def catalogue(self) -> int:
        """The number that every partition in hand decides by; the lowest while they differ."""
        return min((held.front.rules.number for held in self._held.values()), default=0)

    def counts(self) -> dict[tuple[str, str, str], int]:
        """(workflow, trigger, reason) → answers at record rows and timers, over the partitions in hand (W14)."""
        return readings.counts(self._held.values())

    def findings(self) -> dict[tuple[str, str], list[str]]:
        """(workflow, trigger) → what a person should know of its filter: never true, a field that never comes."""
        return self._sampling.findings(readings.matched(self.counts()))

    def verdicts(self, workflow: str, trigger: str, key: str) -> list[Verdict]:
        """The last verdicts on a key, oldest first, from whichever partition in hand owns it (for `explain`)."""
        return readings.verdicts(self._held.values(), (workflow, trigger), key)

    def detectors(self) -> list[Watching]:
        """The condition triggers in force, and how their series stand."""
        return readings.detectors(self._held.values())

    def wake(self) -> None:
        """Look at the catalogue and the deadlines soon: something was activated, or a deadline set."""
        self._woken = True

    def drain(self) -> None:
        """Finish the batch in hand, write memory, end `run`."""
        self._draining = True

    # --- the loop ----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Decide until drained. Raises `StorageLost`, `StorageDamaged`: the process must stop."""
        starts = {p: (await self._store.recall(p)).position.offset for p in (CONTROL, *range(self._bus.partitions))}
        self._subscription = self._bus.subscribe(self._group, lambda partition: starts.get(partition, 0))
        try:
            await self._catalogues.look()
            while not self._draining:
                await self._turn(self._subscription)
            for held in list(self._held.values()):
                if held.moved or held.effects:
                    await self._commit(held, checkpoint=True)
        finally:
            await self._subscription.close()
            await self.fits.close()

    async def _turn(self, subscription: Subscription) -> None:
        """One look around and at most one batch."""
        await self._assign(subscription)
        await self._look()
        wait = await self._ticker.tick(self._held.values(), self._deadline)
        ready = list(self._held)
        if not ready:
            await ports.sleep(_PAUSE)
            return
        if subscription.epoch != self._epoch:
            return  # what is held is of other days, and the subscription does not stand where it ends
        try:
            batch = await subscription.read(LIMIT, wait, partitions=ready)
        except PartitionHalted as error:
            await self._halt(error)
            return
        if batch is not None:
            await self._take(subscription, batch)
        for held in list(self._held.values()):
            if self._due(held):
                await self._commit(held, checkpoint=self._checkpoint_due(held))

    async def _take(self, subscription: Subscription, batch: Batch) -> None:
        """Decide a batch, reloading on the way where a forward asks for newer rules."""
        held = self._held[batch.partition]
        records: Sequence[Record] = [record for record in batch.records if record.offset >= held.offset]
        ports.failpoint("route.batch")
        await self.fits.ready(held.partition, held.memory, held.front.rules, records)
        if records and self._marks.first(held.partition):
            await self._begin(held)
        if held.offset < held.careful_until:
            await self._take_alone(held, records)
            return
        if not await self._decide(held, records):
            return
        self._sampling.look(held.front.rules, records, ports.boot())
        if held.effects.wants:
            subscription.rewind(batch.partition, held.offset)
            await self._reload()
        elif held.effects:
            await self._commit(held, checkpoint=self._checkpoint_due(held))

    async def _decide(self, held: Held, records: Sequence[Record]) -> bool:
        """Decide records, waiting for models that are due; false when a detector failed and all is to be read again."""
        try:
            await self.fits.decide(held, records)
        except Spoiled as error:
            await self._spoiled(held.partition, error)
            return False
        return True

    async def _spoiled(self, partition: int, error: Spoiled) -> None:
        """A detector raised with rows half learned: recover, and from now on give it its rows one by one (W17)."""
        log.warning("route.detector_failed", error=str(error))
        self._guarded |= {error.name}
        await self._recover(partition)

    async def _begin(self, held: Held) -> None:
        """Before the first record that this process takes of a partition: see whether others died here (W17)."""
        if await self._marks.died(held.partition, held.memory_at.offset, held.memory.era):
            held.careful_until = (await self._patient.bounds(held.partition)).end
            log.warning("route.careful", partition=held.partition, since=held.offset, until=held.careful_until)

    async def _take_alone(self, held: Held, records: Sequence[Record]) -> None:
        """Decide and commit records one at a time; give one up that did not come through three times (W17).

        A model is waited for before the try is counted: who is killed meanwhile has not died of the record.
        """
        assert self._subscription is not None  # noqa: S101 - only called from `run`
        if held.memory_at.offset < held.stored.offset and not await self._commit(held, checkpoint=True):
            return
        for record in records:
            await self.fits.ready(held.partition, held.memory, held.front.rules, [record])
            if await self._marks.tries(held.partition, held.memory_at.offset, held.memory.era) >= TRIES:
                held.bury(record, "the process died three times while this record was being decided")
            elif not await self._decide(held, [record]):
                return
            if held.effects.wants:
                self._subscription.rewind(held.partition, held.offset)
                await self._reload()
                return
            if not await self._commit(held, checkpoint=True):
                return

    # --- partitions --------------------------------------------------------------------------------------------------

    async def _assign(self, subscription: Subscription) -> None:
        """Let go of partitions that are not ours any more, take the new ones in hand.

        After a change of owners all are taken anew, halted ones too: another may have had any of them meanwhile.
        """
        if subscription.epoch != self._epoch:
            self._epoch = subscription.epoch
            self._held.clear()
            self.halted.clear()
        for partition in [p for p in self._held if p not in subscription.assigned]:
            del self._held[partition]
        for partition in subscription.assigned:
            if partition not in self._held and partition not in self.halted:
                await self._recover(partition)
                if partition >= self._bus.partitions:
                    await self._standing.added(partition, self._bus.partitions)

    async def _recover(self, partition: int) -> None:
        assert self._subscription is not None  # noqa: S101 - only called from `run`
        self._held.pop(partition, None)
        recalled = await self._store.recall(partition)
        try:
            held = await recover(
                self._patient, self._subscription, recalled, partition, self._catalogues.front, self.fits,
                Memory(key_limit=self._keys, guarded=self._guarded),
            )  # fmt: skip
        except PartitionHalted as error:
            await self._standing.leave(partition, str(error), recalled.last)
            return
        except Fenced:
            return
        except NotFound:  # its catalogue; the store keeps one for as long as a partition decides by it
            if (await self._store.recall(partition)).last == recalled.last:
                raise
            return
        except Spoiled as error:
            await self._spoiled(partition, error)
            return
        self._held[partition] = held
        if (
            held.front.rules.number < self._catalogues.newest
            or not recalled.last
            or stale(held.memory, held.front.rules)
        ):
            await self._take_over(held)

    async def _halt(self, error: PartitionHalted) -> None:
        """Leave out the partition it names, and those whose log no longer holds their position."""
        for partition, held in list(self._held.items()):
            bounds = await self._patient.bounds(partition)
            if partition != error.partition and bounds.start <= held.offset <= bounds.end:
                continue
            if held.moved and not await self._commit(held, checkpoint=True):
                continue  # it stands where it was decided to, and its loss is counted from there
            del self._held[partition]
            await self._standing.leave(partition, str(error), held.last)

    # --- catalogue ---------------------------------------------------------------------------------------------------

    async def _look(self) -> None:
        """Now and then, or when woken: the earliest deadline, and whether there are newer rules or waits."""
        now = ports.boot()
        if not self._woken and now - self._looked < LOOK:
            return
        self._looked = now
        self._looks += 1
        self._deadline = await self._store.earliest_deadline()
        if self._looks % 10 == 0:
            await self._ticker.watch(self._held.values())
        if self._woken or self._looks % 10 == 0:
            self._woken = False
            await self._standing.reconsider()
            changed = await self._catalogues.look()
            if changed or self._outdated:
                await self._adopt()

    async def _reload(self) -> None:
        """A forward was selected by rules that we do not have: they are in the store."""
        await self._catalogues.look()
        await self._adopt()
        for partition, held in list(self._held.items()):
            wanted, newest = held.effects.wants, self._catalogues.newest
            if wanted > newest:
                message = (
                    f"router[{partition}]: record {held.offset} was selected by catalogue {wanted}, but the store's "
                    f"newest is {newest}: the store is older than the log; restore it"
                )
                await self._halt(PartitionHalted(message, partition=partition))

    async def _adopt(self) -> None:
        """First the waits everywhere, then each partition's triggers in one commit (W11).

        What was decided with the waits before is committed first: the store takes it until a partition has taken over.
        """
        self._outdated = False
        for held in list(self._held.values()):
            if held.effects.last is not None:
                await self._commit(held, checkpoint=False)
        for held in self._held.values():
            held.front = await self._catalogues.front(held.front.rules.number)
        for held in list(self._held.values()):
            if held.front.rules.number < self._catalogues.newest:
                await self._take_over(held)
        self._catalogues.forget_but(
            {held.front.rules.number for held in self._held.values()} | {self._catalogues.newest}
        )

    async def _take_over(self, held: Held) -> None:
        if held.effects and not await self._commit(held, checkpoint=False):
            return
        held.front = await self._catalogues.front(self._catalogues.newest)
        take_over(
            held.memory,
            held.front.rules,
            partition=held.partition,
            partitions=self._bus.partitions,
            now=self._bus.now(),
            wall=ports.wall(),
        )
        await self._commit(held, checkpoint=True)

    # --- commits -----------------------------------------------------------------------------------------------------

    def _checkpoint_due(self, held: Held) -> bool:
        if not held.moved:
            return False
        by_log = held.checkpoint_log and held.log_time - held.checkpoint_log >= CHECKPOINT
        return bool(by_log) or ports.boot() - held.checkpoint_boot >= CHECKPOINT

    def _due(self, held: Held) -> bool:
        """Whether a commit is due without effects: memory is old, or somebody waits for the log to have come so far."""
        deadline = self._deadline
        return self._checkpoint_due(held) or (
            deadline is not None and held.stored_log_time <= deadline < held.effects.log_time
        )

    async def _commit(self, held: Held, *, checkpoint: bool) -> bool:
        """Commit everything since the stored position; false when another router has taken over."""
        if held.effects.forwards:
            await self._patient.publish(held.effects.forwards)
            held.effects.forwards = []
        commit = held.commit(ports.random_bytes(16).hex(), checkpoint=checkpoint)
        ports.failpoint("commit.before")
        try:
            admitted = await self._patient.commit(commit)
        except Fenced as error:
            await self._fenced(held, error)
            return False
        ports.failpoint("commit.after")
        held.committed(commit, ports.boot())
        if commit.reruns:
            self._woken = True
        if self._on_commit is not None:
            self._on_commit(commit, admitted)
        return True

    async def _fenced(self, held: Held, error: Fenced) -> None:
        partition, began = held.partition, held.stored.offset
        if isinstance(error, Outdated):
            log.info("route.outdated", partition=partition, since=began)
            await self._catalogues.look()
            self._woken = self._outdated = True
            await self._recover(partition)
            return
        self.fenced += 1
        await self._recover(partition)
        found = self._held.get(partition)
        at = found.stored.offset if found is not None else "its new owner's position"
        log.warning(
            "route.fenced",
            message=f"router[{partition}] is at {at}, this batch began at {began}: another router has taken over; "
            f"reloading and continuing from {at}",
        )
