"""`template.greet`: an action that does nothing outside."""

from __future__ import annotations

from typing import Any

from eventflow.errors import ActionError
from eventflow.plugin import Action, Attempt
from pydantic import BaseModel, ConfigDict


class Greet(Action):
    """Give `text`, a greeting for `person`."""

    name = "template.greet"
    idempotent = True

    class Inputs(BaseModel):
        """What `with` holds."""

        model_config = ConfigDict(extra="forbid")
        person: str

    async def run(self, inputs: Any, attempt: Attempt) -> dict[str, Any]:
        """Greet once."""
        if not inputs.person.strip():
            raise ActionError("nobody to greet", code="nobody", retryable=False)
        return {"text": f"Hello, {inputs.person}"}
