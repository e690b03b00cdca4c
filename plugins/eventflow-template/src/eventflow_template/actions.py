"""`template.greet`: an action that does nothing outside."""

from __future__ import annotations

from typing import Any

from eventflow.plugin import Action, Attempt
from pydantic import BaseModel, ConfigDict, Field


class Greet(Action):
    """Give `text`, a greeting for `person`."""

    name = "template.greet"
    idempotent = True

    class Inputs(BaseModel):
        """What `with` holds."""

        model_config = ConfigDict(extra="forbid")
        person: str = Field(min_length=1)

    async def run(self, inputs: Any, attempt: Attempt) -> dict[str, Any]:
        """Greet once."""
        return {"text": f"Hello, {inputs.person}"}
