"""`eventflow components`: what can be used in documents and settings, and what would have to be installed first."""

from __future__ import annotations

import click
import msgspec

from eventflow.cli.doors import Door, options


@click.command()
@click.argument("kind", required=False)
@options
def command(door: Door, kind: str | None) -> None:
    """List every source, action, detector, bus and store, built in or of a plugin; or only those of one KIND."""
    from eventflow.app.components import components

    found = components()
    kinds = list(dict.fromkeys(one.kind for one in found))
    if kind is not None:
        meant = [word for word in kinds if kind in {word, f"{word}s", f"{word}es"}]
        if not meant:
            raise click.UsageError(f"there is no kind {kind!r}; there are: {', '.join(kinds)}")
        found = [one for one in found if one.kind == meant[0]]
    if door.as_json:
        door.print_json({"components": [msgspec.to_builtins(one) for one in found]})
        return
    width = max((len(one.name) for one in found), default=0)
    for word in kinds:
        of_kind = [one for one in found if one.kind == word]
        if of_kind:
            click.echo(click.style(word, bold=True))
        for one in of_kind:
            again = {True: "  (idempotent)", False: "  (not idempotent)"}.get(one.idempotent)  # type: ignore[arg-type]
            click.echo(f"  {one.name:{width}}  {one.about}{again or ''}")
            if one.unavailable:
                click.echo(f"  {'':{width}}  {click.style('unavailable', fg='yellow')}: {one.unavailable}")
