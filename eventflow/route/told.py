"""Sentences about refusals, for a person who was woken up: what was seen, what was wanted, and since when.

Kept apart from `explain`, which finds the stage that said no. Values are written as JSON writes them; times are told as
spans before the event, because nobody subtracts time stamps at night.
"""

from __future__ import annotations

from difflib import SequenceMatcher, get_close_matches
from typing import TYPE_CHECKING, Any, Final

import msgspec

from eventflow.match.atoms import read
from eventflow.match.values import MISSING
from eventflow.model.event import format_time, from_micros
from eventflow.model.outcome import REASONS
from eventflow.model.record import Ref
from eventflow.route.judge import WARM

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from eventflow.match import Atom
    from eventflow.model.event import Micros
    from eventflow.route.case import Case
    from eventflow.route.rules import Rule
    from eventflow.route.states import Verdict

_OPS: Final = {
    "gt": "above ", "ge": "at least ", "lt": "below ", "le": "at most ", "prefix": "beginning with ",
    "present": "present", "absent": "absent",
}  # fmt: skip
_ALIKE: Final = 0.8
_UNITS: Final = (("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000))


def json_of(value: Any) -> str:
    """A value as JSON writes it, cut where it is long; `absent` where there is none."""
    if value is MISSING:
        return "absent"
    try:
        text = msgspec.json.encode(value).decode("utf-8", "replace")
    except (TypeError, ValueError, RecursionError):
        text = str(value)
    return text if len(text) <= 80 else text[:77] + "…"


def span(micros: Micros) -> str:
    """A duration in its two largest units: `3m20s`."""
    if micros < 1_000_000:
        return f"{max(0, micros) // 1000}ms"
    parts: list[str] = []
    for unit, size in _UNITS:
        count, micros = divmod(micros, size)
        if count or parts:
            parts.append(f"{count}{unit}")
        if len(parts) == 2:
            break
    return "".join(part for part in parts if part[:1] != "0")


# --- selectors -------------------------------------------------------------------------------------------------------


def of_group(event: Mapping[str, Any], group: Sequence[Atom]) -> tuple[str, dict[str, Any]]:
    """Why none of a group's alternatives fits: the source, the type, or a line of `match` with several kinds."""
    seen = {atom.path: read(event, atom.path) for atom in group}
    there = {path: value for path, value in seen.items() if value is not MISSING and value is not None}
    wanted = " or ".join(dict.fromkeys(_wanted(atom) for atom in group))
    shown = " and ".join(f"{_path(path)} is {json_of(value)}" for path, value in (there or seen).items())
    return f"{shown}, wanted {wanted}{_typo(group[0], there.values())}", _values(there)


def of_atom(event: Mapping[str, Any], atom: Atom) -> tuple[str, dict[str, Any]]:
    """Why one line of `match` does not fit."""
    value = read(event, atom.path)
    values = _values({atom.path: value})
    if atom.op.startswith("not_"):
        name = "paths" if atom.path[-1] == "changed" else atom.path[-1]
        return f"{_path(atom.path)} is {json_of(value)}, which `{name}_ignore` leaves out", values
    return f"{_path(atom.path)} is {json_of(value)}, wanted {_wanted(atom)}{_typo(atom, [value])}", values


def _path(path: tuple[str, ...]) -> str:
    return "event." + ".".join(path)


def _values(seen: Mapping[tuple[str, ...], Any]) -> dict[str, Any]:
    kinds = (str, int, float, bool, list, dict)
    return {_path(path): value for path, value in seen.items() if value is None or isinstance(value, kinds)}


def _wanted(atom: Atom) -> str:
    values = atom.value if isinstance(atom.value, tuple) else () if atom.value is None else (atom.value,)
    return _OPS.get(atom.op.removeprefix("not_"), "") + " or ".join(map(json_of, values))


def _typo(atom: Atom, seen: Any) -> str:
    """Two texts that are nearly the same are most often meant to be the same."""
    wanted = atom.value if isinstance(atom.value, tuple) else (atom.value,)
    texts = [value for value in wanted if isinstance(value, str)]
    near = any(
        SequenceMatcher(None, value, text).ratio() >= _ALIKE for value in seen if isinstance(value, str)
        for text in texts if not set("*?[") & set(text)
    )  # fmt: skip
    return " (nearly the same: is one of the two mistyped?)" if near else ""


# --- stages with memory ----------------------------------------------------------------------------------------------


_VERDICT: Final = ("state", "value", "score", "rarity", "expected", "low", "high", "since")


def of_stage(
    rule: Rule, reason: str, case: Case, key: str | None, ring: Sequence[Verdict], values: Mapping[str, Any]
) -> tuple[str, dict[str, Any]]:
    """The sentence of a reason that a stage with memory gave, and the values for people.

    `ring` are the last verdicts on the key, oldest first; `values` are those of the kept outcome, where there is one.
    """
    about = f" for key {json_of(key)}" if key is not None else ""
    match reason:
        case "cooldown":
            return _cooldown(rule, case, about, ring, values)
        case "limit":
            return _limit(rule, about, values)
        case "dedup":
            return _dedup(rule, case, about, values)
        case "key_limit":
            most = values.get("limit", "its limit")
            return f"The trigger already holds {most} keys, as many as it may (limits.keys); this one is new.", {}
        case "inputs":
            return inputs(str(values.get("error") or _problems(values))), {}
        case "key_error" | "filter_error":
            return str(values.get("error") or REASONS[reason]), {}
    return judged(reason, values) if rule.watch is not None else (REASONS[reason], {})


def judged(reason: str, values: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """What a condition trigger made of a sample: the detector's own sentence, where the verdict has one."""
    shown = {name: values[name] for name in _VERDICT if values.get(name) is not None}
    because = values.get("reason") or values.get("error")
    said = f"{REASONS[reason]} {because[0].upper()}{because[1:]}." if because else REASONS[reason]
    if reason == "learning" and "learned" in values:
        said = f"{said} So far it knows {values['learned']} samples of it; it judges from {WARM} on."
    return said, shown


def inputs(error: str) -> str:
    """Why the inputs for the workflow could not be made from the event."""
    return f"The workflow's inputs cannot be made from this event: {error}" if error else REASONS["inputs"]


def missing(event: Mapping[str, Any], texts: Iterable[str]) -> str:
    """For paths that were not there (`event.data.totl`): what lies beside them, and the likeliest that was meant."""
    said = []
    for text in texts:
        above, _, name = text.rpartition(".")
        parent = read(event, tuple(above.split(".")[1:]))
        if isinstance(parent, dict) and parent:
            near = get_close_matches(name, map(str, parent), n=1)
            beside = ", ".join(map(str, list(parent)[:8]))
            said.append(f"did you mean {above}.{near[0]}?" if near else f"{above} has: {beside}")
    return f"; {'; '.join(said)}" if said else ""


def _problems(values: Mapping[str, Any]) -> str:
    problems = values.get("problems")
    if not isinstance(problems, dict):
        return ""
    return "; ".join(f"input '{name}' {text}" for name, text in problems.items())


def _cooldown(
    rule: Rule, case: Case, about: str, ring: Sequence[Verdict], values: Mapping[str, Any]
) -> tuple[str, dict[str, Any]]:
    cooldown = rule.trigger.cooldown or 0
    place = (case.ref.partition, case.ref.offset)
    before = [one for one in ring if one[4] == "fired" and (one[0], one[1]) < place]
    fired = values.get("fired", before[-1][2] if before else None)
    if fired is None:
        return f"The trigger fired less than its cooldown of {span(cooldown)} before{about}.", {}
    on = f", on {Ref(before[-1][0], before[-1][1]).handle}" if before else ""
    ago = case.log_time - fired
    return (
        (
            f"The trigger fired {span(ago)} before{about}{on}; its cooldown of {span(cooldown)} had "
            f"{span(cooldown - ago)} to go."
        ),
        {"fired": format_time(from_micros(fired)), "cooldown": span(cooldown)},
    )


def _limit(rule: Rule, about: str, values: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    one = rule.trigger.limit[0] if len(rule.trigger.limit) == 1 else None
    most, per = values.get("max", one.max if one else None), values.get("per", one.per if one else None)
    if most is None or per is None:
        return f"The trigger has fired as often as one of its limits allows{about}.", {}
    return (
        (
            f"The trigger has fired {most} time{'' if most == 1 else 's'} within {span(per)}{about}, as often as its "
            "limit allows."
        ),
        {"max": most, "per": span(per)},
    )


def _dedup(rule: Rule, case: Case, about: str, values: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    window = rule.trigger.dedup.window if rule.trigger.dedup is not None else 0
    if "last" not in values:
        return f"An event with the same dedup key came within the window of {span(window)}{about}.", {}
    return (
        (
            f"An event with the dedup key {json_of(values.get('dedup'))} came {span(case.log_time - values['last'])} "
            f"before{about}; the window is {span(window)} and begins anew with each."
        ),
        {"dedup": values.get("dedup"), "window": span(window)},
    )
