"""What happens now: decided events in the order of the log with what triggers made of them, for who follows along.

A thing of its own beside the lists, which go backwards in pages: this goes forwards, and waits for what is not there
yet. The cursor says for each partition where to go on; ticks and forwards are passed over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from eventflow import ports
from eventflow.console import bodies
from eventflow.console.reads import data_partitions, event_body
from eventflow.model.control import FORWARD, REFUSED, TICK
from eventflow.model.control import refused as refusal
from eventflow.model.event import ENGINE, Envelope, parse_time, to_micros
from eventflow.model.record import CONTROL, Record, Ref
from eventflow.web.problems import refused

if TYPE_CHECKING:
    from eventflow.console.call import Call
    from eventflow.console.house import House
    from eventflow.model.event import Micros

LOOK: Final = 0.1
_QUIET: Final = frozenset((TICK, FORWARD))
_STRANGER: Final = frozenset(("matched", "disabled"))


async def feed(call: Call) -> dict[str, Any]:
    """The next items after the cursor; an empty page when nothing came in `wait` seconds."""
    house = call.house
    at = await _start(call)
    deadline = ports.boot() + call.number("wait", 0) * ports.SECOND
    while True:
        records = await _next(house, at, call.limit)
        if records or ports.boot() >= deadline or "house" in house.trouble():
            break
        await ports.sleep(LOOK)
    items = [await _item(house, record) for record in records if not _is_quiet(record)]
    return {"items": items, "next": ".".join(f"{_name(p)}-{offset}" for p, offset in sorted(at.items()))}


async def _start(call: Call) -> dict[int, int]:
    """Where to go on, per partition: by the cursor, by a time, else at the end."""
    house, after, since = call.house, call.query("after"), call.query("since")
    every = (CONTROL, *data_partitions(house))
    if after:
        return _parsed(after, every)
    if since is None:
        return {partition: await _decided(house, partition) for partition in every}
    try:
        moment = to_micros(parse_time(since))
    except ValueError:
        raise refused("invalid", f"since: {since!r} is no time such as 2026-05-01T08:00:00Z") from None
    return {partition: await _first_at(house, partition, moment) for partition in every}


def _parsed(after: str, partitions: tuple[int, ...]) -> dict[int, int]:
    names = {_name(partition): partition for partition in partitions}
    try:
        pairs = dict(part.split("-") for part in after.split("."))
        given = {names[name]: min(int(offset), 1 << 62) for name, offset in pairs.items() if int(offset) >= 0}
    except (ValueError, KeyError):
        raise refused("invalid", "after must be the `next` of the page before") from None
    return dict.fromkeys(partitions, 0) | given  # one that was added since then is told from its beginning


def _name(partition: int) -> str:
    return "c" if partition == CONTROL else str(partition)


async def _decided(house: House, partition: int) -> int:
    """Where the decided part of a partition ends; of one that nobody decides, where the log ends."""
    end = (await house.bus.bounds(partition)).end
    return min(house.positions.get(partition, end), end)


async def _first_at(house: House, partition: int, moment: Micros) -> int:
    """The first offset logged at or after a moment."""
    bounds = await house.bus.bounds(partition)
    low, high = bounds.start, bounds.end
    while low < high:
        middle = (low + high) // 2
        [record] = await house.bus.fetch([Ref(partition, middle)])
        if record is None or record.log_time < moment:
            low = middle + 1
        else:
            high = middle
    return low


async def _next(house: House, at: dict[int, int], limit: int) -> list[Record]:
    """At most `limit` records over all partitions, oldest first; `at` moves behind those taken."""
    found: list[Record] = []
    for partition, offset in at.items():
        start = max(offset, (await house.bus.bounds(partition)).start)
        end = min(await _decided(house, partition), start + limit)
        refs = [Ref(partition, number) for number in range(start, end)]
        found += [record for record in await house.bus.fetch(refs) if record is not None]
    found.sort(key=lambda record: (record.log_time, record.partition, record.offset))
    for record in found[:limit]:
        at[record.partition] = record.offset + 1
    return found[:limit]


def _is_quiet(record: Record) -> bool:
    try:
        head = msgspec.json.decode(record.data, type=Envelope)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return False
    return head.source == "eventflow" and head.type in _QUIET


async def _item(house: House, record: Record) -> bodies.FeedBody:
    outcomes = [] if record.partition == CONTROL else await house.explain(record)
    body = event_body(record)
    dead = record.fault
    if not dead and (body.source, body.type) == (ENGINE, REFUSED):
        dead = refusal(record.data)
    return bodies.FeedBody(body, [one for one in outcomes if one.stage not in _STRANGER], dead)
