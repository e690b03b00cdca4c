"""The world around simulated processes: clocks, chance, faults, and the people and senders outside.

One `World` is one simulation. Everything that could differ between two executions comes from its seed: the order of
handles (`loop`), latencies and faults (`chance`), what is sent when (`work`). Faults happen until `heal` is called.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from loop import NODE, Killed, SimLoop

from eventflow import ports
from eventflow.model import control
from eventflow.model.event import ENGINE, Event, from_micros
from eventflow.model.record import CONTROL, Entry

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from node import Node
    from sink import Call
    from view import View

    from eventflow.model.commit import Commit
    from eventflow.model.workflow import Workflow

EPOCH = 1_800_000_000 * ports.SECOND
SECOND = ports.SECOND


class Faults:
    """How often what goes wrong; all 0 is a world without faults."""

    def __init__(
        self, *, slow: float = 0.3, refuse: float = 0.02, rare: float = 0.03, fail: float = 0.2, die: float = 0.002,
        cut: float = 0.02, lose: float = 0.001, deal: float = 0.1,
    ) -> None:  # fmt: skip
        self.slow = slow
        """A call of bus or store takes up to 50 ms before and after."""
        self.refuse = refuse
        """A write is refused as on a full or locked disk; nothing was written."""
        self.rare = rare
        """`ports.sometimes` says yes."""
        self.fail = fail
        """A call outside fails: nothing was done, or it was done and the answer got lost."""
        self.die = die
        """The process dies at a failpoint, in the middle of a step."""
        self.cut = cut
        """The answer of a database server to a commit gets lost."""
        self.lose = lose
        """A sync fails: what was written is unknown, and the process must stop."""
        self.deal = deal
        """A group looks at its members and deals the partitions anew."""

    @classmethod
    def latency(cls) -> Faults:
        """Awaits take time and nothing goes wrong: for crashes at every await."""
        return cls(slow=0.3, refuse=0, rare=0, fail=0, die=0, cut=0, lose=0, deal=0)


class World:
    """Implements `ports.World` for all nodes of a simulation."""

    def __init__(self, seed: int | str, faults: Faults | None = None) -> None:
        self.seed = seed
        self.loop = SimLoop(random.Random(f"loop {seed}"))
        self.chance = random.Random(f"chance {seed}")
        self.work = random.Random(f"work {seed}")
        self.faults = faults or Faults()
        self.folder = Path(tempfile.mkdtemp(prefix="eventflow-sim-", dir=_memory()))
        self.nodes: dict[str, Node] = {}
        self.skew: dict[str, int] = {}
        self.healed = False
        self.acked: dict[tuple[str, str], int] = {}
        """Identity → how often its sender was told that it is safe."""
        self.sent: dict[tuple[str, str], bytes] = {}
        self.answers: list[dict[str, Any]] = []
        self.calls: list[Call] = []
        self.commits: dict[int, dict[str, Commit]] = {}
        """Partition → id → commit that somebody tried."""
        self.catalogues: dict[int, dict[str, Workflow]] = {}
        self.causes: list[tuple[int, str, str]] = []
        """(time, node, what): kills, freezes, refusals: what excuses a repetition."""
        self.crowded: list[str] = []
        self.view: View | None = None
        self.wrong: list[str] = []
        """Broken promises that were seen on the way."""
        self.said: list[dict[str, Any]] = []
        self.die_at: tuple[str, int] | None = None
        """Kill this node when it has run this many steps in all its lives."""
        self.lived: dict[str, int] = {}
        self.met = 0
        """How many kills met work that was under way."""
        self.one_name = self.chance.random() < 0.5
        self.loop.on_step = self._step
        self._ids = 0

    # --- ports.World -------------------------------------------------------------------------------------------------

    def wall(self) -> int:
        return EPOCH + int(self.loop.now * SECOND) + self.skew.get(base(NODE.get()), 0)

    def boot(self) -> int:
        return int(self.loop.now * SECOND)

    def random_bytes(self, n: int) -> bytes:
        return self.chance.randbytes(n)

    def uniform(self) -> float:
        return self.chance.random()

    def failpoint(self, name: str) -> None:
        """Die here now and then; nothing that follows in this step happens."""
        node = NODE.get()
        if base(node) in self.nodes and not self.healed and self.faults.die and self.chance.random() < self.faults.die:
            self.kill(base(node), f"at {name}")
            raise Killed(name)

    def sometimes(self, name: str) -> bool:
        return not self.healed and self.chance.random() < self.faults.rare

    # --- faults ------------------------------------------------------------------------------------------------------

    def hits(self, share: float) -> bool:
        """Whether a fault that happens in this share of the cases happens now."""
        return not self.healed and share > 0 and self.chance.random() < share

    def _step(self, node: str, count: int) -> None:
        name = base(node)
        lived = self.lived[name] = self.lived.get(name, 0) + 1
        if self.die_at == (name, lived):
            self.kill(name, f"at step {lived}")

    def kill(self, name: str, why: str = "") -> None:
        """`kill -9`: nothing of this node runs from here on."""
        node = self.nodes[name]
        if node.id not in self.loop.dead:
            self.loop.dead.add(node.id)
            self.loop.frozen.pop(node.id, None)
            self.causes.append((self.boot(), name, "kill"))
            busy = self.view is not None and self.view.is_busy()
            self.met += busy or len(self.acked) < len(self.sent)
            self.note("kill", node=node.id, why=why, busy=busy)
            node.died.set()

    def freeze(self, name: str) -> None:
        """SIGSTOP."""
        node = self.nodes[name]
        if node.id not in self.loop.dead:
            self.loop.frozen.setdefault(node.id, [])
            self.causes.append((self.boot(), name, "freeze"))
            self.note("freeze", node=node.id)

    def thaw(self, name: str) -> None:
        """SIGCONT."""
        node = self.nodes[name]
        if node.id in self.loop.frozen:
            self.causes.append((self.boot(), name, "thaw"))
            self.note("thaw", node=node.id)
            self.loop.thaw(node.id)

    def heal(self) -> None:
        """No more faults."""
        self.healed = True
        self.note("heal")
        for name in self.nodes:
            self.thaw(name)

    async def monkey(self, name: str, *, times: int, within: float) -> None:
        """Kill a node a few times at random moments."""
        for moment in sorted(self.work.random() * within for _ in range(times)):
            await self.until(moment)
            if self.healed:
                return
            self.kill(name, "at random")

    async def until(self, moment: float) -> None:
        """Wait until `moment` seconds after the beginning."""
        await asyncio.sleep(max(0.0, 1_000.0 + moment - self.loop.now))

    # --- outside -----------------------------------------------------------------------------------------------------

    def event(self, type_: str, subject: str = "s", *, id_: str = "", source: str = "shop", **data: Any) -> Event:
        """A new event, by the wall clock of its sender."""
        self._ids += 1
        return Event(
            id=id_ or f"e{self._ids}", source=source, type=type_, kind=type_, subject=subject,
            time=from_micros(self.wall()), data={"key": subject, **data},
        )  # fmt: skip

    async def send(self, event: Event) -> None:
        """Send it as a sender does: again and again until somebody says that it is safe."""
        data = event.encode()
        self.sent[event.identity] = data
        while not await self._try(data, 0):
            await asyncio.sleep(0.05 + self.work.random() * 0.5)
        self.acked[event.identity] = self.acked.get(event.identity, 0) + 1

    async def _try(self, data: bytes, partition: int) -> bool:
        """One request to one node, and its answer if it comes. The door gives events a partition of its own choice."""
        alive = [node for node in self.nodes.values() if node.is_open]
        if not alive:
            return False
        node = alive[int(self.work.random() * len(alive))]
        answer: asyncio.Future[bool] = self.loop.create_future()
        self.loop.spawn(node.id, node.accept(Entry(partition, data), answer), "accept")
        try:
            async with asyncio.timeout(3):
                return await answer
        except TimeoutError:
            return False

    async def send_all(self, *events: Event) -> None:
        """All of them at once."""
        await asyncio.gather(*(self.send(event) for event in events))

    async def order(self, type_: str, body: Any) -> str:
        """A person says something to the engine; returns the record's id."""
        self._ids += 1
        id_ = f"order-{self._ids}"
        fields = control.record(type_, id_, self.wall(), body)
        event = Event(id=id_, source=ENGINE, type=type_, time=from_micros(self.wall()))
        self.sent[event.identity] = fields
        while not await self._try(fields, CONTROL):
            await asyncio.sleep(0.05 + self.work.random() * 0.3)
        self.acked[event.identity] = 1
        return id_

    def note(self, what: str, /, **more: Any) -> None:
        """A line in the diary, for people who look for the fault of a seed."""
        self.said.append({"at": round(self.loop.now - 1_000, 6), "event": what, **more})

    # --- the end -----------------------------------------------------------------------------------------------------

    async def within(self, seconds: float, done: Callable[[], Awaitable[str]]) -> None:
        """Wait until `done` has nothing to complain of any more."""
        end = self.loop.now + seconds
        while complaint := await done():
            if self.loop.now > end:
                self.wrong.append(f"not over {seconds} seconds after all was healed: {complaint}")
                return
            await asyncio.sleep(0.25)

    def close(self) -> None:
        """Nothing is left of it."""
        for node in self.nodes.values():
            node.bury()
        self.loop.bury()
        shutil.rmtree(self.folder, ignore_errors=True)


def base(node: str) -> str:
    """The name of a node without the number of its life."""
    return node.partition("#")[0]


def listen(world: World) -> None:
    """What the engine logs goes into the world's diary."""

    def keep(logger: Any, method: str, said: Any) -> Any:
        world.note(
            method, node=NODE.get(), **{("log" if key == "event" else key): value for key, value in said.items()}
        )
        raise structlog.DropEvent

    structlog.configure(processors=[keep], cache_logger_on_first_use=False)


def _memory() -> str | None:
    """A folder in memory where there is one: what survives a power cut is tested elsewhere."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None
