"""`eventflow token`: make, list and revoke access tokens. They lie as hashes in the data directory."""

from __future__ import annotations

import click

from eventflow.cli.doors import Choice, Door, options


@click.group(cls=Choice)
def command() -> None:
    """Make, list and revoke access tokens."""


def _tokens(door: Door, *, make: bool = False) -> object:
    from eventflow.app.rooms import make_private
    from eventflow.web.tokens import Tokens

    if make:
        make_private(door.data_dir)
    return Tokens(door.data_dir / "tokens.json")


@command.command()
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, required=True, help="What it may; may be given several times.")
@options
def create(door: Door, name: str, scopes: tuple[str, ...]) -> None:
    """Make a token. It is shown this once; only a hash is kept."""
    secret = _tokens(door, make=True).create(name, scopes, made_by="local")  # type: ignore[attr-defined]
    if door.as_json:
        door.print_json({"name": name, "scopes": list(scopes), "token": secret})
    else:
        click.echo(secret)


@command.command("list")
@options
def list_(door: Door) -> None:
    """All tokens and what they may."""
    found = _tokens(door).list()  # type: ignore[attr-defined]
    if door.as_json:
        door.print_json({"items": [{"name": one.name, "scopes": list(one.scopes)} for one in found]})
        return
    for one in found:
        click.echo(f"{one.name}  {', '.join(one.scopes)}")


@command.command()
@click.argument("name")
@options
def revoke(door: Door, name: str) -> None:
    """End a token at once."""
    _tokens(door).revoke(name)  # type: ignore[attr-defined]
    if door.as_json:
        door.print_json({"revoked": name})
        return
    click.echo(f"revoked {name}")
