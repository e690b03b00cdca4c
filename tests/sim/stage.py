"""One simulation from beginning to end: what is played, with which faults, and what came of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
from checks import ALL
from group import Group
from loop import Stuck, run
from node import House, Node
from view import View
from world import Faults, World, listen

from eventflow import ports
from eventflow.model import control
from eventflow.model.event import ENGINE
from eventflow.model.record import CONTROL

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from eventflow.model.record import Record
    from eventflow.model.workflow import Trigger, Workflow


class Scenario:
    """What is played.

    `files` makes the workflows at the beginning, `work` is what happens outside, `calm` makes things that never end
    end. `nodes`, `partitions`, `shared`: the houses. `kills`: how often a node is killed at random in `horizon`
    seconds. `ends`: within how many seconds after healing all must be over. `seeds`: how many in the short form.
    """

    def __init__(
        self,
        name: str,
        files: Callable[[], dict[str, Workflow]],
        work: Callable[[Stage], Awaitable[None]],
        *,
        calm: Callable[[Stage], Awaitable[None]] | None = None,
        nodes: tuple[str, ...] = ("n",),
        partitions: int = 1,
        shared: bool = False,
        kills: int = 2,
        horizon: float = 8.0,
        ends: float = 120.0,
        faults: dict[str, float] | None = None,
        bus: dict[str, Any] | None = None,
        checks: tuple[Callable[[Stage], Iterator[str]], ...] = (),
        seeds: int = 15,
    ) -> None:
        self.name, self.files, self.work, self.calm = name, files, work, calm
        self.nodes, self.partitions, self.shared = nodes, partitions, shared
        self.kills, self.horizon, self.ends = kills, horizon, ends
        self.faults, self.bus = faults or {}, bus or {}
        self.checks = (*ALL, *checks)
        self.seeds = seeds

    def __repr__(self) -> str:
        return self.name


class Stage:
    """A scenario under way."""

    def __init__(self, scenario: Scenario, world: World, size: float = 1.0) -> None:
        self.scenario, self.world, self.size = scenario, world, size
        self.house = House(world, partitions=scenario.partitions, shared=scenario.shared, **scenario.bus)
        self.files = scenario.files()
        many = len(scenario.nodes) > 1
        self.group = Group(world, (CONTROL, *range(scenario.partitions))) if many else None
        self.nodes = [Node(world, name, self.house, self.files, self.group) for name in scenario.nodes]
        self.view = world.view = View(world, self.house)
        self.log: dict[int, list[Record]] = {}
        self.runs: list[dict[str, Any]] = []
        self.arrived: list[dict[str, Any]] = []
        self.counts: dict[tuple[str, str], dict[str, int]] = {}

    async def play(self, *, kills: bool) -> None:
        """Faults until all is sent, then heal, and everything must come to its end."""
        world, loop = self.world, self.world.loop
        await self.house.open()
        if self.group is not None:
            loop.spawn("", self.group.watch(), "group")
        lives = [loop.spawn("", node.supervise(), f"supervise {node.name}") for node in self.nodes]
        for node in self.nodes if kills else ():
            loop.spawn("", world.monkey(node.name, times=self.scenario.kills, within=self.scenario.horizon), "monkey")
        await self.scenario.work(self)
        if kills:
            await world.until(self.scenario.horizon)
        world.heal()
        if self.scenario.calm is not None:
            await self.up()
            await self.scenario.calm(self)
        await world.within(self.scenario.ends, self.view.unfinished)
        if not world.wrong:
            await self._drain(lives)

    async def _drain(self, lives: list[asyncio.Task[None]]) -> None:
        """All nodes end by themselves when they are told to; one that dies of it is told again."""
        end, told = self.world.loop.now + 20, set()
        while not all(life.done() for life in lives):
            if self.world.loop.now > end:
                self.world.wrong.append(f"not drained within 20 seconds: {[node.id for node in self.nodes]}")
                return
            for node in self.nodes:
                if node.is_open and node.id not in told:
                    told.add(node.id)
                    self.world.loop.spawn(node.id, node.drain(), "drain")
            await asyncio.sleep(0.1)

    # --- for checks --------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Read everything, once it is over."""
        self.log, self.runs = self.view.log(), self.view.runs()
        own = {control.TICK, control.FORWARD}
        buried = set(self.view.rows("SELECT partition, \"offset\" FROM dead_letter WHERE workflow = ''"))
        data = [r for p, records in self.log.items() if p != CONTROL for r in records]
        events = [msgspec.json.decode(r.data) for r in data if (r.partition, r.offset) not in buried]
        self.arrived = [event for event in events if event["type"] not in own]

    @property
    def events(self) -> list[dict[str, Any]]:
        """What came from outside, each event once."""
        return list({(e["source"], e["id"]): e for e in self.arrived if e["source"] != ENGINE}.values())

    @property
    def unchanged(self) -> list[tuple[str, Trigger]]:
        """The event triggers that were in force, the same, all the time: the others lose their state with an edit."""
        everywhere = list(self.world.catalogues.values())
        triggers = [(w.id, t) for w in self.files.values() if w.enabled for t in w.triggers if t.selector is not None]
        return [(id_, t) for id_, t in triggers if all(id_ in c and t in c[id_].triggers for c in everywhere)]

    @property
    def matching(self) -> list[tuple[str, Trigger]]:
        """Those of them that choose by the type alone."""
        return [(id_, trigger) for id_, trigger in self.unchanged if trigger.selector.filter is None]

    @property
    def always(self) -> list[tuple[str, Trigger]]:
        """Those of them that have no memory: they fire for each event."""
        return [(id_, trigger) for id_, trigger in self.matching if not trigger.stateful]

    # --- for scenarios -----------------------------------------------------------------------------------------------

    async def up(self) -> None:
        """Wait until every node is up."""
        while not all(node.is_open for node in self.nodes):
            await asyncio.sleep(0.1)

    async def reload(self, **files: Workflow) -> None:
        """Edit files; whoever is up takes them over, the others find them when they start."""
        self.files.update(files)
        for node in self.nodes:
            if node.is_open:
                self.world.loop.spawn(node.id, node.reload(), "reload")
        await asyncio.sleep(0)


