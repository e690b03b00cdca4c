"""The data directory: whose it is, who holds it, how much room there is, what a sync costs."""

from __future__ import annotations

import fcntl
import os
import statistics
import tempfile
from typing import TYPE_CHECKING

import msgspec

from eventflow import ports
from eventflow.cli.doctor.bench import Bench, Finding, fail, ok, warn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROUNDS = 21
SLOW = 0.02
"""Seconds for a sync, above which every acknowledgement is felt."""
SUSPECT = 0.000_03
"""Below it nothing can have reached a disk."""
LITTLE, TOO_LITTLE = 2 << 30, 128 << 20
AHEAD = 60.0


def checks(bench: Bench) -> Iterator[Finding]:
    """Rights, holder, room, the cost of a sync, the clock."""
    place = bench.data_dir
    if place is None:
        return
    yield from _rights(place)
    yield from _holder(place, running=bench.running)
    there = next(one for one in (place.absolute(), *place.absolute().parents) if one.exists())
    yield _room(there)
    if os.access(there, os.W_OK):
        yield _sync(there)
    yield _clock(place)


def _rights(place: Path) -> Iterator[Finding]:
    if not place.exists():
        yield ok("data_dir", f"{place} is not there yet; the first start makes it")
        return
    found = place.stat()
    if not place.is_dir():
        yield fail("data_dir", f"{place} is no directory", "choose another data_dir")
    elif found.st_uid != os.geteuid():
        yield fail("data_dir", f"{place} belongs to user {found.st_uid}", "run eventflow as that user")
    elif not os.access(place, os.R_OK | os.W_OK | os.X_OK):
        yield fail("data_dir", f"{place} cannot be written", f"chmod 700 {place}")
    elif found.st_mode & 0o077:
        yield warn("data_dir", f"others can look into {place}", f"chmod 700 {place}; the next start does it too")
    else:
        yield ok("data_dir", f"{place}, for this user only")


def _holder(place: Path, *, running: bool) -> Iterator[Finding]:
    lock = place / "lock"
    if not lock.exists():
        return
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            who = _who(file.read(4096))
            if running:
                yield ok("holder", f"{who} runs on it and answers")
            else:
                advice = "look at its log; if it hangs, end it: what was accepted is safe"
                yield fail("holder", f"{who} holds it and does not answer", advice)
            return
    yield ok("holder", "nobody holds it; eventflow is not running here")


def _who(text: bytes) -> str:
    try:
        found = msgspec.json.decode(text)
        return f"process {found['pid']}, started {found['since']},"
    except (msgspec.MsgspecError, KeyError, TypeError):
        return "another process"


def _room(there: Path) -> Finding:
    disk = os.statvfs(there)
    free = disk.f_bavail * disk.f_frsize
    text = f"{free / (1 << 30):.1f} GiB free on the disk of {there}"
    if free < TOO_LITTLE:
        return fail("room", text, "free some: eventflow refuses events when the disk is full")
    if free < LITTLE:
        return warn("room", text, "free some, or lower retention.size")
    return ok("room", text)


def _sync(there: Path) -> Finding:
    """The median of some syncs of 4 kB, which is what an acknowledgement waits for."""
    times = []
    try:
        with tempfile.NamedTemporaryFile(dir=there, prefix=".eventflow-doctor-", buffering=0) as file:
            for _ in range(ROUNDS):
                began = ports.boot()
                file.write(b"x" * 4096)
                os.fsync(file.fileno())
                times.append((ports.boot() - began) / ports.SECOND)
    except OSError as error:
        said = (error.strerror or str(error)).lower()
        return fail("sync", f"nothing can be written and synced in {there}: {said}", "mend the disk, or free some room")
    cost = statistics.median(times)
    text = f"a sync takes {cost * 1000:.2f} ms"
    if cost > SLOW:
        return warn("sync", text, "put data_dir on a quicker disk: no event is acknowledged before its sync")
    if cost < SUSPECT:
        return warn("sync", text, "this is memory, or a disk that lies: an accepted event may not survive a power cut")
    return ok("sync", text)


def _clock(place: Path) -> Finding:
    """A clock that was set back shows in files from the future."""
    newest = max((one.stat().st_mtime for one in place.glob("bus/*")), default=0.0)
    ahead = newest - ports.wall() / ports.SECOND
    if ahead > AHEAD:
        advice = "look at the clock (timedatectl); log time stands still until the clock has caught up"
        return warn("clock", f"the newest file of the log is {ahead:.0f} s ahead: the clock was set back", advice)
    return ok("clock", "not behind the log")
