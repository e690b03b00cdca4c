"""`eventflow fmt`: workflows in their canonical form; comments, quotes and line breaks stay."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from eventflow.cli.doors import Door, options


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Change nothing; exit code 1 when something would be changed.")
@options
def command(door: Door, paths: tuple[Path, ...], check: bool) -> None:
    """Put workflow documents into one order of keys and their steps into the short form.

    PATHS are files and folders; without them the folders of the settings. Whole lines are moved, so comments, quotes
    and line breaks stay as they were. A document that cannot be read is left alone and named.
    """
    from eventflow import settings
    from eventflow.app.documents import workflow_files
    from eventflow.catalog.canonical import canonical

    changed, unread, count = [], [], 0
    for file, id_ in workflow_files(settings.load(door.config), paths):
        count += 1
        before = _read(file)
        after = canonical(before, id_) if before is not None else None
        if after is None:
            unread.append(str(file))
        elif after != before:
            changed.append(str(file))
            if not check:
                _write(file, after)
    _say(door, changed, unread, count, check=check)
    if unread or (check and changed):
        sys.exit(1)


def _read(file: Path) -> str | None:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return None


def _say(door: Door, changed: list[str], unread: list[str], count: int, *, check: bool) -> None:
    if door.as_json:
        door.print_json({"documents": count, "changed": changed, "unread": unread, "written": not check})
        return
    for file in changed:
        click.echo(f"{file}: {'would be changed' if check else 'changed'}")
    for file in unread:
        click.echo(f"{file}: cannot be read, left as it is; 'eventflow validate {file}' says why", err=True)
    click.echo(f"{count} document{'s' if count != 1 else ''}, {len(changed)} {'to change' if check else 'changed'}")


def _write(file: Path, text: str) -> None:
    """Write beside and rename, so that nobody reads half a document; the file keeps its mode."""
    beside = file.with_name(f".{file.name}.new")
    beside.write_bytes(text.encode())
    beside.chmod(file.stat().st_mode & 0o7777)
    beside.replace(file)
