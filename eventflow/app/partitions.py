"""Where each partition stands, what one that stands still has lost, and letting it go on without (docs/decisions/0006).

In `app` because it holds the store against the log, and tells the router.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from eventflow import ports
from eventflow.errors import Conflict, Fenced, NotFound
from eventflow.model.control import LOSS_ACCEPTED
from eventflow.model.event import format_time, from_micros
from eventflow.model.loss import accepted_in, name_of
from eventflow.model.record import CONTROL
from eventflow.route.loss import accepted, find

if TYPE_CHECKING:
    from collections.abc import Callable

    from eventflow.app.house import Eventflow
    from eventflow.model.loss import Loss, LossAccepted
    from eventflow.model.record import Bounds, Ref

log = structlog.get_logger("eventflow.app")

_PAGE: Final = 500
_PAGES: Final = 20


class Place:
    """One partition: what its log holds, where it is decided to, why it stands still, what was given up before."""

    def __init__(self, partition: int, bounds: Bounds, position: int) -> None:
        """It goes on, and nothing was ever given up."""
        self.partition = partition
        self.bounds = bounds
        self.position = position
        self.halted: str | None = None
        self.loss: Loss | None = None
        self.before: LossAccepted | None = None


class Partitions:
    """The partitions of one house."""

    def __init__(self, flow: Eventflow, *wake: Callable[[], object]) -> None:
        """Of this one; `wake` is called when one of them may go on."""
        self._flow, self._wake = flow, wake

    async def places(self) -> list[Place]:
        """Control first. Raises `StorageBusy` where the log does not answer."""
        flow = self._flow
        known = await flow.store.partitions()
        numbers = sorted({CONTROL, *range(flow.bus.partitions), *known})
        before = {one.partition: one for one in reversed(await self._given_up())}
        found = []
        for partition in numbers:
            stored = known[partition][0] if partition in known else 0
            place = Place(partition, await flow.bus.bounds(partition), flow.positions.get(partition, stored))
            place.before = before.get(partition)
            if partition in flow.halted:
                place.halted = flow.halted[partition]
                place.loss = await find(flow.bus, await flow.store.recall(partition), partition)
            found.append(place)
        return found

    async def accept(self, partition: int, lost: int | None, to: int, *, by: str, comment: str = "") -> Loss:
        """Go on without what is lost, if that is `lost` and it goes on at `to`: one commit, and the router is told.

        Raises `NotFound`, `Conflict` where the loss is another one or there is none, `StorageBusy`.
        """
        flow = self._flow
        if partition not in {CONTROL, *range(flow.bus.partitions), *await flow.store.partitions()}:
            raise NotFound(f"there is no {name_of(partition)}; see eventflow partition list")
        recalled = await flow.store.recall(partition)
        loss = await find(flow.bus, recalled, partition)
        if loss is None:
            why = flow.halted.get(partition)
            reason = f"; it stands still for another reason: {why}" if why else ""
            raise Conflict(f"{name_of(partition)} has lost nothing that could be accepted{reason}")
        if (loss.lost, loss.to.offset) != (lost, to):
            raise Conflict(f"that is not what is lost now: {loss.sentence}; if this is accepted, {loss.outlook}")
        waits, _ = await flow.store.catalogue()
        commit = accepted(
            loss, recalled, id_=ports.random_bytes(16).hex(), by=by, comment=comment, now=flow.bus.now(),
            wall=ports.wall(), waits=waits,
        )  # fmt: skip
        ports.failpoint("loss.before")
        try:
            await flow.store.commit(commit)
        except Fenced:
            raise Conflict(f"{name_of(partition)} has moved while its loss was accepted; ask again") from None
        ports.failpoint("loss.after")
        log.warning("app.loss_accepted", partition=partition, by=by, message=commit.dead[0].error)
        for wake in self._wake:
            wake()
        return loss

    async def given_up(self, ref: Ref) -> str:
        """When and by whom it was accepted that what lay here is lost; empty where nobody did."""
        for one in await self._given_up():
            gone = one.reason == "replaced" or one.position <= ref.offset < one.to
            if one.partition == ref.partition and gone:
                return f"{format_time(from_micros(one.at))[:19]}Z: {one.sentence}"
        return ""

    async def _given_up(self) -> list[LossAccepted]:
        """What people have accepted, newest first, by the dead letters.

        One that a stranger's record has become does not say what it holds.
        """
        found: list[LossAccepted] = []
        after: str | None = None
        for _ in range(_PAGES):
            letters = await self._flow.store.dead(_PAGE, after)
            for _, letter in letters:
                if letter.workflow or LOSS_ACCEPTED.encode() not in letter.data:
                    continue
                said = accepted_in(letter.data)
                if said is not None and said.sentence == letter.error:
                    found.append(said)
            if len(letters) < _PAGE:
                break
            after = letters[-1][0]
        return found
