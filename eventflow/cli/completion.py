"""`eventflow completion`: the lines that make a shell complete verbs, flags and ids."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")
PLACES = {
    "bash": 'eval "$(eventflow completion bash)"          # in ~/.bashrc',
    "zsh": 'eval "$(eventflow completion zsh)"           # in ~/.zshrc, after compinit',
    "fish": "eventflow completion fish | source          # in ~/.config/fish/config.fish",
}


@click.command(epilog="\b\n" + "\n".join(PLACES.values()))
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print what makes SHELL complete verbs, flags, workflows, runs in progress and events.

    Ids come from the running eventflow of the current directory (or --config).
    """
    found = get_completion_class(shell)
    assert found is not None  # noqa: S101 - the choice above has only those
    click.echo(found(ctx.find_root().command, {}, "eventflow", "_EVENTFLOW_COMPLETE").source())
