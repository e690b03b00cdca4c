"""What a workflow gets: a trigger's or a person's inputs, made into the types that the workflow declares, and checked.

Text is accepted for numbers and booleans, because the command line and templates inside text only have text; nothing
else is converted. The answer is complete (defaults filled in) or a list of problems, all at once.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from eventflow.errors import EventflowError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eventflow.model.workflow import Input

_DURATION: Final = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|us|s|m|h|d|w))+")
_ISO: Final = re.compile(r"P(?=.)(?:\d+W|(?:\d+D)?(?:T(?=.)(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?)?)")
_BOOLEANS: Final = {"true": True, "false": False}
_UNITS: Final = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_PARTS: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|us|[smhdwSMHDW])")


class BadInputs(EventflowError):
    """The inputs do not fit what the workflow declares. `problems`: input name → sentence."""

    def __init__(self, problems: dict[str, str]) -> None:
        """Carry all problems."""
        super().__init__("; ".join(f"input '{name}' {text}" for name, text in problems.items()))
        self.problems = problems


def complete(declared: Mapping[str, Input], given: Mapping[str, Any]) -> dict[str, Any]:
    """The given inputs, typed, checked and completed with defaults. Raises `BadInputs`."""
    problems = {name: "is not declared by the workflow" for name in given if name not in declared}
    values: dict[str, Any] = {}
    for name, spec in declared.items():
        value = given.get(name)
        if value is None:
            value = spec.default
        if value is None:
            if spec.required:
                problems[name] = "is required"
            values[name] = None
            continue
        try:
            values[name] = _checked(_typed(value, spec.type), spec)
        except ValueError as error:
            problems[name] = str(error)
    if problems:
        raise BadInputs(problems)
    return values


def _typed(value: Any, kind: str) -> Any:
    """The value as `kind`. Raises `ValueError` with the end of a sentence."""
    match kind:
        case "string" if isinstance(value, str):
            return value
        case "boolean" if isinstance(value, bool):
            return value
        case "boolean" if isinstance(value, str) and value.lower() in _BOOLEANS:
            return _BOOLEANS[value.lower()]
        case "integer":
            return _integer(value)
        case "number":
            return _number(value)
        case "duration" if isinstance(value, str) and (_DURATION.fullmatch(value) or _ISO.fullmatch(value)):
            return value
        case "list" if isinstance(value, (list, tuple)):
            return list(value)
        case "object" if isinstance(value, dict):
            return value
    raise ValueError(f"must be {_a(kind)}, this is {_shown(value)}")


def _integer(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d{1,19}", value):
        return int(value)
    raise ValueError(f"must be an integer, this is {_shown(value)}")


def _number(value: Any) -> float | int:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d{1,300}(?:\.\d{1,300})?(?:[eE][+-]?\d{1,3})?", value):
        return float(value)
    raise ValueError(f"must be a number, this is {_shown(value)}")


def _checked(value: Any, spec: Input) -> Any:
    if spec.enum and value not in spec.enum:
        raise ValueError(f"must be one of {', '.join(map(str, spec.enum))}, this is {_shown(value)}")
    if spec.pattern is not None and not _fits(spec.pattern, value):
        raise ValueError(f"must fit the pattern {spec.pattern}, this is {_shown(value)}")
    size = _size(value, spec.type)
    if size is not None and spec.min is not None and size < spec.min:
        raise ValueError(f"must be at least {spec.min:g}, this is {size:g}")
    if size is not None and spec.max is not None and size > spec.max:
        raise ValueError(f"must be at most {spec.max:g}, this is {size:g}")
    return value


def _fits(pattern: str, value: Any) -> bool:
    import re2

    return isinstance(value, str) and re2.search(pattern, value) is not None


def _size(value: Any, kind: str) -> float | None:
    """What `min` and `max` are held against: the number, the seconds of a duration, the length of text and lists."""
    if kind in {"integer", "number"}:
        return float(value)
    if kind == "duration":
        return sum(float(number) * _UNITS[unit.lower()] for number, unit in _PARTS.findall(value))
    return len(value) if kind in {"string", "list"} else None


def _a(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeio" else f"a {kind}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
