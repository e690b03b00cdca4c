"""The contract of an action: does one thing outside.

Input is what the step's `with` rendered to, output is a JSON object that the step's `outputs` and later expressions
see. Whether to try again is the executor's business; the action says what can be retried and carries the key.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

if TYPE_CHECKING:
    from pydantic import BaseModel


class ActionContext(msgspec.Struct, frozen=True):
    """What actions are made from: the house's limits for reaching outside."""

    egress_allow: tuple[str, ...] = ()
    """Hosts, host:port and networks that may be reached beside public addresses."""
    shell_allow: tuple[str, ...] = ()
    """Programs that may be started."""
    directory: Path = Path()
    """A directory of the engine for working files; below the data directory."""


class Attempt(msgspec.Struct, frozen=True):
    """Which try of which step this is."""

    run: str
    workflow: str
    step: str
    """The step path with loop indices."""
    visit: int
    number: int
    """Counts from 1 within the visit."""
    idempotency_key: str
    """The same for every try of one visit (W19)."""
    traceparent: str = ""
    env: Mapping[str, str] = {}


class Action(ABC):
    """One action; `name` is `plugin.verb` and its file on the shelf is `plugin.py`. One object per process."""

    name: ClassVar[str]
    idempotent: ClassVar[bool]
    """Whether a try that may have happened can be repeated with the same key. There is no default."""
    extra: ClassVar[str | None] = None
    Inputs: ClassVar[type[BaseModel]]
    """What `with` may hold; unknown keys forbidden. Validated by the executor after rendering."""

    def __init__(self, context: ActionContext) -> None:
        """Keep what is needed; open nothing yet."""
        self.context = context

    async def open(self) -> None:  # noqa: B027 - an action that holds nothing has nothing to open
        """Open what all attempts share (a session)."""

    async def close(self) -> None:  # noqa: B027
        """Let it go."""

    @abstractmethod
    async def run(self, inputs: Any, attempt: Attempt) -> dict[str, Any]:
        """Do it once and return the outputs, JSON values only. Raise `ActionError`.

        Be cancelled cleanly: a step's timeout, a cancel and a drain cancel the task.
        """
