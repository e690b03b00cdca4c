"""What a document may say to `isolation_forest`: how large the forest is, and when it is made anew.

Amounts are rows (`500`) or time (`6h`), whichever the person has in mind; apart because reading them is nothing that
scoring needs to know.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
MOST_ROWS: Final = 16_384
"""Rows to learn from that are kept per group, at most."""


class Span(BaseModel):
    """So many rows, or so much time."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    rows: int | None = None
    micros: int | None = None


def _span(given: Any) -> Any:
    if isinstance(given, Span):
        return given
    if isinstance(given, int) and not isinstance(given, bool):
        if given <= 0:
            raise ValueError(f"{given} rows are none; give a positive number, or a time such as 6h")
        return {"rows": given}
    parts = re.findall(r"(\d+)\s*([smhd])", given) if isinstance(given, str) else []
    if not parts or re.sub(r"\d+\s*[smhd]\s*", "", given):
        raise ValueError(f"{given!r} is neither a number of rows nor a time; write 500, 30m, 6h or 7d")
    return {"micros": sum(int(number) * UNITS[unit] for number, unit in parts) * 1_000_000}


Amount = Annotated[Span, BeforeValidator(_span, json_schema_input_type=int | str)]


class Train(BaseModel):
    """From which rows a forest is made, and when."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)
    window: Amount = Span(rows=4096)
    """The latest rows that a forest is made from: a number (at most 16,384) or a time (4096 of it at most)."""
    min_samples: int = Field(256, ge=16, le=MOST_ROWS)
    """Rows of a group before its first forest is asked for."""
    retrain_every: Amount = Span(rows=1000)
    """Rows or time from one forest to the next. While a group is young it is sooner: after twice the rows."""
    seed: int = 0
    """Another seed makes another forest of the same rows."""

    @model_validator(mode="after")
    def _enough(self) -> Self:
        most = self.window.rows or 4096
        if self.min_samples > most:
            raise ValueError(f"min_samples ({self.min_samples}) is more than the window holds ({most})")
        return self


class Config(BaseModel):
    """The size of a forest, and `train`."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)
    trees: int = Field(100, ge=10, le=500)
    """How many trees; more are steadier and cost more."""
    sample: int = Field(256, ge=16, le=256)
    """How many of the rows each tree sees."""
    train: Train = Train()
    """From which rows forests are made, and when."""
