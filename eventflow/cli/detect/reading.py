"""Files of samples: CSV or NDJSON, plain or gzipped, to events with a time each.

A thing of its own because files say little of themselves: which column is the time and which the value must be guessed
well, and said.
"""

from __future__ import annotations

import gzip
import json
import math
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from eventflow.cli.detect.table import CannotRead, Table, table
from eventflow.model.event import Event, from_micros, to_micros

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eventflow.model.event import Micros

TIMES: Final = ("time", "timestamp", "date", "datetime", "ts", "at", "when")
VALUES: Final = ("value", "val", "y", "metric", "count", "amount")
MINUTE: Final[Micros] = 60_000_000
UNTIMED: Final[Micros] = 946_684_800_000_000
"""The first row of a file without times: 2000-01-01."""
DAY_FIRST: Final = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?:[ T]+(\d.*))?")
"""`01.05.2026 08:00`: between dots the day comes first everywhere."""


class Samples(msgspec.Struct):
    """What a file holds: the events in the order of its rows, and what was taken for what."""

    events: list[Event]
    time: str | None
    """The field that is the time; None where rows have none and stand a minute apart."""
    value: str
    """CEL for the value, guessed."""
    how: str = ""
    """What was taken for what between the columns, where it is not the plain way."""


def read(path: Path) -> Samples:
    """Every row of a file (`-` is standard input). Raises `CannotRead`."""
    name = path.name.removesuffix(".gz")
    text = _text(path)
    first = text.lstrip()[:1]
    is_json = first == "{" or name.endswith((".ndjson", ".jsonl"))
    found = Table(list(_objects(text, path))) if is_json else table(text, path, lambda cell: moment(cell) is not None)
    if not found.rows:
        raise CannotRead(f"{path} holds no rows")
    return _samples(found, path)


def _text(path: Path) -> str:
    if path == Path("-"):
        import sys

        return sys.stdin.read().removeprefix("\ufeff")
    try:
        data = path.read_bytes()
        return (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError, EOFError) as error:
        raise CannotRead(f"{path} cannot be read: {error}") from error


def _objects(text: str, path: Path) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise CannotRead(f"{path}:{number}: not JSON: {error}") from error
        if not isinstance(row, dict):
            raise CannotRead(f"{path}:{number}: each line must be a JSON object")
        yield row


# --- rows to events --------------------------------------------------------------------------------------------------


def _samples(found: Table, path: Path) -> Samples:
    rows = found.rows
    first = rows[0]
    whole = "specversion" in first and "type" in first
    names = list(dict.fromkeys(name for row in rows[:50] for name in row))
    time = "time" if whole else _time_of(names, first)
    data = [row.get("data") if whole else row for row in rows[:50]]
    numeric = [
        name
        for name in dict.fromkeys(name for row in data if isinstance(row, dict) for name in row)
        if name != time and any(_is_number(row.get(name)) for row in data if isinstance(row, dict))
    ]
    value = _choose(numeric, VALUES, lambda _: True) or "value"
    events = [_event(row, number, time, path, whole=whole) for number, row in enumerate(rows, 1)]
    cel = f"event.data.{value}" if value.isidentifier() else f"event.data[{json.dumps(value)}]"
    return Samples(events, time, cel, found.how)


def _time_of(names: list[str], first: dict[str, Any]) -> str | None:
    """A well-known name that holds a time, else the first field whose text is one; a mere number is rather a value."""
    named = [name for name in names if name.lower() in TIMES and moment(first.get(name)) is not None]
    written = [name for name in names if isinstance(first.get(name), str) and moment(first[name]) is not None]
    return _choose(named or written, TIMES, lambda _: True)


def _choose(names: list[str], known: tuple[str, ...], fits: Any) -> str | None:
    """The first of the well-known names, else the first that fits."""
    lower = {name.lower(): name for name in reversed(names)}
    for name in known:
        if name in lower and fits(lower[name]):
            return lower[name]
    return next((name for name in names if fits(name)), None)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _event(row: dict[str, Any], number: int, time: str | None, path: Path, *, whole: bool) -> Event:
    at = UNTIMED + number * MINUTE if time is None else moment(row.get(time))
    if at is None:
        shown = "missing" if row.get(time or "") is None else repr(row[time or ""])
        raise CannotRead(f"{path}: row {number}: the time ({time}) is {shown}; write 2026-05-01T08:00:00Z or seconds")
    if not whole:
        data = {name: value for name, value in row.items() if name != time and not _is_nothing(value)}
        row = {"id": f"row-{number}", "source": "file", "type": "sample", "data": data}
    try:
        kind = str(row.get("kind") or row["type"])
        return Event(
            id=str(row["id"]), source=str(row["source"]), type=str(row["type"]), kind=kind,
            subject=str(row.get("subject") or ""), time=from_micros(at), data=row.get("data"),
        )  # fmt: skip
    except KeyError as error:
        raise CannotRead(f"{path}: row {number}: a CloudEvent needs {error.args[0]!r}") from error


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def moment(value: Any) -> Micros | None:
    """A time as files write it: RFC 3339, `2026-05-01 08:00:00` or `01.05.2026 08:00` (UTC), or a number since 1970.

    A number is in s, ms, µs or ns, by its size.
    """
    if isinstance(value, str):
        text = value.strip()
        if (found := DAY_FIRST.fullmatch(text)) is not None:
            text = f"{found[3]}-{found[2]:0>2}-{found[1]:0>2}" + (f" {found[4]}" if found[4] else "")
        try:
            when = datetime.fromisoformat(text)
        except ValueError:
            return None
        return to_micros(when if when.tzinfo is not None else when.replace(tzinfo=UTC))
    if not _is_number(value):
        return None
    size = abs(value)
    for limit, scale in ((1e11, 1_000_000), (1e14, 1_000), (1e17, 1), (1e20, 1e-3)):
        if size < limit:
            return int(value * scale)
    return None
