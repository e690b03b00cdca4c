"""`eventflow emit`: send events into the running eventflow."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from eventflow import ports
from eventflow.cli.doors import Door, options


@click.command()
@click.argument("what")
@click.option("--data", help="The event's data: JSON, or text.")
@click.option("--subject", help="What the event is about.")
@click.option("--source", default="cli", show_default=True, help="Where it comes from.")
@click.option("--id", "id_", help="Its id. Default: a new one.")
@options
def command(door: Door, what: str, data: str | None, subject: str | None, source: str, id_: str | None) -> None:
    """Send an event and wait until it is stored.

    WHAT is a file with CloudEvents (one JSON object, a JSON list, or one object a line), `-` for standard input, or the
    type of a new event: `eventflow emit order.created --data '{"total": 12}'`.
    """
    if what == "-" or Path(what).is_file():
        if data is not None or subject is not None:
            raise click.UsageError("--data and --subject make a new event; a file holds whole events")
        text = sys.stdin.read() if what == "-" else Path(what).read_text(encoding="utf-8")
        events = _parse(text, what)
    else:
        if "/" in what or " " in what or what.endswith((".json", ".ndjson", ".jsonl")):
            raise click.UsageError(f"there is no file {what!r}, and it is no type of an event such as order.created")
        new = {"specversion": "1.0", "id": id_ or ports.random_bytes(12).hex(), "source": source, "type": what}
        events = [new | ({"subject": subject} if subject else {}) | ({"data": _value(data)} if data else {})]
    body = "\n".join(json.dumps(event) for event in events).encode()
    answer = door.request("POST", "/events", body, headers={"Content-Type": "application/x-ndjson"})
    if door.as_json:
        door.print_json(answer)
        return
    known = f", {answer['duplicates']} of them known already" if answer.get("duplicates") else ""
    click.echo(f"accepted {answer['accepted']} event{'s' if answer['accepted'] != 1 else ''}{known}")
    if len(events) == 1:
        click.echo(f"see what it did: eventflow explain {events[0].get('id', '')}")


def _parse(text: str, place: str) -> list[Any]:
    try:
        whole = json.loads(text)
        return whole if isinstance(whole, list) else [whole]
    except ValueError:
        pass
    events = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                events.append(json.loads(line))
            except ValueError as error:
                raise click.UsageError(f"{place}:{number}: not JSON: {error}") from None
    if not events:
        raise click.UsageError(f"{place} holds no event; write one JSON object a line")
    return events


def _value(data: str) -> Any:
    try:
        return json.loads(data)
    except ValueError as error:
        if data.lstrip()[:1] in {"{", "["}:
            raise click.UsageError(f"--data is not JSON: {error}") from None
        return data
