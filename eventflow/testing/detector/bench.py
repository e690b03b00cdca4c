"""The bench that a detector is put on: it is fed as the router does, cut anyhow, saved and loaded at any row.

A thing of its own because the suite says *what* must hold and this says *how* a detector is used: slots by `series`,
calls that span less than `HANDOVER` and end before a model is due, models made by `fit` and given in time.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Any, Final

from eventflow.plugin import Detector, DetectorContext, Rows
from eventflow.plugin.detector import HANDOVER
from eventflow.plugin.one_series import detector_type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from eventflow.testing.detector.samples import Sample

NUMBER: Final = struct.Struct("<d")


class Bench:
    """One detector, what it answered, and what it has saved so far."""

    def __init__(self, kind: type, config: dict[str, Any], *, width: int, seed: int = 11) -> None:
        self.kind = detector_type(kind)
        self._config = config
        self._context = DetectorContext(features=tuple(f"f{at}" for at in range(width)), seed=seed)
        self.detector = self._new()
        self.scores: list[float] = []
        self.notes: list[Any] = []
        self.parts: dict[str, bytes] = {}
        self.asked: dict[str, tuple[bytes, int]] = {}
        """Every model that was ever asked for: its job and when it is due."""
        self._waiting: dict[str, int] = {}
        self.models = True
        """False: whatever is asked for cannot be made."""

    def _new(self) -> Detector:
        return self.kind(self.kind.Config.model_validate(self._config), self._context)

    def feed(self, samples: Sequence[Sample], cut: Callable[[], int] = lambda: 64) -> list[float]:
        """Feed rows in calls of `cut()` or fewer; their scores."""
        begin, before = 0, len(self.scores)
        while begin < len(samples):
            end = self._end(samples, begin, cut())
            self._call(samples[begin:end])
            begin = end
        return self.scores[before:]

    def _end(self, samples: Sequence[Sample], begin: int, size: int) -> int:
        """Where a call that begins here must end; models that are due by its first row are given before."""
        first = samples[begin].log_time
        for model in [model for model, due in self._waiting.items() if due <= first]:
            self.give(model)
        limit = min([first + HANDOVER, *self._waiting.values()])
        end = begin + 1
        while end < len(samples) and end - begin < size and samples[end].log_time < limit:
            end += 1
        return end

    def _call(self, samples: Sequence[Sample]) -> None:
        rows = Rows(
            slots=[self.detector.series(sample.key, sample.group) for sample in samples],
            times=[sample.time for sample in samples],
            log_times=[sample.log_time for sample in samples],
            values=[sample.values for sample in samples],
        )
        answer = self.detector.update_many(rows)
        assert len(answer.values) == len(samples), "one score for each row"
        assert answer.notes is None or len(answer.notes) == len(samples), "one note for each row, or no notes"
        self.scores += [float(score) for score in answer.values]
        self.notes += answer.notes if answer.notes is not None else [None] * len(samples)
        self._look(samples[-1].log_time)

    def _look(self, now: int) -> None:
        """Note which models are asked for."""
        open_fits = self.detector.fits()
        self._waiting = {m: due for m, due in self._waiting.items() if m in {fit.model for fit in open_fits}}
        for fit in open_fits:
            if fit.model not in self._waiting:
                assert fit.model not in self.asked or self.asked[fit.model] == (fit.job, fit.due), "one name, one job"
                assert fit.due > now, "a model is due only after the rows of the call that asked for it"
            self.asked[fit.model] = (fit.job, fit.due)
            self._waiting[fit.model] = fit.due

    def give(self, model: str) -> None:
        """Make a model and hand it over."""
        made = self.kind.fit(self.asked[model][0]) if self.models else None
        self.detector.give(model, made)
        del self._waiting[model]

    def give_all(self) -> None:
        """Everything that is asked for, now: the other end of "some time before it is due"."""
        for model in list(self._waiting):
            self.give(model)

    def save(self) -> dict[str, bytes | None]:
        """Dump, as the router's checkpoint does; what this dump says."""
        dumped = self.detector.dump()
        for name, part in dumped.items():
            if part is None:
                self.parts.pop(name, None)
            else:
                self.parts[name] = part
        return dumped

    def reload(self) -> None:
        """Save, forget the object, and go on with one that has loaded what was saved.

        Models that were given and are not due yet are asked for again: when they were given must not be saved.
        """
        self.save()
        asked = {fit.model for fit in self.detector.fits()}
        self.detector = self._new()
        self.detector.load(dict(self.parts))
        again = {fit.model: (fit.job, fit.due) for fit in self.detector.fits()}
        assert asked <= again.keys(), "the models that are asked for are part of memory"
        assert again.items() <= self.asked.items(), "a model that is asked for again is the same"
        self._waiting = {model: due for model, (_, due) in again.items()}

    def size(self) -> int:
        """Bytes of all that is saved."""
        self.save()
        return sum(len(name) + len(part) for name, part in self.parts.items())


def bits(numbers: Iterable[float]) -> list[bytes]:
    """Numbers as their bits, all NaN alike."""
    return [b"nan" if math.isnan(number) else NUMBER.pack(number) for number in numbers]


def note_bits(note: Any) -> Any:
    """A note with its numbers as their bits."""
    return None if note is None else bits(note)
