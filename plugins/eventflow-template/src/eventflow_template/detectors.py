"""`template.stuck`: a value that always moved and does not move any more."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Stuck:
    """How many rows in a row had the same value: a sensor that hangs, a queue that nobody empties."""

    name = "template.stuck"
    scale = "relative"

    class Config(BaseModel):
        """What `config` may hold."""

        model_config = ConfigDict(extra="forbid")
        tolerance: float = Field(0.0, ge=0)
        """A change of no more than this share of the value is none."""

    def __init__(self, config: Config) -> None:
        """One object per series."""
        self.config = config
        self.expected: float | None = None
        self.same = 0

    def update(self, value: float) -> float:
        """Score the value by what came before, then learn it."""
        if self.expected is None:
            self.expected = value
            return 0.0
        moved = abs(value - self.expected) > self.config.tolerance * max(abs(value), abs(self.expected))
        if moved:
            self.expected, self.same = value, 0
        else:
            self.same += 1
        return float(self.same)
