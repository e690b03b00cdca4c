"""`eventflow tail`: events and what came of them, as it happens."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import click

from eventflow import ports
from eventflow.cli import ids, show
from eventflow.cli.doors import Answered, Door, NoServer, options
from eventflow.model.event import format_time, from_micros, parse_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WAIT = 20
"""Seconds that one request waits for news."""
AGAIN = 1.0
"""Seconds until a log that did not answer is asked again."""
RUN = "eventflow.run."


@click.command()
@click.option(
    "--since", help="Begin so long ago (10m, 2h) or at a time (RFC 3339). Default: now; with --no-follow an hour ago."
)
@click.option("--type", "type_", metavar="GLOB", help="Only events of these types or kinds: 'git.*'.")
@click.option("--source", metavar="GLOB", help="Only events of these sources.")
@click.option("--workflow", shell_complete=ids.workflows, help="Only what this workflow made of them, and its runs.")
@click.option("--limit", type=click.IntRange(1), help="End after so many.")
@click.option("--no-follow", "stop", is_flag=True, help="End when all that is there has been told.")
@options
def command(
    door: Door, since: str | None, type_: str | None, source: str | None, workflow: str | None, limit: int | None,
    stop: bool,
) -> None:  # fmt: skip
    """Follow events, the outcome of every trigger that selects them, and runs, until Ctrl-C.

    With --json one JSON object a line: {"event": {…}, "outcomes": […]}. Runs are events too (`eventflow.run.*`).
    """
    wanted = _chooser(type_, source, workflow)
    left = limit
    try:
        for item in _items(door, since_time(since or ("1h" if stop else None)), follow=not stop):
            if not wanted(item):
                continue
            _print(item, workflow, as_json=door.as_json)
            left = left - 1 if left is not None else None
            if left == 0:
                return
    except KeyboardInterrupt:
        return


def since_time(since: str | None) -> str | None:
    """A time of the API for `--since`: so long ago, or a time. Raises `click.UsageError`."""
    if since is None:
        return None
    from eventflow.catalog import durations

    ago = durations.parse(since)
    if ago is not None:
        return format_time((from_micros(ports.wall()) - timedelta(microseconds=ago)).astimezone(UTC))
    try:
        return format_time(parse_time(since))
    except ValueError:
        raise click.UsageError(
            f"--since {since!r}: write 10m, 2h, 1d, or a time such as 2026-05-01T08:00:00Z"
        ) from None


def _items(door: Door, since: str | None, *, follow: bool) -> Iterator[dict[str, Any]]:
    """All items from there on, for ever. A server that goes away ends it, as `NoServer`; a log that does, does not."""
    query: dict[str, Any] = {"since": since} if since else {}
    if sys.stderr.isatty() and follow and not door.as_json:
        click.echo("following; Ctrl-C ends it", err=True)
    told = False
    while True:
        try:
            wait = WAIT if follow and "after" in query else 0
            page = door.request("GET", "/feed", query={**query, "wait": wait, "limit": 200})
        except NoServer:
            if "after" in query:
                raise NoServer(
                    "the eventflow that was followed has gone away; start it again and follow anew"
                ) from None
            raise
        except Answered as refusal:
            if refusal.status != 503 or "after" not in query:
                raise
            if not told:
                click.echo(f"waiting: {refusal}", err=True)
            told = True
            time.sleep(AGAIN)  # noqa: TID251 - a command line waits for real
            continue
        told = False
        yield from page["items"]
        if not follow and page["next"] == query.get("after"):
            return
        query = {"after": page["next"]}


def _chooser(type_: str | None, source: str | None, workflow: str | None) -> Callable[[dict[str, Any]], bool]:
    def wanted(item: dict[str, Any]) -> bool:
        event = item["event"]
        names = [name for name in (event["type"], event["kind"]) if name]
        sources = [event["source"], event["extensions"].get("sourcename") or event["source"]]
        data = event["data"] if isinstance(event["data"], dict) else {}
        theirs = {one["workflow"] for one in item["outcomes"]} | {data.get("workflow") if _is_ours(event) else None}
        return (
            (type_ is None or any(fnmatchcase(name, type_) for name in names))
            and (source is None or any(fnmatchcase(name, source) for name in sources))
            and (workflow is None or workflow in theirs)
        )

    return wanted


def _is_ours(event: dict[str, Any]) -> bool:
    return bool(event["source"] == "eventflow")


def _print(item: dict[str, Any], workflow: str | None, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(item, ensure_ascii=False))
        return
    event = item["event"]
    data = event["data"] if isinstance(event["data"], dict) else {}
    at = show.moment(event["logged"])
    if _is_ours(event) and event["type"].startswith(RUN) and "status" in data:
        click.echo(f"{at}  {data['run']}  {data['workflow']} #{data['number']}  {show.status(data)}")
    elif _is_ours(event) and "by" in data:
        what = event["type"].removeprefix(RUN).removeprefix("eventflow.")
        said = " ".join(str(data[name]) for name in ("case", "from_step", "comment") if data.get(name))
        click.echo(
            f"{at}  {data.get('run') or data.get('workflow')}  {what} by {data['by']}{f': {said}' if said else ''}"
        )
    else:
        about = f"  {event['subject']}" if event["subject"] else ""
        what = click.style(event["type"], bold=True) if event["type"] else "no event"
        origin = f"  from {event['source']}" if event["source"] else ""
        click.echo(f"{at}  {event['handle']}  {what}{about}{origin}")
    if item["dead"]:
        click.echo(f"    dead letter: {item['dead']}")
    for outcome in item["outcomes"]:
        if workflow is None or outcome["workflow"] == workflow:
            click.echo("    " + show.outcome_line(outcome))
