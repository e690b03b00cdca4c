"""Schedules at clock changes, with jitter, and after an outage."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventflow.model.event import from_micros, to_micros
from eventflow.model.workflow import Schedule
from eventflow.route import schedule

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE = 60_000_000


def local(text: str) -> int:
    return to_micros(datetime.fromisoformat(text))


def first(cron: str, start: str, count: int, zone: str = "Europe/Berlin") -> list[str]:
    spec, at, found = Schedule(cron=cron, timezone=zone), local(start), []
    for _ in range(count):
        at = schedule.next_after(spec, at)
        found.append(from_micros(at).astimezone(ZoneInfo(zone)).isoformat(timespec="minutes"))
    return found


def test_a_time_that_does_not_exist_runs_at_the_next_minute_that_does():
    assert first("30 2 * * *", "2026-03-28T12:00+01:00", 2) == ["2026-03-29T03:00+02:00", "2026-03-30T02:30+02:00"]


def test_times_that_do_not_exist_meet_in_one_run():
    found = first("*/15 2,3 * * *", "2026-03-29T00:00+01:00", 3)
    assert found == ["2026-03-29T03:00+02:00", "2026-03-29T03:15+02:00", "2026-03-29T03:30+02:00"]


@pytest.mark.parametrize("cron", ["30 2 * * *", "30 * * * *"])
def test_a_repeated_hour_runs_once(cron):
    found = first(cron, "2026-10-25T01:45+02:00", 2)
    assert found[0] == "2026-10-25T02:30+02:00"
    assert not found[1].startswith("2026-10-25T02")


def test_another_zone_with_half_an_hour():
    found = first("15 2 * * *", "2026-10-03T12:00+10:30", 2, "Australia/Lord_Howe")
    assert found == ["2026-10-04T02:30+11:00", "2026-10-05T02:15+11:00"]


@given(st.integers(0, 3 * 365 * 24 * 60), st.sampled_from(["*/20 * * * *", "30 2 * * *", "0 0 * * 1", "7 1-3 * * *"]))
def test_next_goes_on_and_skips_nothing(minutes, cron):
    start = local("2025-01-01T00:00+01:00") + minutes * MINUTE
    spec = Schedule(cron=cron, timezone="Europe/Berlin")
    found = schedule.next_after(spec, start)
    assert found > start
    between = start + (found - start) // 2
    assert schedule.next_after(spec, between) == found
    assert schedule.next_after(spec, found - 1) == found


def test_at_runs_each_time_once_and_then_never():
    spec = Schedule(at=("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"))
    one = schedule.next_after(spec, 0)
    two = schedule.next_after(spec, one)
    assert from_micros(one).day == 1
    assert from_micros(two).day == 2
    assert schedule.next_after(spec, two) is None


@given(st.integers(0, 10**15), st.integers(1, 10**9))
def test_jitter_is_the_same_everywhere_and_bounded(due, jitter):
    spec = Schedule(every=MINUTE, jitter=jitter)
    assert due <= schedule.effective(spec, ("w", "t"), due) < due + jitter
    assert schedule.effective(spec, ("w", "t"), due) == schedule.effective(spec, ("w", "t"), due)


@pytest.mark.parametrize(
    ("missed", "late_by", "fired"),
    [("once", 0, 1), ("all", 0, 10), ("skip", 0, 1), ("skip", 2, 0), ("once", 2, 1), ("once", 90, 0), ("all", 55, 5)],
)
def test_what_becomes_of_missed_times(missed, late_by, fired):
    spec = Schedule(every=MINUTE, missed=missed, max_late=59 * MINUTE)
    due = 1000 * MINUTE
    if late_by:
        spec = Schedule(every=100 * MINUTE, missed=missed, max_late=59 * MINUTE)
        if missed == "all":
            spec = Schedule(every=MINUTE, missed=missed, max_late=59 * MINUTE)
            found = schedule.collect(spec, ("w", "t"), due, due + 100 * MINUTE)
            assert len(found.fire) == 60
            assert found.late == 41
            return
        found = schedule.collect(spec, ("w", "t"), due, due + late_by * MINUTE)
        assert (len(found.fire), found.late) == (fired, 1 - fired)
        return
    found = schedule.collect(spec, ("w", "t"), due, due + 9 * MINUTE)
    assert (len(found.fire), found.late) == (fired, 10 - fired)
    assert found.fire[-1:] == (due + 9 * MINUTE,)
    assert found.next == due + 10 * MINUTE
