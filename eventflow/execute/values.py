"""Values on their way into the journal, and durations as people write them. Pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from eventflow.match.values import plain
from eventflow.model.event import format_time, parse_time, to_micros

if TYPE_CHECKING:
    from eventflow.model.event import Micros

OUTPUT_LIMIT: Final = 256 * 1024
"""Bytes of JSON that the outputs of one step may have in the journal."""
KEPT: Final = 4096
"""Bytes up to which a single output is kept when all of them together are too large."""
UNITS: Final = {"us": 1, "ms": 1000, "s": 10**6, "m": 60 * 10**6, "h": 3600 * 10**6, "d": 86_400 * 10**6}
_PLAIN: Final = (str, int, float, bool, dict, list, type(None))
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s|m|h|d)")
_SHORT: Final = re.compile(rf"(?:{_PART.pattern})+")
_ISO: Final = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")
_ISO_UNITS: Final = ("d", "h", "m", "s")


def as_json(value: Any) -> Any:
    """A copy of the value with nothing in it but JSON: times as RFC 3339, durations as `90s`, bytes as base64.

    Raises `TypeError` or `ValueError` on what JSON cannot say.
    """
    kind = value.__class__
    if kind is str or kind is bool or value is None:
        return value
    if kind is dict:
        return {name if name.__class__ is str else _key(name): as_json(item) for name, item in value.items()}
    if kind is list:
        return [as_json(item) for item in value]
    if kind is int:
        if not -(2**63) <= value < 2**64:
            raise ValueError(f"{value} does not fit into 64 bits")
        return value
    if kind is float:
        if value - value != 0:
            raise ValueError(f"{value} is no JSON number")
        return value
    return _unusual(value)


def _unusual(value: Any) -> Any:
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, timedelta):
        return f"{value.total_seconds():.6f}".rstrip("0").rstrip(".") + "s"
    simple = plain(value)
    if simple.__class__ in _PLAIN:
        return as_json(simple)
    return as_json(msgspec.to_builtins(simple, str_keys=True, enc_hook=_refuse))


def _key(name: Any) -> str:
    if isinstance(name, bool):
        return "true" if name else "false"
    if isinstance(name, (str, int)):
        return str(name)
    raise TypeError(f"a {type(name).__name__} is no key of a JSON object")


def _refuse(value: Any) -> Any:
    raise TypeError(f"a {type(value).__name__} is no JSON value")


def bounded(outputs: dict[str, Any]) -> dict[str, Any]:
    """The outputs, or what of them is small with a mark `truncated` that says what is missing and what helps."""
    size = len(msgspec.json.encode(outputs))
    if size <= OUTPUT_LIMIT:
        return outputs
    small = {name: value for name, value in outputs.items() if len(msgspec.json.encode(value)) <= KEPT}
    small = dict(list(small.items())[:32])
    advice = "keep what is needed with the step's own `outputs: {name: result.…}`"
    missing = sorted(outputs.keys() - small.keys())[:32]
    return {**small, "truncated": {"bytes": size, "limit": OUTPUT_LIMIT, "missing": missing, "advice": advice}}


def duration(value: Any) -> Micros:
    """Microseconds of `90s`, `1h30m`, `PT5M` or a CEL duration. Raises `ValueError`."""
    if isinstance(value, timedelta):
        return value // timedelta(microseconds=1)
    if isinstance(value, str):
        text = value.strip()
        if _SHORT.fullmatch(text):
            return sum(round(float(number) * UNITS[unit]) for number, unit in _PART.findall(text))
        iso = _ISO.fullmatch(text)
        if iso is not None and any(iso.groups()):
            found = zip(iso.groups(), _ISO_UNITS, strict=True)
            return sum(round(float(number) * UNITS[unit]) for number, unit in found if number)
    raise ValueError(f"{value!r} is no duration such as 90s, 5m, 1h30m or PT5M")


def moment(value: Any) -> Micros:
    """A point in time from an RFC 3339 text or a CEL timestamp. Raises `ValueError`."""
    if isinstance(value, datetime):
        return to_micros(value)
    if isinstance(value, str):
        return to_micros(parse_time(value))
    raise ValueError(f"{value!r} is no time such as 2026-01-31T12:00:00Z")
