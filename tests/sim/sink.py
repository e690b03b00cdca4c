"""The outside that workflows act upon: takes its time, fails now and then, and remembers every call with its key."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

from loop import NODE
from pydantic import BaseModel, ConfigDict

from eventflow.errors import ActionError
from eventflow.plugin.action import Action, ActionContext, Attempt

if TYPE_CHECKING:
    from world import World


class Call:
    """One call as the outside saw it. `outcome`: open, ok, refused (nothing was done), unclear (done, answer lost),
    broken (the caller broke it off)."""

    def __init__(self, attempt: Attempt, node: str, at: int, inputs: dict[str, Any]) -> None:
        self.run, self.workflow = attempt.run, attempt.workflow
        self.path, self.visit, self.number = attempt.step, attempt.visit, attempt.number
        self.key, self.node, self.at = attempt.idempotency_key, node, at
        self.inputs = inputs
        self.ended: int | None = None
        self.outcome = "open"

    @property
    def place(self) -> tuple[str, str, int]:
        return (self.run, self.path, self.visit)

    def __repr__(self) -> str:
        return f"<{self.path}/{self.visit} try {self.number} of {self.run[-6:]} by {self.node}: {self.outcome}>"


class Sink(Action):
    """`sim.call`: may be repeated with the same key."""

    name: ClassVar[str] = "sim.call"
    idempotent: ClassVar[bool] = True
    world: World

    class Inputs(BaseModel):
        """`takes` seconds at most; `fails` says how often it fails (None: as the world's faults say)."""

        model_config = ConfigDict(extra="forbid")
        takes: float = 0.2
        fails: float | None = None
        note: Any = None

    async def run(self, inputs: Any, attempt: Attempt) -> dict[str, Any]:
        world, node = self.world, NODE.get()
        call = Call(attempt, node, world.boot(), {"note": inputs.note})
        world.calls.append(call)
        try:
            await asyncio.sleep(world.chance.random() * inputs.takes)
            call.outcome = self._outcome(inputs)
        except asyncio.CancelledError:
            call.outcome = "broken"
            raise
        finally:
            call.ended = world.boot()
        if call.outcome == "refused":
            raise ActionError("the sink is out of order", code="503", retryable=True)
        if call.outcome == "unclear":
            raise ActionError("the connection was cut", code="connection", retryable=True)
        return {"answer": inputs.note, "number": attempt.number}

    def _outcome(self, inputs: Any) -> str:
        share = inputs.fails if inputs.fails is not None else (0 if self.world.healed else self.world.faults.fail)
        drawn = self.world.chance.random()
        if drawn >= share:
            return "ok"
        return "refused" if drawn < share / 2 else "unclear"


class Once(Sink):
    """`sim.once`: must not be repeated after a crash."""

    name: ClassVar[str] = "sim.once"
    idempotent: ClassVar[bool] = False


def actions(world: World) -> dict[str, Action]:
    """Fresh objects, as a process makes them."""
    made: dict[str, Action] = {}
    for kind in (Sink, Once):
        action = kind(ActionContext())
        action.world = world
        made[kind.name] = action
    return made
