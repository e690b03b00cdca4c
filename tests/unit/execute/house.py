"""An executor over the real SQLite store, with actions that behave well or as badly as can be."""

import asyncio
import sys

from pydantic import BaseModel, ConfigDict

from eventflow import ports
from eventflow.errors import ActionError, ComponentError
from eventflow.execute.executor import Executor
from eventflow.execute.turn import Frontier
from eventflow.model.commit import Commit, Delivery
from eventflow.model.journal import decode
from eventflow.model.record import CONTROL, Position
from eventflow.model.run import Firing
from eventflow.model.workflow import encode
from eventflow.plugin.action import Action, ActionContext
from eventflow.stores.sqlite import SqliteStore
from tests.unit.execute.play import workflow


class Inputs(BaseModel):
    model_config = ConfigDict(extra="allow")
    x: int = 0


class Tool(Action):
    """Calls what the test gave it, and counts."""

    name = "t.do"
    idempotent = True
    Inputs = Inputs

    def __init__(self, do, *, idempotent=True):
        super().__init__(ActionContext())
        self.do, self.idempotent = do, idempotent
        self.attempts, self.inputs = [], []
        self.opened = self.closed = 0
        self.cancelled = 0

    async def open(self):
        self.opened += 1

    async def close(self):
        self.closed += 1

    async def run(self, inputs, attempt):
        self.attempts.append(attempt)
        self.inputs.append(inputs)
        try:
            result = self.do(inputs, attempt) if callable(self.do) else self.do
            return await result if asyncio.iscoroutine(result) else result
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


async def for_ever(*_):
    await asyncio.Event().wait()


def exits(*_):
    sys.exit(3)


def raises(*_):
    raise RuntimeError("surprise")


def refuses(*_):
    raise ActionError("no", code="404")


def cancels_itself(*_):
    raise asyncio.CancelledError


class House:
    """Store, executor and the tools on its shelf."""

    def __init__(self, path, **tools):
        self.store = SqliteStore(path / "store.db")
        self.tools = {f"t.{name}": tool if isinstance(tool, Tool) else Tool(tool) for name, tool in tools.items()}
        self.workflows = {}
        self.secrets = {"token": "hush-hush-7"}
        self.frontier_at = None
        self.number = 0
        self.commits = 0
        self.last = ""
        self.tasks = ports.Tasks()
        self.executor = None

    async def frontier(self):
        at = ports.wall() + 3_600_000_000 if self.frontier_at is None else self.frontier_at
        return Frontier({CONTROL: at, 0: at})

    def find(self, name):
        if name not in self.tools:
            raise ComponentError(f"no action {name!r}")
        return self.tools[name]

    async def know(self, *texts):
        for text in texts:
            one = workflow(text) if isinstance(text, str) else text
            self.workflows[one.id] = one
        await self.store.activate({id_: encode(one) for id_, one in self.workflows.items()}, 1)

    def start(self, **more):
        given = {
            "now": ports.wall, "worker": "w", "secret": self.secrets.__getitem__, "workflow": self.workflows.get,
            "frontier": self.frontier,
        }  # fmt: skip
        self.executor = Executor(self.store, self.find, **(given | more))
        self.running = self.tasks.spawn(self.executor.run(), "executor")
        return self.executor

    async def commit(self, **what):
        self.commits += 1
        commit = Commit(
            id=f"c{self.commits}", follows=self.last, partition=0, position=Position(self.commits, b""),
            log_time=ports.wall(), waits=1_000_000, **what,
        )  # fmt: skip
        self.last = commit.id
        await self.store.commit(commit)
        if self.executor is not None:
            self.executor.wake([delivery.run for delivery in what.get("deliveries", ())])

    async def fire(self, count=1, workflow_id="test/one", **more):
        one, now = self.workflows[workflow_id], ports.wall()
        firings = []
        for _ in range(count):
            self.number += 1
            row = {"run": f"run_{self.number}", "group": one.id, "inputs": {}, **more}
            firings.append(
                Firing(
                    workflow=one.id, definition=one.hash, trigger="t", fired_at=now, concurrency=one.concurrency, **row
                )
            )
        await self.commit(firings=tuple(firings))
        return [firing.run for firing in firings]

    async def tell(self, run, kind, **payload):
        identity = f"i{self.commits}"
        at = payload.pop("at", None) or ports.wall()
        await self.commit(deliveries=(Delivery(kind=kind, identity=identity, log_time=at, run=run, payload=payload),))

    async def until(self, run, *statuses):
        async with asyncio.timeout(20):
            while (row := await self.store.run(run)).status not in (statuses or ("succeeded", "failed", "cancelled")):
                await asyncio.sleep(0.005)
        return row

    async def once(self, condition):
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.005)

    async def journal(self, run):
        return [decode(line.data) for line in await self.store.read(run)]

    async def stop(self):
        if self.executor is not None:
            await self.executor.close()
        await self.tasks.close()

    async def __aenter__(self):
        await self.store.open()
        return self

    async def __aexit__(self, *_):
        await self.stop()
        await self.store.close()
