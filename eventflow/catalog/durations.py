"""Durations as people write them: `10s`, `5m`, `2h`, `1d`, `150ms`, together as `1h30m`, or ISO 8601 (`PT5M`)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from eventflow.model.event import Micros

UNITS: Final = {
    "ms": 1_000,
    "s": 1_000_000,
    "m": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
    "w": 604_800_000_000,
}
LONGEST: Final[Micros] = 100 * 365 * UNITS["d"]
_SHORT: Final = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h|d|w))+")
_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d|w)")
_ISO: Final = re.compile(
    r"P(?:([0-9]+)W)?(?:([0-9]+)D)?(?:T(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+(?:\.[0-9]+)?)S)?)?", re.IGNORECASE
)
_NUMBER: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([a-zA-Z]*)")
_SPELT: Final = {
    "sec": "s", "secs": "s", "second": "s", "seconds": "s", "min": "m", "mins": "m", "minute": "m", "minutes": "m",
    "hr": "h", "hrs": "h", "hour": "h", "hours": "h", "day": "d", "days": "d", "week": "w", "weeks": "w",
    "msec": "ms", "millis": "ms", "milliseconds": "ms", "H": "h", "D": "d", "S": "s", "M": "m",
}  # fmt: skip


def parse(text: str) -> Micros | None:
    """The duration in microseconds, or None for what is none; beyond a hundred years it is none."""
    if len(text) > 64:
        return None
    if _SHORT.fullmatch(text):
        micros = round(sum(float(number) * UNITS[unit] for number, unit in _PART.findall(text)))
    elif len(text) > 2 and (found := _ISO.fullmatch(text)) is not None and text[-1] not in "tT":
        micros = round(sum(float(n) * UNITS[u] for n, u in zip(found.groups(), "wdhms", strict=True) if n))
    else:
        return None
    return micros if micros <= LONGEST else None


def show(micros: Micros) -> str:
    """The short form: `1h30m`."""
    parts = []
    for unit in ("d", "h", "m", "s", "ms"):
        count, micros = divmod(micros, UNITS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def advice(written: object) -> str:
    """What to write instead of something that is no duration."""
    text = str(written).strip()
    if parse(joined := "".join(text.split())) is not None:
        return f"write {joined}"
    if text.startswith("-"):
        return "a duration is never negative"
    if len(text.split()) == 5:
        return "that looks like cron: write cron: '…' instead"
    found = _NUMBER.fullmatch(text)
    if found is None:
        return "write for instance 30s, 5m, 2h or 1d"
    number, unit = found.groups()
    if not unit:
        return f"write {number}s, {number}m, {number}h or {number}d"
    right = _SPELT.get(unit) or _SPELT.get(unit.lower())
    return f"write {number}{right}" if right else "the units are ms, s, m, h, d and w"