class Result:
    """What came of one simulation."""

    def __init__(self, stage: Stage, violations: list[str]) -> None:
        world = stage.world
        self.violations = violations
        self.trace, self.steps = world.loop.trace, world.loop.steps
        self.lived = dict(world.lived)
        self.seconds = world.loop.now - 1_000
        self.runs, self.called, self.acked = stage.runs, world.calls, len(world.acked)
        self.kills, self.met = sum(what == "kill" for _, _, what in world.causes), world.met
        self.said = list(world.said)


def simulate(
    scenario: Scenario,
    seed: int | str,
    *,
    faults: Faults | None = None,
    kills: bool = True,
    die_at: tuple[str, int] | None = None,
    size: float = 1.0,
) -> Result:
    """Play it and hold what came of it against everything that was promised; `size` is the share of the events."""
    world = World(f"{scenario.name} {seed}", faults or Faults(**scenario.faults))
    world.die_at = die_at
    with ports.use(world):
        listen(world)
        stage = Stage(scenario, world, size)
        try:
            try:
                run(world.loop, stage.play(kills=kills))
            except Stuck as stuck:
                world.wrong.append(str(stuck))
            for node in stage.nodes:
                node.bury()
            return Result(stage, judge(stage))
        finally:
            stage.view.close()
            stage.house.close()
            world.close()


def judge(stage: Stage) -> list[str]:
    """Every promise that was broken, in words."""
    world = stage.world
    found = list(world.wrong) + [f"nobody took: {context}" for context in world.loop.errors]
    found += [f"crowded: {line}" for line in world.crowded]
    loud = [line for line in world.said if line["event"] in {"error", "exception"}]
    found += [f"logged as error: {line}" for line in loud if "StorageLost" not in str(line.get("error"))]
    stage.look()
    for check in stage.scenario.checks:
        found += [f"{check.__name__}: {line}" for line in check(stage)]
    return found
