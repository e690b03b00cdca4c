"""The system and what is installed."""

from __future__ import annotations

import platform
import resource
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

import apsw

from eventflow.cli.doctor.bench import Bench, Finding, fail, ok, warn

if TYPE_CHECKING:
    from collections.abc import Iterator

OLDEST_SQLITE = (3, 51)
EXTRAS = {"kafka": ("aiokafka", "cramjam"), "ml": ("numpy", "sklearn")}
"""Extra → the modules that it brings."""
BESIDE = 200
"""Files that are open beside connections: segments, calls, logs."""


def checks(bench: Bench) -> Iterator[Finding]:
    """Platform, SQLite, extras, the limit of open files."""
    if sys.platform != "linux":
        yield warn("system", f"{platform.system()} is not tested", "use Linux where it matters")
    else:
        yield ok("system", f"Python {platform.python_version()} on {platform.system()}")
    version = apsw.sqlite_lib_version()
    if tuple(map(int, version.split(".")[:2])) < OLDEST_SQLITE:
        yield fail("sqlite", f"version {version} has known faults in its write-ahead log", "pip install -U apsw")
    else:
        yield ok("sqlite", f"version {version}")
    there = [name for name, modules in EXTRAS.items() if all(find_spec(one) is not None for one in modules)]
    if bench.settings is not None and bench.settings.bus.type == "kafka" and "kafka" not in there:
        yield fail("extras", "bus is Kafka and the extra is missing", "pip install 'eventflow-router[kafka]'")
    else:
        yield ok("extras", f"installed: {', '.join(there) or 'none, core only'}")
    yield _files(bench)


def _files(bench: Bench) -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = (bench.settings.limits.connections if bench.settings is not None else 1000) + BESIDE
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        advice = f"ulimit -n {most}, or LimitNOFILE= of systemd"
        return warn("open files", f"at most {soft}, and {wanted} may be needed (limits.connections)", advice)
    return ok("open files", f"at most {soft}")
