"""When a schedule is due: cron, every, at; zones, clock changes, jitter; what to do with times that were missed.

Pure: everything is computed from the schedule and times that are handed in. Cron fields are read by `cronsim` on local
time without a zone; this module decides what local times mean at a clock change: one that does not exist runs at the
next minute that does, one that comes twice runs at its first coming (W4).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import msgspec
from cronsim import CronSim

from eventflow.model.event import Micros, from_micros, parse_time, to_micros
from eventflow.model.identity import digest

if TYPE_CHECKING:
    from eventflow.model.workflow import Schedule

GRACE: Final[Micros] = 60_000_000
"""An occurrence noticed later than this after its time counts as missed."""
_MOST: Final = 1000
"""With `missed: all`, at most so many of the newest missed occurrences are looked at."""
_NEAR: Final = timedelta(hours=3)
_MINUTE: Final = timedelta(minutes=1)


class Due(msgspec.Struct, frozen=True):
    """What is to be done at a moment: the occurrences to fire, how many were given up as late, and the next one."""

    fire: tuple[Micros, ...]
    late: int
    next: Micros | None


def on_wall(schedule: Schedule) -> bool:
    """Whether the schedule follows the wall clock (cron, at) or the log clock (every)."""
    return schedule.every is None


def next_after(schedule: Schedule, after: Micros, zone: str = "UTC") -> Micros | None:
    """The first occurrence later than `after`; None when there is none. For `every`, `after` is an occurrence."""
    if schedule.every is not None:
        return after + schedule.every
    if schedule.at:
        return min((time for time in map(_at, schedule.at) if time > after), default=None)
    return _cron_after(schedule.cron or "", ZoneInfo(schedule.timezone or zone), after)


def effective(schedule: Schedule, name: tuple[str, str], due: Micros) -> Micros:
    """When the occurrence really fires: `due` and its jitter, the same wherever it is computed."""
    if not schedule.jitter:
        return due
    return due + int.from_bytes(digest((*name, str(due)), 8), "big") % schedule.jitter


def collect(schedule: Schedule, name: tuple[str, str], due: Micros, now: Micros, zone: str = "UTC") -> Due:
    """What happens when occurrences from `due` on have come by `now` (a log time, or the wall clock of a tick)."""
    passed: list[Micros] = []
    count = 0
    following: Micros | None = due
    if schedule.every is not None and now - due > _MOST * schedule.every:
        count = (now - due) // schedule.every - _MOST
        following = due + count * schedule.every
    while following is not None and effective(schedule, name, following) <= now:
        passed.append(following)
        if len(passed) > _MOST:
            del passed[0]
            count += 1
        following = next_after(schedule, following, zone)
    fire = _chosen(schedule, passed, now)
    return Due(fire, count + len(passed) - len(fire), following)


def _chosen(schedule: Schedule, passed: list[Micros], now: Micros) -> tuple[Micros, ...]:
    if schedule.missed == "all":
        return tuple(time for time in passed if now - time <= schedule.max_late)
    newest = passed[-1:]
    allowed = GRACE + schedule.jitter if schedule.missed == "skip" else schedule.max_late
    return tuple(time for time in newest if now - time <= allowed)


def _at(text: str) -> Micros:
    return to_micros(parse_time(text))


def _cron_after(cron: str, zone: ZoneInfo, after: Micros) -> Micros | None:
    moment = from_micros(after)
    local = moment.astimezone(zone).replace(tzinfo=None, fold=0)
    if (moment - _NEAR).astimezone(zone).utcoffset() != (moment + _NEAR).astimezone(zone).utcoffset():
        local -= _NEAR
    for candidate in CronSim(cron, local):
        found = to_micros(_existing(candidate, zone))
        if found > after:
            return found
    return None


def _existing(local: datetime, zone: ZoneInfo) -> datetime:
    """The moment of a local time: its first coming, or the next local minute that exists."""
    while True:
        moment = local.replace(tzinfo=zone).astimezone(UTC)
        if moment.astimezone(zone).replace(tzinfo=None) == local:
            return moment
        local += _MINUTE
