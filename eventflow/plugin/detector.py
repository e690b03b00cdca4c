"""The contract of a detector type: turns samples of many series into raw scores, and learns from each of them.

A detector says how strange a sample is, in any unit it likes; what follows from that (rarity, hold-off, budget, `for`
and the alarm itself) belongs to the Judge, which is the same for every type and every plugin and never talks back.

The one rule above all others: **the scores, and everything in `dump`, depend on the rows and their order and not on how
they are cut into calls**, bit for bit. After a crash the batches fall differently, and another score would be another
run. It also means: no clock, no chance but from `DetectorContext.seed`, and no sum whose order depends on the batch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

import msgspec

from eventflow.errors import ComponentError

if TYPE_CHECKING:
    from pydantic import BaseModel

Micros = int
Scale = Literal["absolute", "relative"]
HANDOVER: Final[Micros] = 60_000_000
"""Log time from the row that asks for a model to the first row that may be judged by it, at least."""


class DetectorContext(msgspec.Struct, frozen=True):
    """What a detector is made from beside its config: one object judges one trigger on one partition."""

    features: tuple[str, ...] = ("value",)
    """The names of a row's values, in their order."""
    seed: int = 0
    """All chance of this detector comes from here; the same after every restart."""


class Rows(msgspec.Struct, frozen=True):
    """Samples in log order, as four columns of one length; a series may occur many times."""

    slots: Sequence[int]
    """Whose sample it is: what `series` answered."""
    times: Sequence[Micros]
    """Event time, microseconds since 1970. May repeat and may go backwards within a series."""
    log_times: Sequence[Micros]
    """When the log took it; never decreasing. Models are handed over by this clock (W16).

    The rows of one call lie less than `HANDOVER` apart, and all of them before the `due` of any model that is asked
    for and not given: so a model that a row asks for is never due within the same call.
    """
    values: Sequence[tuple[float, ...]]
    """One number for each feature; NaN where a feature is missing, infinity where a sender says so."""


class Scores(msgspec.Struct, frozen=True):
    """One answer for each row, in their order."""

    values: Sequence[float]
    """≥ 0 and finite, larger is stranger. NaN: nothing to say yet (learning), or about this row."""
    notes: Sequence[Any] | None = None
    """What `explain` needs to know about the state before each row: a tuple of numbers, or None.

    The first of them is what was expected of the row's first value (NaN: nothing was); the Judge takes the direction
    of an alarm and the size of the change from it. The others are the detector's own.
    """


class Explanation(msgspec.Struct, frozen=True):
    """Why a sample got its score: what was expected of its first value, and one sentence."""

    expected: float | None = None
    low: float | None = None
    high: float | None = None
    because: str = ""


class Fit(msgspec.Struct, frozen=True):
    """A model to be made in another process from rows that are already chosen (W16)."""

    model: str
    """Which of the detector's models; a name never stands for two jobs, also after a series is dropped."""
    job: bytes
    """Everything `Detector.fit` needs: rows, seed, sizes."""
    due: Micros
    """The log time from which rows are judged by the new model; no row at or after it is scored before.

    `HANDOVER` or more after the row that asked.
    """


class Detector(ABC):
    """One detector type; `name` is its type and its file on the shelf. One object per trigger and partition.

    State is held per series, and for types that learn from like series together also per group. Memory must be
    bounded: per series, and per group whatever the number of rows.
    """

    name: ClassVar[str]
    scale: ClassVar[Scale]
    """`absolute`: 1 or more is an alarm, whatever came before. `relative`: any unit; the Judge learns what is rare."""
    several: ClassVar[bool] = False
    """Whether a row may have more than one feature."""
    extra: ClassVar[str | None] = None
    version: ClassVar[int] = 1
    """Of what `dump` writes; another version's memory is dropped and learned again."""
    Config: ClassVar[type[BaseModel]]
    """What `config` may hold beside the keys that all types have; unknown keys forbidden."""
    tail: float | None = None
    """For `relative`: how far usual scores go beyond their own 97 % point, on average and as a share of that point.

    0.16 for distances in normal noise. The Judge presumes it of a series until it has seen enough of the series' own
    tail. None: nothing is presumed. An object may set its own.
    """
    clears_below: float = 1.0
    """For `absolute`: an open alarm ends below this score (hysteresis). An object may set its own."""

    def __init__(self, config: Any, context: DetectorContext) -> None:
        """Keep what is needed; `config` is a valid `Config`. Raises `ComponentError` for features it cannot judge."""
        if len(context.features) != 1 and not self.several:
            names = ", ".join(context.features)
            raise ComponentError(f"detector {self.name!r} judges one value; these are {len(context.features)}: {names}")
        self.config = config
        self.context = context

    @abstractmethod
    def series(self, key: str, group: str) -> int:
        """The slot of a series, the same one at each call until `drop`; known from `load` or new.

        Series of one `group` are alike and may share a model; without a group all of a trigger's series are.
        """

    @abstractmethod
    def drop(self, slot: int) -> None:
        """Forget a series. Its slot may be given to another one."""

    @abstractmethod
    def update_many(self, rows: Rows) -> Scores:
        """Score each row by what was known before it, then learn from it, row after row."""

    @abstractmethod
    def dump(self) -> dict[str, bytes | None]:
        """The parts of memory that changed since the last call, under names of its own; None for what is gone."""

    @abstractmethod
    def load(self, parts: Mapping[str, bytes]) -> None:
        """Take over into a new object everything that `dump` has ever written and not taken back."""

    def explain(self, values: tuple[float, ...], note: Any) -> Explanation:
        """Why a row got its score; called for alarms only, with the row's note."""
        return Explanation()

    # --- models that are made elsewhere ------------------------------------------------------------------------------

    def fits(self) -> Sequence[Fit]:
        """The models that are asked for and have not been given yet; which is part of memory.

        A model that was given and is not due yet is asked for again after `load`: `dump` must not tell when that was.
        One whose series was dropped is not asked for any more, and never given.
        """
        return ()

    @classmethod
    def fit(cls, job: bytes) -> bytes:
        """Make a model, in a process of its own. The same job gives the same bytes. Raise `ValueError` if it can't."""
        raise NotImplementedError(f"{cls.__name__} asks for no models")

    def give(self, model: str, made: bytes | None) -> None:  # noqa: B027 - most types ask for no models
        """Here is what `fit` made of a job that `fits` named; None: it could not be made. Used from `Fit.due` on."""
