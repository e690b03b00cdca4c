"""Timestamps and durations: reading and writing them, and the parts of a calendar date in a time zone.

Time zones come from the system or from the tzdata package; a zone is read once and kept.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any, Final

from eventflow.match.functions.table import function
from eventflow.match.operators import time_at, time_span
from eventflow.match.problems import EvaluationError
from eventflow.match.values import EPOCH, nanos_of

_GROUP: Final = "Times"
_STAMP: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?(?:([Zz])|([+-])(\d\d):(\d\d))", re.ASCII
)
_PART: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(h|ms|m|s|us|µs|μs|ns)", re.ASCII)
_UNIT: Final = {
    "h": 3600 * 10**9,
    "m": 60 * 10**9,
    "s": 10**9,
    "ms": 10**6,
    "us": 1000,
    "µs": 1000,
    "μs": 1000,
    "ns": 1,
}
_OFFSET: Final = re.compile(r"([+-]?)(\d\d):(\d\d)", re.ASCII)


@function(
    "timestamp", "(timestamp) -> timestamp", "(string) -> timestamp", "(int) -> timestamp",
    group=_GROUP, doc="A point in time, of RFC 3339 text or of seconds since 1970.",
    example="timestamp('2026-01-02T03:04:05Z') > timestamp(0)",
)  # fmt: skip
def to_timestamp(value: Any) -> Any:
    """A timestamp."""
    if value.__class__ is int:
        return time_at(value * 10**9)
    return time_at(read_timestamp(value)) if value.__class__ is str else value


def read_timestamp(text: str) -> int:
    """Nanoseconds since 1970 of RFC 3339 text."""
    m = _STAMP.fullmatch(text) if len(text) < 64 else None
    if m is None:
        raise EvaluationError("convert", f"{text[:40]!r} is no time; times look like 2026-01-02T03:04:05Z")
    year, month, day, hour, minute, second, fraction, _, sign, off_h, off_m = m.groups()
    if year == "0000":
        raise EvaluationError("range", "the time lies outside the years 1 to 9999")
    try:
        base = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=UTC)
    except ValueError as error:
        raise EvaluationError("convert", f"{text!r} is no time: {error}") from None
    nanos = (base - EPOCH) // timedelta(seconds=1) * 10**9 + int((fraction or "").ljust(9, "0"))
    if sign:
        if int(off_h) > 23 or int(off_m) > 59:
            raise EvaluationError("convert", f"{text!r} is no time: its offset is too large")
        shift = (int(off_h) * 3600 + int(off_m) * 60) * 10**9
        nanos += shift if sign == "-" else -shift
    return nanos


def timestamp_text(value: Any) -> str:
    """RFC 3339 in UTC, with as many digits as the fraction needs."""
    seconds, nanos = divmod(nanos_of(value), 10**9)
    text = (EPOCH + timedelta(seconds=seconds)).replace(tzinfo=None).isoformat()
    return text + (f".{nanos:09d}".rstrip("0") if nanos else "") + "Z"


@function(
    "duration", "(duration) -> duration", "(string) -> duration",
    group=_GROUP, doc="A time span of a text such as '1h30m', '90s', '1.5s', '100ms'.",
    example="duration('1h') == duration('60m')",
)  # fmt: skip
def to_duration(value: Any) -> Any:
    """A duration."""
    return time_span(read_duration(value)) if value.__class__ is str else value


def read_duration(text: str) -> int:
    """Nanoseconds of a text such as 1h30m."""
    rest = text.lstrip("+-") if text[:1] in {"+", "-"} and text[1:2] not in {"+", "-"} else text
    total = 0
    at = 0
    if rest != "0":
        while at < len(rest) and len(text) < 100:
            m = _PART.match(rest, at)
            if m is None:
                break
            whole, _, fraction = m[1].partition(".")
            unit = _UNIT[m[2]]
            total += int(whole or 0) * unit + (int(fraction) * unit // 10 ** len(fraction) if fraction else 0)
            at = m.end()
        if at < len(rest) or not rest:
            raise EvaluationError("convert", f"{text[:40]!r} is no duration; durations look like 90s, 5m, 1h30m, 100ms")
    return -total if text[:1] == "-" else total


def duration_text(value: Any) -> str:
    """Seconds with as many digits as needed: 90s, 1.5s."""
    nanos = nanos_of(value)
    seconds, rest = divmod(abs(nanos), 10**9)
    return ("-" if nanos < 0 else "") + str(seconds) + (f".{rest:09d}".rstrip("0") if rest else "") + "s"


@lru_cache(maxsize=1024)
def zone(name: str) -> tzinfo:
    """A time zone by its IANA name or as an offset such as +02:00. Raises EvaluationError."""
    m = _OFFSET.fullmatch(name)
    if m is not None:
        minutes = int(m[2]) * 60 + int(m[3])
        if minutes < 24 * 60 and int(m[3]) < 60:
            return timezone(timedelta(minutes=-minutes if m[1] == "-" else minutes))
    if name in {"UTC", "Z", ""}:
        return UTC
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise EvaluationError(
            "argument", f"'{name}' is no time zone; write a name such as 'Europe/Berlin' or '+02:00'"
        ) from None


def _local(value: Any, name: str) -> datetime:
    moment = EPOCH + timedelta(microseconds=nanos_of(value) // 1000)
    try:
        return moment.astimezone(zone(name))
    except OverflowError:
        raise EvaluationError("range", "the time lies outside the years 1 to 9999 in that zone") from None


def _part(name: str, doc: str, example: str, read: Any) -> None:
    function(
        name,
        "timestamp.() -> int",
        "timestamp.(string) -> int",
        group=_GROUP,
        doc=doc + " In UTC, or in the given zone.",
        example=example,
    )(lambda value, tz="UTC": read(_local(value, tz)))


_part("getFullYear", "The year.", "timestamp('2026-01-02T03:04:05Z').getFullYear() == 2026", lambda d: d.year)
_part("getMonth", "The month, 0 to 11.", "timestamp('2026-01-02T03:04:05Z').getMonth() == 0", lambda d: d.month - 1)
_part(
    "getDayOfYear",
    "The day of the year from 0.",
    "timestamp('2026-01-02T03:04:05Z').getDayOfYear() == 1",
    lambda d: d.timetuple().tm_yday - 1,
)
_part(
    "getDayOfMonth",
    "The day of the month from 0.",
    "timestamp('2026-01-02T03:04:05Z').getDayOfMonth() == 1",
    lambda d: d.day - 1,
)
_part("getDate", "The day of the month from 1.", "timestamp('2026-01-02T03:04:05Z').getDate() == 2", lambda d: d.day)
_part(
    "getDayOfWeek",
    "The day of the week, Sunday is 0.",
    "timestamp('2026-01-02T03:04:05Z').getDayOfWeek() == 5",
    lambda d: d.isoweekday() % 7,
)


def _clock(name: str, doc: str, example: str, read: Any, total: Any) -> None:
    _part(name, doc, example, read)
    function(name, "duration.() -> int", group=_GROUP)(lambda value: total(nanos_of(value)))


def _units(unit: int) -> Any:
    return lambda nanos: abs(nanos) // unit * (1 if nanos >= 0 else -1)


_clock(
    "getHours",
    "The hour; of a duration all its hours.",
    "event.time.getHours('Europe/Berlin') >= 0",
    lambda d: d.hour,
    _units(3600 * 10**9),
)
_clock(
    "getMinutes",
    "The minute; of a duration all its minutes.",
    "duration('90m').getMinutes() == 90",
    lambda d: d.minute,
    _units(60 * 10**9),
)
_clock(
    "getSeconds",
    "The second; of a duration all its seconds.",
    "duration('2m').getSeconds() == 120",
    lambda d: d.second,
    _units(10**9),
)
_clock(
    "getMilliseconds", "The milliseconds of the second.", "duration('1.5s').getMilliseconds() == 500",
    lambda d: d.microsecond // 1000, lambda nanos: abs(nanos) % 10**9 // 10**6 * (1 if nanos >= 0 else -1),
)  # fmt: skip
