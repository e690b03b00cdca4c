"""`debug.log`: write a line into eventflow's own log. Handy to see what a workflow has in its hands."""

from __future__ import annotations

from typing import Any, Literal

import structlog
from pydantic import BaseModel, ConfigDict, Field

from eventflow.plugin import Action, Attempt

log = structlog.get_logger("eventflow.actions.debug")


class DebugLog(Action):
    """Write `message`, and `data` if given, at `level`; the outputs are the same two."""

    name = "debug.log"
    idempotent = True

    class Inputs(BaseModel):
        """What `with` holds."""

        model_config = ConfigDict(extra="forbid")
        message: str = Field("", description="the line")
        data: Any = Field(None, description="any value beside it")
        level: Literal["debug", "info", "warning", "error"] = Field("info", description="how much it matters")

    async def run(self, inputs: Any, attempt: Attempt) -> dict[str, Any]:
        """Log it, named by run and step."""
        say = getattr(log, inputs.level)
        say("debug.log", message=inputs.message, data=inputs.data, run=attempt.run, step=attempt.step)
        return {"message": inputs.message, "data": inputs.data}
