"""`eventflow doctor`: is this machine, and are these settings, sound? Each line ok, warn or fail, with advice.

The checks are the modules beside this one: each has `checks(bench)`, which yields findings. A further file is a further
set of checks; those named in `FIRST` come first. Nothing is changed, and no server is needed.
"""

from __future__ import annotations

import pkgutil
import sys
from importlib import import_module
from typing import TYPE_CHECKING

import click

from eventflow.cli.doctor.bench import Bench, Finding, fail
from eventflow.cli.doors import Door, options

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST = ("configuration", "place", "machine", "doors", "documents")
COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}
NO_CHECKS = frozenset(("bench",))


@click.command()
@click.option("--quiet", is_flag=True, help="Only what is not ok.")
@options
def command(door: Door, quiet: bool) -> None:
    """Look at data directory, disk, ports, secrets, tokens, documents. Exit code 1 when something fails."""
    found = [one for one in examine(Bench(door)) if not quiet or one.level != "ok"]
    if door.as_json:
        door.print_json({"findings": [one.body() for one in found]})
    else:
        for one in found:
            _print(one)
    if any(one.level == "fail" for one in found):
        sys.exit(1)


def examine(bench: Bench) -> Iterator[Finding]:
    """The findings of every module, in order. A check that breaks is a finding, not the end."""
    names = [one.name for one in pkgutil.iter_modules(__path__) if one.name not in NO_CHECKS]
    for name in sorted(names, key=lambda name: (FIRST.index(name) if name in FIRST else len(FIRST), name)):
        try:
            yield from import_module(f"{__name__}.{name}").checks(bench)
        except Exception as error:  # noqa: BLE001 - the other checks go on
            yield fail(name, f"the check itself failed: {type(error).__name__}: {error}", "please report it")


def _print(one: Finding) -> None:
    advice = f"; {one.advice}" if one.advice else ""
    click.echo(f"{click.style(f'{one.level:4}', fg=COLOURS[one.level])}  {one.check:14} {one.sentence}{advice}")
