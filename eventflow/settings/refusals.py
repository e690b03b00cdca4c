"""What is wrong with settings, all of it at once: pydantic's findings at their places, in words of ours.

Kept apart from the layers because it knows pydantic and they know files. Pydantic ends a validator at its first
refusal, and asks those over several keys only when each key is right; so what was refused is taken out and the rest is
validated again, until nothing is left to say. What lies around a place that was taken out is not held against anybody:
a source whose secret is misspelt does not also lack one. A value is repeated in a sentence only where it is nearly one
of a closed list; it might be a secret in the wrong place.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, get_args, get_origin

from pydantic import BaseModel, ValidationError

from eventflow.catalog.spelling import did_you_mean, nearest
from eventflow.settings.models import Settings
from eventflow.settings.values import Several

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from eventflow.settings.values import Place

PREFIX: Final = "EVENTFLOW_"
_NAMES: Final = "names are lower-case letters, digits, _ and -, beginning with a letter"
_SHAPES: Final = {
    "url": "expected sqlite:, memory: or kafka://host:port,…/topic",
    "store": "expected sqlite: (later postgresql://…)",
    "path": "expected a path that begins with /, such as /in/shop",
    "header": "expected the name of a header, such as X-Signature",
}
"""What a text must look like, by its key; all others are names."""
_KINDS: Final = {
    "int": "a whole number", "bool": "true or false", "string": "a text", "dict": "a mapping", "model": "a mapping",
    "tuple": "a list", "list": "a list",
}  # fmt: skip
_QUOTED: Final = re.compile(r"'([^']+)'")


class Refusal(NamedTuple):
    """One mistake: the key, from the top, and the sentence with the key before it."""

    place: Place
    said: str


class Validated(NamedTuple):
    """`settings` is what is right with defaults for the rest, or None where not even that can be had."""

    settings: Settings | None
    refusals: list[Refusal]
    left_out: set[Place]


def validated(
    values: Mapping[str, Any], context: dict[str, Any], where: Callable[[Place], str], unread: Iterable[Place] = ()
) -> Validated:
    """`values` as settings. `where` tells a key's origin; `unread` are keys whose mistake has been told already."""
    rest, left_out = _copy(values), set(unread)
    refusals: list[Refusal] = []
    for place in left_out:
        _take_out(rest, place)
    while True:
        try:
            return Validated(Settings.model_validate(rest, context=context), refusals, left_out)
        except ValidationError as error:
            found = [one for problem in error.errors(include_url=False) for one in _refusals(problem, where)]
        told = left_out | {one.place for one in found if len(one.place) > 1}
        refusals += [one for one in found if not any(_around(one.place, place, left_out) for place in told)]
        taken = {out for one in found if (out := _take_out(rest, one.place))}
        if not taken:
            return Validated(None, refusals, left_out)
        left_out |= taken


def _around(place: Place, other: Place, left_out: set[Place]) -> bool:
    """Whether a place is around another of which something is said, or one that was taken out before."""
    return other[: len(place)] == place and (place != other or other in left_out)


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(inner) for key, inner in value.items()}
    return value


def _take_out(values: dict[str, Any], place: Place) -> Place:
    """Remove the value at a place, a list as a whole, and its mapping where the value is not there; what went."""
    at, around = values, None
    for depth, key in enumerate(place):
        if key not in at:
            if around is None:
                return ()
            del around[place[depth - 1]]
            return place[:depth]
        if depth + 1 == len(place) or not isinstance(at[key], dict):
            del at[key]
            return place[: depth + 1]
        at, around = at[key], at
    return ()


def _refusals(problem: Any, where: Callable[[Place], str]) -> Iterator[Refusal]:
    place = tuple(part for part in problem["loc"] if part != "[key]")
    several = problem.get("ctx", {}).get("error")
    if isinstance(several, Several):
        for inside, said in several.found:
            yield _refusal(place + inside, said)
    else:
        yield _refusal(place, _sentence(problem, place, where))


def _refusal(place: Place, said: str) -> Refusal:
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")
    return Refusal(place, f"{key}: {said}" if key else said)


def _sentence(problem: Any, place: Place, where: Callable[[Place], str]) -> str:
    kind, bounds = problem["type"], problem.get("ctx", {})
    if kind == "extra_forbidden":
        return f"there is no such setting; {meant(place, where)}".removesuffix("; ")
    if kind == "missing":
        return "is missing"
    if kind == "literal_error":
        return _one_of(problem["input"], _QUOTED.findall(bounds["expected"]))
    if kind == "string_pattern_mismatch":
        return _NAMES if problem["loc"][-1] == "[key]" else _SHAPES.get(str(place[-1]), _NAMES)
    if kind == "too_short":
        return "must not be empty"
    for word, sentence in (("ge", "at least"), ("le", "at most"), ("max_length", "at most so many characters:")):
        if word in bounds:
            return f"must be {sentence} {bounds[word]}"
    wanted = _KINDS.get(kind.partition("_")[0])
    return f"expected {wanted}" if wanted else str(problem["msg"]).removeprefix("Value error, ")


def _one_of(value: Any, known: list[str]) -> str:
    close = nearest(value, known) if isinstance(value, str) else None
    return f"there is no {value!r}; did you mean {close!r}?" if close else f"expected one of: {', '.join(known)}"


def meant(place: Place, where: Callable[[Place], str]) -> str:
    """What an unknown key was meant to be; of a variable the whole name as it is to be written."""
    known, wrong, origin = _known(place[:-1]), str(place[-1]), where(place)
    if origin.startswith("$") and (close := nearest(wrong, known)) is not None:
        parts = origin.removeprefix(f"${PREFIX}").split("__")
        if len(parts) >= len(place):
            parts[len(place) - 1] = close.upper()
            return f"did you mean {PREFIX}{'__'.join(parts)}?"
    return did_you_mean(wrong, known)


def _known(place: Place) -> list[str]:
    """The keys that a place in the settings knows."""
    model: Any = Settings
    named_by_people = False
    for part in place:
        if named_by_people:
            named_by_people = False
            continue
        annotation = getattr(model, "model_fields", {})[part].annotation
        model, named_by_people = _model(annotation), get_origin(annotation) in {dict, tuple}
    return list(getattr(model, "model_fields", ()))


def _model(annotation: Any) -> Any:
    """The settings model inside an annotation: `dict[Name, M]`, `tuple[M, ...]`, `M | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model(part)) is not None), None)
