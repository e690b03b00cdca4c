"""The reference page of the command line, made from the verbs themselves.

python -m eventflow.cli.reference > docs/reference/cli.md
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import click

from eventflow.cli import VERBS, group

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD = """# Command line

This page is made from the code; a test holds it equal.

`eventflow VERB …`; `--config FILE` and `--json` stand before or after the verb. Without `--config` the settings are
`$EVENTFLOW_CONFIG` or `./eventflow.yaml` where there is one. Verbs talk to the running server over the Unix socket in
its data directory, which only its user can open.

With `--json` the answer is the API's own body on standard output; fields are only ever added. An error is one object on
standard error, and standard output stays empty:

```json
{"error": {"code": "no-server", "message": "no eventflow is running on .eventflow", "advice": "start one with …"}}
```

| exit code | |
|---|---|
| 0 | done |
| 1 | the thing asked about failed: a run, a check, an id that is not there |
| 2 | wrong use: a verb, flag or value that cannot be |
| 3 | no server runs here |
| 130 | ended by Ctrl-C; of `serve` by the second one (the first finishes what is in hand) |
"""
SHARED = frozenset(("config", "as_json", "help"))


def reference() -> str:
    """The page."""
    parts = [HEAD]
    for verb in VERBS:
        command = group.get_command(click.Context(group), verb)
        assert command is not None  # noqa: S101 - it is in the table
        parts += _command(f"eventflow {verb}", command)
    return "\n".join(parts) + "\n"


def _command(path: str, command: click.Command) -> Iterator[str]:
    yield f"## {path}\n"
    if isinstance(command, click.Group):
        yield f"{_prose(command)}\n"
        for name, inner in command.commands.items():
            yield from (text.replace("## ", "### ", 1) for text in _command(f"{path} {name}", inner))
        return
    context = click.Context(command, info_name=path)
    yield f"    {path} {' '.join(command.collect_usage_pieces(context))}\n"
    yield f"{_prose(command)}\n"
    rows = [_row(one) for one in command.params if isinstance(one, click.Option) and one.name not in SHARED]
    if rows:
        yield "\n".join(["| flag | |", "|---|---|", *rows]) + "\n"


def _prose(command: click.Command) -> str:
    text = inspect.cleandoc(command.help or "").replace("\f", "")
    return text.replace("<", "&lt;")


def _row(option: click.Option) -> str:
    value = ""
    if not option.is_flag:
        kind = option.metavar or (
            "|".join(map(str, option.type.choices)) if isinstance(option.type, click.Choice) else ""
        )
        value = f" {kind or option.type.name.upper()}"
    flags = ", ".join(f"`{one}{value}`" for one in (*option.opts, *option.secondary_opts))
    default = f" Default: {option.default}." if option.show_default and option.default is not None else ""
    return f"| {flags} | {(option.help or '').replace('|', chr(92) + '|')}{default} |"


if __name__ == "__main__":
    import sys

    sys.stdout.write(reference())
