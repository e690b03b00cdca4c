"""Time zones by name, looked up once each."""

from __future__ import annotations

from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from eventflow.catalog.spelling import nearest


@cache
def is_zone(name: str) -> bool:
    """Whether the IANA database has it."""
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        return False
    return True


def like(name: str) -> str:
    """The zone that was probably meant."""
    last = name.rpartition("/")[2]
    zones = available_timezones()
    close = nearest(name, zones) or next(
        (zone for zone in sorted(zones) if zone.rpartition("/")[2].lower() == last.lower()), None
    )
    return f"did you mean '{close}'?" if close else "write for instance Europe/Berlin or UTC"
