"""`isolation_forest`: how easily a row is told apart from the rows of its group, whatever the features are.

For several features of one event that belong together (latency, rate and hour; cpu, memory and load). A row that a few
random cuts isolate is strange: Liu, Ting and Zhou, "Isolation Forest" (ICDM 2008). Series of a group share one forest.

scikit-learn grows the forests, in a process of its own (`fit`); rows are scored by flat arrays that give the same
numbers at a hundredth of the cost. A group asks for a forest at a fixed row, with the rows and the seed it is made
from, and judges by it from a fixed moment of the log on (W16); so a replay has the same forest at the same row. Before
the first one the answer is "nothing to say", and the `warmup` threshold of the document applies.

Needs the extra `ml`.
"""

from __future__ import annotations

import math
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import msgspec

from eventflow.detectors.isolation_forest import config as settings
from eventflow.detectors.isolation_forest.forest import score_of
from eventflow.detectors.isolation_forest.group import LARGEST, Group, Head
from eventflow.errors import ComponentError
from eventflow.plugin import Detector, DetectorContext, Explanation, Fit, Rows, Scores
from eventflow.plugin.slots import Slots

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class IsolationForest(Detector):
    """How easily a row of several features is told apart from the rows of its group."""

    name = "isolation_forest"
    scale = "relative"
    several = True
    extra = "ml"
    Config = settings.Config

    def __init__(self, config: Any, context: DetectorContext) -> None:
        """`config` is a `Config`. Raises `ComponentError` without the extra."""
        super().__init__(config, context)
        missing = [name for name in ("numpy", "sklearn") if find_spec(name) is None]
        if missing:
            raise ComponentError(
                f"detector 'isolation_forest' needs {' and '.join(missing)}; pip install 'eventflow-router[ml]'"
            )
        self._slots = Slots()
        self._groups: dict[str, Group] = {}
        self._nothing = (math.nan,) * (2 + 2 * len(context.features))
        self.tail = 4.0 if len(context.features) == 1 else 1.3  # measured: 4.0, 1.4, 1.5, 1.4, 1.0 for 1, 2, 3, 4, 8
        self._gone: set[str] = set()

    # --- series and their groups -------------------------------------------------------------------------------------

    def series(self, key: str, group: str) -> int:
        """Its slot; the first series of a group makes the group."""
        slot = self._slots.find(key, group)
        if slot is not None:
            return slot
        if group not in self._groups:
            self._groups[group] = self._group(Head(name=group))
        self._groups[group].members += 1
        return self._slots.add(key, group)

    def _group(self, head: Head) -> Group:
        return Group(head, self.config, len(self.context.features), self.context.seed)

    def drop(self, slot: int) -> None:
        """Forget it; the last series of a group takes the group with it."""
        name = self._slots.name(slot)
        self._slots.drop(slot)
        if name is None:
            return
        group = self._groups[name[0]]
        group.members -= 1
        if not group.members:
            self._gone |= {f"{part}@{name[0]}" for part in group.all_parts()}
            del self._groups[name[0]]

    # --- rows --------------------------------------------------------------------------------------------------------

    def update_many(self, rows: Rows) -> Scores:
        """Group by group: rows up to a hand-over are scored together."""
        count = len(rows.slots)
        scores, notes = [math.nan] * count, [self._nothing] * count
        of_group: dict[str, list[int]] = {}
        for row, slot in enumerate(rows.slots):
            of_group.setdefault(self._slots.name(slot)[0], []).append(row)  # type: ignore[index]
        for name, mine in of_group.items():
            group, begin = self._groups[name], 0
            for end, row in enumerate(mine):
                if group.head.due and rows.log_times[row] >= group.head.due:
                    self._score(group, mine[begin:end], rows.values, scores, notes)
                    begin = end
                    group.hand_over()
                if all(-LARGEST <= value <= LARGEST for value in rows.values[row]):
                    group.learn(rows.values[row], rows.log_times[row])
            self._score(group, mine[begin:], rows.values, scores, notes)
        return Scores(values=scores, notes=notes)

    def _score(
        self,
        group: Group,
        mine: Sequence[int],
        values: Sequence[tuple[float, ...]],
        scores: list[float],
        notes: list[tuple[float, ...]],
    ) -> None:
        """By the forest in use; without one there is nothing to say."""
        forest = group.forest
        if forest is None or not mine:
            return
        usual = forest.usual
        bounds = usual.low + usual.high
        for row, strangeness in zip(mine, forest.strangeness([values[row] for row in mine]), strict=True):
            scores[row] = strangeness
            notes[row] = (usual.middle[0], strangeness, *bounds)

    def explain(self, values: tuple[float, ...], note: Any) -> Explanation:
        """The feature that is furthest from where 98 % of the learned rows lay, or that it is the combination."""
        middle, strangeness, *bounds = note
        if math.isnan(middle):
            return Explanation(because="no forest yet")
        width = len(values)
        low, high = bounds[:width], bounds[width:]
        score = score_of(strangeness) if strangeness == strangeness else math.nan  # noqa: PLR0124
        how = f"isolation score {score:.3g}, 0.5 is ordinary"
        beyond = [
            max(lo - value, value - hi) / (hi - lo or 1.0) for value, lo, hi in zip(values, low, high, strict=True)
        ]
        worst = max(range(width), key=lambda at: beyond[at])
        names = self.context.features
        if beyond[worst] > 0:
            name, value = names[worst], values[worst]
            because = f"{name} {value:.6g} is outside its usual {low[worst]:.6g} to {high[worst]:.6g} ({how})"
        elif width > 1:
            given = ", ".join(f"{name} {value:.6g}" for name, value in zip(names, values, strict=True))
            because = f"an unusual combination of {given} ({how})"
        else:
            because = f"{values[0]:.6g} is rare between {low[0]:.6g} and {high[0]:.6g} ({how})"
        return Explanation(expected=middle, low=low[0], high=high[0], because=because)

    # --- models ------------------------------------------------------------------------------------------------------

    def fits(self) -> Sequence[Fit]:
        """One for each group that waits for a forest."""
        waiting = [group for _, group in sorted(self._groups.items()) if group.waiting]
        return [Fit(model=group.fit_name, job=group.job, due=group.head.due) for group in waiting]

    @classmethod
    def fit(cls, job: bytes) -> bytes:
        """A forest as flat arrays."""
        from eventflow.detectors.isolation_forest.job import Job
        from eventflow.detectors.isolation_forest.training import grow

        return grow(msgspec.msgpack.decode(job, type=Job))

    def give(self, model: str, made: bytes | None) -> None:
        """To the group that asked."""
        for group in self._groups.values():
            if group.waiting and group.fit_name == model:
                group.give(made)

    # --- memory ------------------------------------------------------------------------------------------------------

    def dump(self) -> dict[str, bytes | None]:
        """Series by slot, and of each group the parts that changed."""
        parts: dict[str, bytes | None] = dict.fromkeys(sorted(self._gone))
        self._gone.clear()
        for slot in self._slots.take_changed():
            name = self._slots.name(slot)
            parts[str(slot)] = None if name is None else msgspec.msgpack.encode(name)
        for group in self._groups.values():
            for part in sorted(group.changed):
                parts[f"{part}@{group.head.name}"] = group.part(part)
            group.changed.clear()
        return parts

    def load(self, parts: Mapping[str, bytes]) -> None:
        """The groups there were, each with its rows, its forest and what it waits for."""
        of_group: dict[str, dict[str, bytes]] = {}
        named: list[tuple[int, str, str]] = []
        for name, saved in parts.items():
            part, at, group = name.partition("@")
            if at:
                of_group.setdefault(group, {})[part] = saved
            else:
                owner, key = msgspec.msgpack.decode(saved, type=tuple[str, str])
                named.append((int(name), key, owner))
        self._slots.restore(named)
        for group, its in of_group.items():
            self._groups[group] = self._group(msgspec.msgpack.decode(its.pop("head"), type=Head))
            self._groups[group].restore(its)
        for _, _, owner in named:
            self._groups[owner].members += 1
