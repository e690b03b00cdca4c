"""Workflows and detectors: whether there are any, and whether any is held back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventflow.cli.doctor.bench import Bench, Finding, fail, ok, warn

if TYPE_CHECKING:
    from collections.abc import Iterator

SHOWN = 5


def checks(bench: Bench) -> Iterator[Finding]:
    """What the folders hold, read as a start would."""
    if bench.settings is None:
        return
    from eventflow.app.workflows import Workflows

    folders = ", ".join(map(str, bench.settings.workflows))
    loaded = Workflows(bench.settings).read()
    held = [one for one in loaded.problems if one.holds]
    for one in held[:SHOWN]:
        yield fail("workflows", str(one), f"eventflow docs {one.code}")
    if len(held) > SHOWN:
        yield fail("workflows", f"{len(held) - SHOWN} further problems hold workflows back", "eventflow validate")
    warnings = sum(1 for one in loaded.problems if one.severity == "warning" and not one.holds)
    if not loaded.workflows and not held:
        yield warn("workflows", f"there are none in {folders}", "eventflow init makes a first one")
    elif not held:
        tail = f", {warnings} warnings (eventflow validate)" if warnings else ""
        yield ok("workflows", f"{len(loaded.workflows)} can be put into force{tail}")
