"""The command line: one file per verb, loaded when the verb is used, so that `--help` stays quick.

Exit codes: 0 done, 1 the thing asked about failed, 2 wrong use, 3 no server, 130 after a second Ctrl-C.
"""

from __future__ import annotations

import difflib
import sys
from importlib import import_module
from pathlib import Path

import click
from click.shell_completion import CompletionItem

ALL = {
    "serve": "Run eventflow here: take events in, decide, run workflows.",
    "demo": "Watch eventflow work on recorded events; nothing to set up.",
    "init": "Make a first project: settings, a workflow, an event to send.",
    "emit": "Send an event: a file, standard input, or a type with --data.",
    "tail": "Follow events and what comes of them, as it happens.",
    "explain": "Why an event started a run or did not; what a run did and why.",
    "execute": "Start a workflow by hand and wait for its end.",
    "orchestrate": "The same for a workflow under orchestration/.",
    "pipeline": "The same for a workflow under pipelines/.",
    "status": "What is running, and which workflows are enabled.",
    "stop": "Cancel a run, or all open runs of a workflow.",
    "pause": "Hold a run, or all open runs of a workflow, before the next step.",
    "resume": "Let a paused run, or all of a workflow, go on.",
    "rerun": "Run a run again, from its start or from a step.",
    "approve": "Answer a question that a run asks.",
    "history": "Past runs, newest first; or the journal of one run.",
    "partition": "Where the log's partitions stand; let one that lost records go on.",
    "validate": "Check workflows: every problem with its place and advice.",
    "test": "Run the tests that stand in workflows; try one on a recorded event.",
    "fmt": "Write workflows in the short form.",
    "backtest": "What a workflow would have done with the events that are stored.",
    "replay": "Decide stored events again.",
    "detect": "Try a detector on a file or on the stored events.",
    "insight": "What the journal teaches: rates, bottlenecks, suggestions.",
    "docs": "Where a topic or the code of a problem is explained.",
    "components": "Which sources, detectors, actions, buses and stores there are.",
    "schema": "The JSON Schema of documents, for editors.",
    "config": "The settings in force and where each comes from.",
    "token": "Make, list and revoke access tokens.",
    "slack": "The manifest of a Slack app.",
    "doctor": "Look whether this machine and these settings are sound.",
    "backup": "Copy log and store of a running or stopped eventflow.",
    "completion": "Completion for bash, zsh or fish.",
}
"""Every verb and its one line, known without loading the verb; a verb is there as soon as its file is."""

HERE = Path(__file__).parent
VERBS = {verb: line for verb, line in ALL.items() if (HERE / f"{verb}.py").exists() or (HERE / verb).is_dir()}


class Verbs(click.Group):
    """Loads `eventflow.cli.<verb>` on use; a mistyped verb is answered with the nearest one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of `ALL`."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command object of a verb, from its own file."""
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(f"eventflow.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with a suggestion."""
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], VERBS, n=1, cutoff=0.5)
            if args[0] in ALL:
                hint = ": this version does not have it yet"
            else:
                hint = f"; did you mean {near[0]!r}?" if near else "; see eventflow --help"
            raise click.UsageError(f"no verb {args[0]!r}{hint}", ctx)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Verbs with their lines, without loading any; flags as click does."""
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        return [CompletionItem(verb, help=line) for verb, line in VERBS.items() if verb.startswith(incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of verbs, without loading any."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.command(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--config", type=click.Path(), help="Settings file. Default: ./eventflow.yaml where there is one.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON, for programs.")
@click.version_option(package_name="eventflow-router", prog_name="eventflow", message="%(prog)s %(version)s")
@click.pass_context
def group(ctx: click.Context, config: str | None, as_json: bool) -> None:
    """Turns events into action: takes in webhooks, alerts and messages, decides which matter, runs workflows."""
    ctx.obj = {"config": config, "json": as_json}


def main() -> None:
    """The console script. Errors of ours are one clear line (with `--json` one JSON object), never a traceback."""
    from eventflow.cli.failures import tell
    from eventflow.errors import EventflowError

    try:
        code = group(prog_name="eventflow", standalone_mode=False)
    except (click.ClickException, click.Abort, EventflowError, BrokenPipeError) as error:
        sys.exit(tell(error, as_json="--json" in sys.argv[1:]))
    sys.exit(code if isinstance(code, int) else 0)
