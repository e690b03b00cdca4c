"""`eventflow init`: a first project that works: settings, a workflow, an event to send, schemas for the editor."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eventflow.cli.doors import Door, options
from eventflow.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable

NAMES = {"gitignore": ".gitignore"}
"""A file whose name means something to tools is kept under another one."""
SCHEMAS = ("workflow", "detector", "settings")


@click.command()
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path))
@options
def command(door: Door, folder: Path) -> None:
    """Make a first project in DIR (default: here). Nothing that is there is overwritten."""
    files = dict(_files()) | {f".schema/{kind}.json": _schema(kind) for kind in SCHEMAS}
    there = sorted(name for name in files if (folder / name).exists())
    if there:
        raise Conflict(f"{folder / there[0]} is there already, and nothing was written; choose an empty directory")
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    if door.as_json:
        door.print_json({"written": sorted(files)})
        return
    for name in sorted(files):
        click.echo(f"  {folder / name}" if str(folder) != "." else f"  {name}")
    into = f"  cd {folder}\n" if str(folder) != "." else ""
    click.echo(
        f"\nNext:\n{into}"
        "  eventflow validate                       are the documents right?\n"
        "  eventflow test                           do they do what their tests say?\n"
        "  eventflow serve                          run it (and in another terminal:)\n"
        "  eventflow emit events/big_order.json     send an event\n"
        "  eventflow explain order-1                what did it do, and why?\n"
        "  eventflow tail                           follow everything that happens"
    )


def _files() -> Iterator[tuple[str, str]]:
    def walk(place: Traversable, before: str) -> Iterator[tuple[str, str]]:
        for one in sorted(place.iterdir(), key=lambda one: one.name):
            name = before + NAMES.get(one.name, one.name)
            if one.is_dir():
                yield from walk(one, f"{name}/")
            else:
                yield name, one.read_text(encoding="utf-8")

    return walk(resources.files("eventflow.cli.scaffold") / "files", "")


def _schema(kind: str) -> str:
    from eventflow.cli.schema import _schema as made  # the verb beside us

    return json.dumps(made(kind), ensure_ascii=False) + "\n"
