"""`eventflow emit`: send events into the running eventflow."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eventflow import ports
from eventflow.cli.doors import Answered, Door, options, part

if TYPE_CHECKING:
    from collections.abc import Iterator

FEW = 20
"""So many events are told one by one."""
HANDLE = re.compile(r"\bevt_[a-z2-7]+")


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
    answer["events"] = list(_places(door, events))
    if door.as_json:
        door.print_json(answer)
        return
    _say(answer, events)


def _say(answer: dict[str, Any], events: list[Any]) -> None:
    known = f", {answer['duplicates']} known already" if answer.get("duplicates") else ""
    click.echo(f"accepted {answer['accepted']} event{'s' if answer['accepted'] != 1 else ''}{known}")
    for one in answer["events"]:
        click.echo(f"  {one['handle']}  {one['type']}  id {one['id']}")
    if len(events) == 1 and answer["events"]:
        click.echo(f"see what it did: eventflow explain {answer['events'][0]['handle']}")


def _places(door: Door, events: list[Any]) -> Iterator[dict[str, Any]]:
    """Where the events lie now; of many nothing, for each has to be looked for."""
    for event in events if len(events) <= FEW else []:
        try:
            found = door.request("GET", f"/events/{part(str(event.get('id', '')))}")
        except Answered as error:  # several have this id: of different sources, or sent again after a restart
            several = [door.request("GET", f"/events/{handle}") for handle in HANDLE.findall(str(error))]
            found = next((one for one in several if one["source"] == event.get("source")), None)
        if found is not None:
            yield {name: found[name] for name in ("handle", "id", "source", "type")}


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
