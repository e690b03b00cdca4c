"""The short way to a detector type: a class that knows one series and has `update(value) -> score`.

    class Jump:
        name = "jump"

        def __init__(self) -> None:
            self.last: float | None = None

        def update(self, value: float) -> float:
            score = 0.0 if self.last is None else abs(value - self.last)
            self.last = value
            return score

`detector_type` makes a `Detector` of it: one object per series, called row after row, so that no cut of the rows can
matter; what is saved are its attributes. A thing of its own because most detectors that people write need no more.
"""

from __future__ import annotations

import inspect
import math
from collections import deque
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol, cast

import msgspec

from eventflow.errors import ComponentError
from eventflow.plugin.detector import Detector, DetectorContext, Explanation, Rows, Scores
from eventflow.plugin.registry import find, names
from eventflow.plugin.slots import Slots

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

WORDS: Final = ("name", "scale", "version", "extra", "clears_below", "tail")
"""What a short class may say of itself, as `Detector` does; only `name` has no default."""
DEEPEST: Final = 16


@cache
def _no_config() -> type[BaseModel]:
    """The config of a type with nothing to set. Not made before it is asked for: pydantic takes its time."""
    from pydantic import ConfigDict, create_model

    return create_model("Config", __config__=ConfigDict(extra="forbid"))


class Short(Protocol):
    """What such a class has at least."""

    name: ClassVar[str]

    def update(self, value: float) -> float | None:
        """Score a finite number by what was known, then learn it; None: nothing to say yet."""


def find_detector(name: str) -> type[Detector]:
    """The detector type of this name, written the long or the short way.

    Raises `ComponentError` with the names there are, or with the extra to install.
    """
    try:
        return detector_type(find("detector", name, Detector))  # type: ignore[type-abstract]
    except ComponentError:
        return detector_type(find("detector", name, Short))  # type: ignore[type-abstract]  # an unknown name gets its error here again


def detector_names() -> list[str]:
    """Every detector type there is."""
    long, short = names("detector", Detector), names("detector", Short)  # type: ignore[type-abstract]
    return sorted({*long, *short})


def is_short(found: Any) -> bool:
    """Whether this is a class with `update(value) -> score` and no `Detector`."""
    return isinstance(found, type) and not issubclass(found, Detector) and callable(getattr(found, "update", None))


@cache
def detector_type(found: type) -> type[Detector]:
    """The `Detector` that a class stands for: itself, or one that keeps an object of it per series.

    Raises `ComponentError` for a class that is neither.
    """
    if issubclass(found, Detector):
        return found
    name = getattr(found, "name", None)
    if not is_short(found) or not isinstance(name, str):
        raise ComponentError(
            f"{found.__module__}.{found.__qualname__} is no detector type: it needs a `name` and "
            "`update(value) -> score`, or must be a `Detector`"
        )
    said = {word: getattr(found, word) for word in WORDS if hasattr(found, word)}
    config = getattr(found, "Config", None) or _no_config()
    configured = bool(inspect.signature(found).parameters)
    body = {
        "scale": "relative",
        **said,
        "Config": config,
        "one": found,
        "configured": configured,
        "__doc__": found.__doc__,
    }
    return cast("type[Detector]", type(found.__name__, (_EachSeries,), {"__module__": found.__module__, **body}))


