"""What actions are replaced by in a test: they do nothing outside, and give what the test says.

Everything around the call is real: inputs are rendered by the executor and checked by the action's own model, tries,
time limits and redaction are the executor's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from pydantic import BaseModel, ConfigDict

from eventflow import ports
from eventflow.errors import ActionError, EventflowError
from eventflow.model.event import Micros
from eventflow.plugin import Action, ActionContext
from eventflow.plugin.registry import find

if TYPE_CHECKING:
    from eventflow.plugin.action import Attempt

RETRYABLE = frozenset(("timeout", "connection", "429"))


class Gives(msgspec.Struct, frozen=True):
    """What one try gives: a result, or a failure; after so long."""

    result: dict[str, Any] = {}
    code: str = ""
    message: str = ""
    retryable: bool = False
    takes: Micros = 0


def failure(code: str, message: str, *, retryable: bool | None, takes: Micros) -> Gives:
    """A try that fails; whether another one can help is told by the code, unless the test says."""
    helps = code in RETRYABLE or (len(code) == 3 and code[0] == "5" and code.isdigit())
    return Gives({}, code, message, helps if retryable is None else retryable, takes)


class Tried(msgspec.Struct, frozen=True):
    """A try that was made: of which run and step, when (virtual wall clock), with what."""

    run: str
    step: str
    at: Micros
    inputs: Any


class Cast:
    """The actions of one test, and how often each step was tried."""

    def __init__(self, gives: dict[str, list[Gives]]) -> None:
        """`gives`: step → one entry a try; the last one stays."""
        self._gives = gives
        self._made: dict[str, Action] = {}
        self._count: dict[str, int] = {}
        self.unknown: set[str] = set()
        """Steps that were tried and of which the test says nothing."""

    def get(self, uses: str) -> Action:
        """The stand-in of the action `uses`; one that is not installed takes any inputs."""
        if uses not in self._made:
            self._made[uses] = _stand_in(uses, self)
        return self._made[uses]

    def next(self, step: str) -> Gives:
        """What the next try of a step gives."""
        known = self._gives.get(step)
        if not known:
            self.unknown.add(step)
            return Gives()
        place = self._count[step] = self._count.get(step, 0) + 1
        return known[min(place, len(known)) - 1]


class _Anything(BaseModel):
    model_config = ConfigDict(extra="allow")


def _stand_in(uses: str, cast: Cast) -> Action:
    try:
        real: Any = find("action", uses, Action)
    except EventflowError:
        real = None

    class StandIn(Action):
        """Gives what the test says."""

        name: ClassVar[str] = uses
        idempotent: ClassVar[bool] = real.idempotent if real is not None else True
        Inputs: ClassVar[type[BaseModel]] = real.Inputs if real is not None else _Anything

        async def run(self, inputs: Any, attempt: Attempt) -> dict[str, Any]:
            """Nothing happens outside."""
            gives = cast.next(_step(attempt.step))
            if gives.takes:
                await ports.sleep(gives.takes / ports.SECOND)
            if gives.code:
                raise ActionError(gives.message, code=gives.code, retryable=gives.retryable)
            return gives.result

    return StandIn(ActionContext())


def _step(path: str) -> str:
    """The step's name in its path, without the rounds of loops."""
    return path.rpartition("/")[2]
