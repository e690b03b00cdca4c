"""`eventflow config`: the settings in force and where each comes from."""

from __future__ import annotations

from typing import Any

import click

from eventflow.cli.doors import Choice, Door, options


@click.group(cls=Choice)
def command() -> None:
    """The settings in force."""


@command.command()
@click.option("--origin", is_flag=True, help="Say where each value comes from.")
@options
def show(door: Door, origin: bool) -> None:
    """Print every setting; secrets are shown as ***."""
    from eventflow import settings

    loaded = settings.load(door.config)
    values = loaded.model_dump(mode="json")
    if door.as_json:
        door.print_json(values)
        return
    for key, value in _flat(values):
        tail = f"    # {loaded.origin(key)}" if origin else ""
        click.echo(f"{key}: {value}{tail}")


def _flat(values: dict[str, Any], before: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in values.items():
        key = f"{before}{name}"
        found += _flat(value, key + ".") if isinstance(value, dict) and value else [(key, value)]
    return found