class _EachSeries(Detector):
    """One object of `one` for each series."""

    one: ClassVar[Any]
    configured: ClassVar[bool]

    def __init__(self, config: Any, context: DetectorContext) -> None:
        super().__init__(config, context)
        self._slots = Slots()
        self._objects: dict[int, Any] = {}

    def series(self, key: str, group: str) -> int:
        slot = self._slots.find(key, group)
        if slot is None:
            slot = self._slots.add(key, group)
            self._objects[slot] = self._new()
        return slot

    def _new(self) -> Any:
        """`__init__` takes the config or nothing."""
        return self.one(self.config) if self.configured else self.one()

    def drop(self, slot: int) -> None:
        self._slots.drop(slot)
        self._objects.pop(slot, None)

    def update_many(self, rows: Rows) -> Scores:
        """The objects never see what is no finite number; NaN is answered for them."""
        self._slots.changed.update(rows.slots)
        scores, notes = [], []
        for slot, (value,) in zip(rows.slots, rows.values, strict=True):
            judge = self._objects[slot]
            expected = getattr(judge, "expected", None)
            notes.append((math.nan if expected is None else float(expected),))
            scores.append(self._checked(judge.update(value)) if math.isfinite(value) else math.nan)
        return Scores(values=scores, notes=notes)

    def _checked(self, score: Any) -> float:
        """None is "nothing to say yet"."""
        if score is None:
            return math.nan
        answer = float(score)
        if answer < 0 or answer == math.inf:
            message = f"detector {self.name!r} gave the score {answer:g}; it must be finite and not negative, or None"
            raise ComponentError(message)
        return answer

    def dump(self) -> dict[str, bytes | None]:
        parts: dict[str, bytes | None] = {}
        for slot in self._slots.take_changed():
            name = self._slots.name(slot)
            parts[str(slot)] = None
            if name is not None:
                parts[str(slot)] = msgspec.msgpack.encode((*name, self._saved(self._objects[slot])))
        return parts

    def _saved(self, judge: Any) -> dict[str, Any]:
        """Its attributes but the config, each of a plain kind."""
        where = f"{type(judge).__name__}."
        if not hasattr(judge, "__dict__"):
            raise ComponentError(f"{type(judge).__name__} has __slots__, so eventflow cannot save it; leave them out")
        named = {name: value for name, value in vars(judge).items() if value is not self.config}
        return {name: _plain(value, where + name) for name, value in named.items()}

    def load(self, parts: Mapping[str, bytes]) -> None:
        saved = {int(slot): msgspec.msgpack.decode(part) for slot, part in parts.items()}
        self._slots.restore((slot, key, group) for slot, (group, key, _) in saved.items())
        for slot, (_, _, attributes) in saved.items():
            judge = self._objects[slot] = self._new()
            gone = [name for name, value in vars(judge).items() if value is not self.config and name not in attributes]
            for name in gone:
                delattr(judge, name)
            vars(judge).update({name: _restored(value) for name, value in attributes.items()})

    def explain(self, values: tuple[float, ...], note: Any) -> Explanation:
        """What the class had in its attribute `expected`, if it has one."""
        if math.isnan(note[0]):
            return Explanation(because=f"{values[0]:.6g} is unusual")
        return Explanation(expected=note[0], because=f"{values[0]:.6g} instead of {note[0]:.6g}")


def _plain(value: Any, where: str, depth: int = 0) -> Any:
    """What can be saved and comes back the same: containers with a tag for their kind."""
    kind = type(value)
    if value is None or kind in {bool, float, str, bytes}:
        return value
    if kind is int and -(2**63) <= value < 2**63:
        return value
    if depth < DEEPEST:
        if kind in {list, tuple}:
            return [kind.__name__, *(_plain(item, f"{where}[{at}]", depth + 1) for at, item in enumerate(value))]
        if kind is deque:
            return [
                "deque",
                value.maxlen,
                *(_plain(item, f"{where}[{at}]", depth + 1) for at, item in enumerate(value)),
            ]
        if kind is dict:
            pairs = [(_plain(key, f"a key of {where}", depth + 1), inner) for key, inner in value.items()]
            return ["dict", *((key, _plain(inner, f"{where}[{key!r}]", depth + 1)) for key, inner in pairs)]
    raise ComponentError(
        f"{where} is a {kind.__module__}.{kind.__qualname__}, which eventflow cannot save; keep numbers, text, bytes, "
        "lists, tuples, dicts and deques of them (float(x) makes a plain number of one of numpy's)"
    )


def _restored(saved: Any) -> Any:
    if not isinstance(saved, list):
        return saved
    kind, *items = saved
    if kind == "dict":
        return {_restored(key): _restored(inner) for key, inner in items}
    if kind == "deque":
        return deque((_restored(item) for item in items[1:]), maxlen=items[0])
    restored = [_restored(item) for item in items]
    return restored if kind == "list" else tuple(restored)
