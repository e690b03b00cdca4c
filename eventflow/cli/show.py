"""How runs, times and journals look on a terminal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

COLOURS = {
    "succeeded": "green", "failed": "red", "cancelled": "yellow", "suppressed": "bright_black",
    "running": "cyan", "waiting": "blue", "queued": "magenta", "paused": "yellow",
}  # fmt: skip


def moment(value: Any) -> str:
    """A time of the API (RFC 3339 text or microseconds) as local date and time."""
    if value is None:
        return "-"
    if isinstance(value, int):
        when = datetime.fromtimestamp(value / 1_000_000, UTC)
    else:
        when = datetime.fromisoformat(str(value))
    return when.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def short(text: str, most: int = 200) -> str:
    """At most so much of a text that a document or an event made."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text)} characters)"


def status(run: dict[str, Any]) -> str:
    """The status with its reason, coloured where the terminal can."""
    text = run["status"] + (f" ({run['reason']})" if run.get("reason") else "")
    return click.style(text, fg=COLOURS.get(run["status"]))


def run_line(run: dict[str, Any]) -> str:
    """One run in one line."""
    key = f"  key={run['key']}" if run.get("key") else ""
    started_by = run["trigger"] or "by hand"
    return f"{moment(run['created'])}  {run['id']}  {run['workflow']} <- {started_by}{key}  {status(run)}"


def beyond_line(one: dict[str, Any]) -> str:
    """Dead letters that were not kept, in one line."""
    whose = f"{one['workflow']} / {one['trigger']}" if one["workflow"] else "whole records"
    since = f"from {moment(one['first'])} to {moment(one['last'])}"
    return f"{one['count']} more of {whose}, {since}, were counted and not kept (limits.dead_letters)"


def outcome_line(outcome: dict[str, Any]) -> str:
    """What one trigger made of an event, in one line."""
    fired = outcome["reason"] == "fired"
    mark = click.style("fired", fg="green") if fired else click.style(f"{outcome['stage']}: no", fg="yellow")
    sentence = outcome["sentence"].removeprefix("It fired; ").removeprefix("It fired, and ")
    return f"{outcome['workflow']} / {outcome['trigger']}  {mark}  {sentence}"
