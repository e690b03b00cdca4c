"""A condition trigger made ready to judge by: its expressions compiled, its detector type found, its Judge made."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import msgspec
from pydantic import ValidationError

from eventflow.errors import ComponentError
from eventflow.match import Env, ExpressionError, compile  # noqa: A004 - the door's word
from eventflow.model.identity import digest
from eventflow.plugin.detector import Detector, DetectorContext
from eventflow.route.judge import Judge

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from eventflow.match import Program
    from eventflow.model.event import Micros
    from eventflow.model.workflow import Trigger

Find = Callable[[str], type[Detector]]
"""The detector type of a name. Raises `ComponentError`."""
_FORMS: Final = 4
WEEK: Final[Micros] = 7 * 86_400_000_000


class Watching(msgspec.Struct, frozen=True):
    """How the series of one condition trigger stand."""

    workflow: str
    trigger: str
    detector: str
    type: str
    learning: int
    normal: int
    alarms: int


class Reading:
    """An expression over the event, compiled for each form that events have in this process (projected, or whole)."""

    __slots__ = ("_forms", "program")

    def __init__(self, program: Program) -> None:
        """Compile when the first event comes."""
        self.program = program
        self._forms: dict[type, Callable[[Any], Any]] = {}

    def of(self, event: Any) -> Any:
        """The value. Raises `EvaluationError`."""
        run = self._forms.get(event.__class__)
        return run(event) if run is not None else self._compiled(event.__class__)(event)

    def _compiled(self, form: type) -> Callable[[Any], Any]:
        shape = getattr(form, "shape", None)
        if shape is not None and not shape.covers(path[1:] for path in self.program.paths):
            shape = None
        if len(self._forms) > _FORMS:
            self._forms.clear()
        run = self._forms[form] = self.program.over("event", shape)
        return run


class Watch:
    """What a condition trigger evaluates, and how its detector and Judge are made.

    `shares`: the series of a group (without `group`: all) are judged together, so one partition must own them all.
    """

    __slots__ = (
        "absolute", "config", "context", "features", "group", "judge", "key", "kind", "missing", "name", "per_key",
        "shares", "shown", "trained", "values",
    )  # fmt: skip

    def __init__(self, name: tuple[str, str], trigger: Trigger, constants: Mapping[str, Any], find: Find) -> None:
        """Compile it. Raises `ExpressionError`, and `ComponentError` for a detector that cannot be made."""
        condition = trigger.condition
        assert condition is not None  # noqa: S101 - the caller looked
        spec, env = condition.detector, Env({"event": None}, {"vars": constants})
        self.name = name
        self.kind = find(spec.type)
        self.config = _config(self.kind, spec.config)
        self.features: tuple[str, ...] = tuple(sorted(spec.features)) or ("value",)
        texts = [spec.features[name] for name in self.features] if spec.features else [condition.value or "null"]
        self.values = tuple(Reading(compile(text, env)) for text in texts)
        self.shown = Reading(compile(condition.value, env)) if condition.value and spec.features else None
        self.key = Reading(compile(trigger.key, env)) if trigger.key is not None else None
        self.group = Reading(compile(spec.group, env)) if spec.group is not None else None
        self.per_key = spec.per_key
        self.missing = spec.missing
        self.trained = self.kind.fit.__func__ is not Detector.fit.__func__  # type: ignore[attr-defined]
        self.shares = not spec.per_key and bool(getattr(self.kind, "shares", self.trained))
        seed = int.from_bytes(digest((*name, spec.type), 4), "big")
        self.context = DetectorContext(self.features, seed)
        self.absolute = self.kind.scale == "absolute"
        made = self.make()
        self.judge = Judge(condition, absolute=self.absolute, clears_below=made.clears_below, tail=made.tail)

    @property
    def programs(self) -> Iterator[Program]:
        """Everything that is evaluated of an event."""
        for reading in (*self.values, self.shown, self.key, self.group):
            if reading is not None:
                yield reading.program

    def make(self) -> Detector:
        """A new detector that knows of nothing. Raises `ComponentError`."""
        try:
            return self.kind(self.config, self.context)
        except (ExpressionError, ComponentError):
            raise
        except Exception as error:
            raise ComponentError(f"detector {self.kind.name!r} cannot be made: {error}") from error


def _config(kind: type[Detector], given: Mapping[str, Any]) -> Any:
    try:
        return kind.Config.model_validate(given)
    except ValidationError as error:
        said = "; ".join(
            f"{'.'.join(map(str, one['loc'])) or 'config'}: {one['msg'].removeprefix('Value error, ')}"
            for one in error.errors()
        )
        raise ComponentError(f"detector {kind.name!r}: {said}") from None


def no_types(name: str) -> type[Detector]:
    """Where nobody handed in detector types. Raises `ComponentError`."""
    raise ComponentError(f"detector {name!r}: no detector types are known here")
