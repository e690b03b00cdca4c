"""`eventflow backup`: a copy of everything that eventflow keeps, of one that runs or of one that does not."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eventflow.cli.doors import Door, NoServer, options

if TYPE_CHECKING:
    from eventflow.app.backup import Backup

HOURS = 6 * 3600.0


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--check", "checking", is_flag=True, help="Hold a backup in DIR against its list instead of making one.")
@options
def command(door: Door, folder: Path, checking: bool) -> None:
    """Copy log, store and tokens into DIR, a new folder, consistent with each other.

    The copy looks like a data directory. To restore it: stop eventflow, move the old data directory away, copy DIR to
    its place, start. Workflows and settings are files of yours and not part of it.
    """
    from eventflow.app import backup

    if checking:
        _say(door, backup.check(folder), folder, "is whole")
        return
    backup.empty(folder)
    try:
        made = Path(door.request("POST", "/backup", {}, patience=HOURS)["folder"])
    except NoServer:
        made = asyncio.run(_alone(door)).folder
    _move(made, folder)
    _say(door, backup.check(folder), folder, "made")


async def _alone(door: Door) -> Backup:
    """Without a server: hold the data directory for as long as it takes."""
    from eventflow import settings
    from eventflow.app.backup import backup
    from eventflow.app.rooms import build_bus, build_store
    from eventflow.disk import Hold
    from eventflow.errors import NotFound

    chosen = settings.load(door.config)
    place = door.data_dir
    if not (place / "store.db").exists():
        raise NotFound(f"there is no data in {place}; name the settings file with --config, or run it where it lies")
    hold = Hold(place)
    hold.take()
    bus, store = build_bus(chosen), build_store(chosen)
    try:
        await bus.open()
        await store.open()
        return await backup(bus, store, place, place / "backups")
    finally:
        for part in (store, bus):
            await part.close()
        hold.release()


def _move(made: Path, folder: Path) -> None:
    """Out of the data directory, which may lie on another disk."""
    for one in made.iterdir():
        shutil.move(one, folder / one.name)
    made.rmdir()


def _say(door: Door, found: Backup, folder: Path, what: str) -> None:
    if door.as_json:
        body: dict[str, Any] = {"folder": str(folder), "made": found.made, "files": list(found.files)}
        door.print_json(body | {"bytes": found.bytes, "left_out": found.left_out})
        return
    click.echo(f"backup {what}: {folder}, {len(found.files)} files, {found.bytes / 1e6:.1f} MB, of {found.made[:19]}Z")
    for part in found.left_out:
        click.echo(f"  the {part} is kept elsewhere and not in it; back it up there")
