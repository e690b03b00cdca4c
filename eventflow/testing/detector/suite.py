"""The obligations of `eventflow.plugin.detector.Detector`, as tests."""

from __future__ import annotations

import json
import math
import random
import re
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from pydantic import BaseModel, ValidationError

from eventflow.plugin import Explanation
from eventflow.plugin.one_series import detector_type
from eventflow.testing.detector.bench import Bench, bits, note_bits
from eventflow.testing.detector.samples import BEGIN, SECOND, Sample, chance, crowd, mixture, noise, series, shapes

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?")


class DetectorContract:
    """The obligations of a detector type. Say the `type` and what `config` it is tested with."""

    type: ClassVar[type]
    """A `Detector`, or a class with `update(value) -> score`."""
    width: ClassVar[int] = 1
    """How many features a row has."""
    rows: ClassVar[int] = 1200
    """Enough for the type to be past its warm-up and, if it asks for models, to have had some."""
    unit_matters: ClassVar[bool] = False
    """True for a relative type whose scores may rank otherwise when the values are given in another unit."""

    def config(self) -> dict[str, Any]:
        """What a document writes under `config`."""
        return {}

    def bench(self, seed: int = 11) -> Bench:
        """A new detector and what is needed to feed it."""
        return Bench(self.type, self.config(), width=self.width, seed=seed)

    def mixed(self) -> list[Sample]:
        """Seven series of two groups."""
        return mixture(self.rows, self.width)

    # --- what it says of itself --------------------------------------------------------------------------------------

    def test_it_says_who_it_is_and_what_its_scores_mean(self) -> None:
        """Name, scale and version."""
        kind = detector_type(self.type)
        assert NAME.fullmatch(kind.name)
        assert kind.scale in {"absolute", "relative"}
        assert type(kind.version) is int
        assert 0 < self.bench().detector.clears_below <= 1
        tail = self.bench().detector.tail
        assert tail is None or 0 < tail < math.inf
        assert (kind.__doc__ or "").strip(), "the docstring is the type's page in the reference"

    def test_config_has_a_schema_and_refuses_what_it_does_not_know(self) -> None:
        """A misspelt key is an error and not a default."""
        model = detector_type(self.type).Config
        assert issubclass(model, BaseModel)
        assert json.dumps(model.model_json_schema())
        model.model_validate(self.config())
        with pytest.raises(ValidationError, match="no_such_key"):
            model.model_validate(self.config() | {"no_such_key": 1})

    def test_a_series_keeps_its_slot_and_shares_it_with_nobody(self) -> None:
        """Also a series of the same key in another group."""
        detector = self.bench().detector
        names = [(str(key), group) for key in range(50) for group in ("", "x")]
        slots = [detector.series(key, group) for key, group in names]
        assert len(set(slots)) == len(names)
        assert [detector.series(key, group) for key, group in names] == slots

    # --- the same rows, the same bits --------------------------------------------------------------------------------

    def test_the_cut_does_not_matter(self) -> None:
        """Scores, notes, models asked for and what is saved, to the bit."""
        dice = chance(5)
        for samples in (self.mixed(), crowd(400, self.width)):
            alone = self.bench()
            alone.feed(samples, lambda: 1)
            alone.save()
            for cut in (lambda rows=samples: len(rows), lambda: 2, lambda: dice.choice((1, 1, 2, 7, 64, 500))):
                other = self.bench()
                other.feed(samples, cut)
                other.save()
                self._equal(alone, other)

    def test_a_replay_is_the_same(self) -> None:
        """No clock and no chance but the context's seed."""
        samples = self.mixed()
        benches = []
        for elsewhere in (1, 2):
            random.seed(elsewhere)
            bench = self.bench()
            bench.feed(samples)
            bench.save()
            benches.append(bench)
        self._equal(*benches)

    def test_saved_and_loaded_at_any_row(self) -> None:
        """By the parts that changed; the rows after it are judged as if nothing had happened."""
        samples, dice = self.mixed(), chance(9)
        one, other = self.bench(), self.bench()
        begin = 0
        while begin < len(samples):
            end = min(len(samples), begin + dice.choice((1, 3, 40, 200)))
            one.feed(samples[begin:end])
            other.feed(samples[begin:end])
            other.reload()
            if dice.random() < 0.5:
                other.save()
            begin = end
        one.save()
        other.save()
        self._equal(one, other)

    def test_a_dump_holds_what_changed(self) -> None:
        """Nothing when nothing came, little when one row came."""
        bench = self.bench()
        many = [
            sample
            for key in range(200)
            for sample in series(noise(3, key), self.width, key=f"key-{key}", every=0)
        ]  # fmt: skip
        bench.feed(many)
        whole = sum(len(part or b"") for part in bench.save().values())
        assert bench.save() == {}
        bench.feed(many[:1])
        assert sum(len(part or b"") for part in bench.save().values()) <= whole / 4

    def test_series_of_another_group_make_no_difference(self) -> None:
        """A model may be shared within a group and not beyond."""
        samples = self.mixed()
        whole, part = self.bench(), self.bench()
        scores = whole.feed(samples)
        mine = [sample for sample in samples if sample.group == "one"]
        alone = part.feed(mine)
        assert bits(score for sample, score in zip(samples, scores, strict=True) if sample.group == "one") == bits(
            alone
        )

    def test_a_forgotten_series_begins_anew_and_leaves_nothing(self) -> None:
        """Under the same name, in a slot that had another one."""
        samples = series(noise(self.rows), self.width, key="a", group="mine")
        bench, other = self.bench(), self.bench()
        first = bench.feed(samples)
        others = series(noise(40, 2), self.width, key="b", group="yours")
        bench.feed(others)
        for key, group in (("a", "mine"), ("b", "yours")):
            bench.detector.drop(bench.detector.series(key, group))
        assert bench.size() <= 256, "what was dropped is still saved"
        bench.reload()
        later = [_later(sample, days=1) for sample in samples]
        assert bits(bench.feed(later)) == bits(other.feed(later))
        assert len(first) == len(later)

    # --- whatever comes ----------------------------------------------------------------------------------------------

    def test_scores_are_finite_and_not_negative(self) -> None:
        """Or NaN, for "nothing to say"; for missing and infinite values too."""
        bench = self.bench()
        self._valid(bench.feed(self.mixed()))
        missing = tuple(math.nan for _ in range(self.width))
        infinite = [tuple(sign * math.inf for _ in range(self.width)) for sign in (1, -1)]
        last = bench.feed(self.mixed()[-1:])
        for values in (missing, *infinite):
            rows = [Sample(key, "one", BEGIN, 2 * BEGIN, values) for key in ("key-0", "new")] * 3
            self._valid(bench.feed(rows))
        assert len(last) == 1

    @pytest.mark.parametrize("shape", list(shapes(1)))
    def test_awkward_series(self, shape: str) -> None:
        """Constant, two-valued, spiky, counting, shifted, tiny and huge ones: answers, and no error."""
        bench = self.bench()
        self._valid(bench.feed(series(shapes(self.rows)[shape], self.width)))
        bench.reload()

    @pytest.mark.parametrize("kind", ["gaps", "repeated", "backward", "before 1970", "far away"])
    def test_event_times_may_be_anything(self, kind: str) -> None:
        """What people's clocks say is data."""
        times = {
            "gaps": lambda at: BEGIN + at * SECOND + at // 100 * 10**9 * SECOND,
            "repeated": lambda at: BEGIN + at // 7 * SECOND,
            "backward": lambda at: BEGIN - at * SECOND,
            "before 1970": lambda at: -BEGIN + at * SECOND,
            "far away": lambda at: 250_000_000_000 * SECOND + at * SECOND,
        }[kind]
        self._valid(self.bench().feed(series(noise(self.rows), self.width, times=times)))

    def test_another_unit_ranks_the_same(self) -> None:
        """Milliseconds for seconds: what was stranger still is. Not asked of an absolute type."""
        if detector_type(self.type).scale == "absolute" or self.unit_matters:
            return
        samples = [sample for sample in self.mixed() if all(map(math.isfinite, sample.values))]
        scaled = [Sample(s.key, s.group, s.time, s.log_time, tuple(1000 * v for v in s.values)) for s in samples]
        one, other = self.bench().feed(samples), self.bench().feed(scaled)
        assert [math.isnan(score) for score in one] == [math.isnan(score) for score in other]
        pairs = [(a, b) for a, b in zip(one, other, strict=True) if not math.isnan(a)]
        apart = wrong = 0
        for (a, b), (c, d) in zip(pairs, chance(4).sample(pairs, len(pairs)), strict=True):
            if abs(a - c) > 0.02 * max(a, c):
                apart += 1
                wrong += (a - c) * (b - d) <= 0
        assert wrong <= apart / 100, f"{wrong} of {apart} pairs of rows rank otherwise"

    def test_memory_is_bounded(self) -> None:
        """What is kept of a series does not grow with its rows."""
        bench = self.bench()
        bench.feed(series(noise(4 * self.rows), self.width))
        before = bench.size()
        bench.feed([_later(sample, days=1) for sample in series(noise(8 * self.rows, 2), self.width)])
        assert bench.size() <= 1.5 * before + 256

    # --- models made elsewhere ---------------------------------------------------------------------------------------

    def test_when_a_model_is_given_does_not_matter(self) -> None:
        """At once, or just before the first row that may be judged by it; the same job gives the same bytes."""
        samples = self.mixed()
        late, early = self.bench(), self.bench()
        late.feed(samples)
        for sample in samples:
            early.feed([sample])
            early.give_all()
        for job, _ in list(late.asked.values())[:3]:
            assert late.kind.fit(job) == late.kind.fit(job)
        late.save()
        early.save()
        self._equal(late, early)
        tail = [_later(sample, days=1) for sample in samples[:100]]
        assert bits(late.feed(tail)) == bits(early.feed(tail))

    def test_a_model_that_cannot_be_made(self) -> None:
        """The detector goes on with the one it has, or has nothing to say."""
        bench = self.bench()
        bench.models = False
        self._valid(bench.feed(self.mixed()))
        bench.reload()

    # --- why ---------------------------------------------------------------------------------------------------------

    def test_every_row_can_be_explained(self) -> None:
        """With finite numbers and a sentence, from the row and its note alone."""
        samples = self.mixed()
        bench = self.bench()
        bench.feed(samples)
        bench.reload()
        for sample, score, note in list(zip(samples, bench.scores, bench.notes, strict=True)):
            assert note is None or (type(note) is tuple and all(type(x) in {int, float} for x in note))
            if math.isnan(score):
                continue
            explanation = bench.detector.explain(sample.values, note)
            assert isinstance(explanation, Explanation)
            assert isinstance(explanation.because, str)
            numbers = (explanation.expected, explanation.low, explanation.high)
            assert all(number is None or math.isfinite(number) for number in numbers)

    # --- inside ------------------------------------------------------------------------------------------------------

    def _valid(self, scores: Sequence[float]) -> None:
        assert [score for score in scores if not (math.isnan(score) or 0 <= score < math.inf)] == []

    def _equal(self, one: Bench, other: Bench) -> None:
        assert bits(one.scores) == bits(other.scores)
        assert [note_bits(note) for note in one.notes] == [note_bits(note) for note in other.notes]
        assert one.asked == other.asked
        assert one.parts == other.parts


def _later(sample: Sample, *, days: int) -> Sample:
    """The same sample another day."""
    more = days * 86_400 * SECOND
    return Sample(sample.key, sample.group, sample.time + more, sample.log_time + more, sample.values)
