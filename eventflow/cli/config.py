"""`eventflow config`: the settings in force and where each comes from."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import click

from eventflow.cli.doors import Choice, Door, options

if TYPE_CHECKING:
    from collections.abc import Iterator

HIDDEN = "***"
LOG_IN = re.compile(r"//[^/@\s]*@")
"""User and password in a URL."""
SECRET = re.compile(r"password|secret$|passwd|api_?key", re.IGNORECASE)


@click.group(cls=Choice)
def command() -> None:
    """The settings in force."""


@command.command()
@click.option("--origin", is_flag=True, help="Say where each value comes from.")
@click.option("--changed", is_flag=True, help="Only what is not the default.")
@options
def show(door: Door, origin: bool, changed: bool) -> None:
    """Print every setting; secrets are shown as where they come from, never as what they are."""
    from eventflow import settings

    loaded = settings.load(door.config)
    values = _hidden(loaded.model_dump(mode="json"))
    lines = [(key, value, loaded.origin(key)) for key, value in _flat(values)]
    if changed:
        lines = [line for line in lines if line[2] != "default"]
    if door.as_json:
        if origin or changed:
            door.print_json({key: {"value": value, "origin": come} for key, value, come in lines})
        else:
            door.print_json(values)
        return
    texts = [(f"{key}: {json.dumps(value, ensure_ascii=False)}", come) for key, value, come in lines]
    width = min(60, max((len(text) for text, _ in texts), default=0))
    for text, come in texts:
        tail = click.style(f"  # {come}", fg=None if come != "default" else "bright_black") if origin else ""
        click.echo(f"{text:{width}}{tail}" if origin else text)


def _hidden(value: Any) -> Any:
    """Without what looks like a secret where none may be: a source's own settings are not known here."""
    if isinstance(value, dict):
        return {name: HIDDEN if _is_secret(name, one) else _hidden(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_hidden(one) for one in value]
    return LOG_IN.sub(f"//{HIDDEN}@", value) if isinstance(value, str) else value


def _is_secret(name: str, value: Any) -> bool:
    return isinstance(value, str) and bool(SECRET.search(name)) and not value.startswith(("env:", "file:"))


def _flat(values: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        key = f"{before}{name}"
        if isinstance(value, dict) and value:
            yield from _flat(value, key + ".")
        else:
            yield key, value
