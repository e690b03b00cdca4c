"""`eventflow status`: what is not well, runs in progress, open questions, enabled workflows."""

from __future__ import annotations

from typing import Any

import click

from eventflow.cli import show
from eventflow.cli.doors import Door, options


@click.command()
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="How many runs to list.")
@options
def command(door: Door, limit: int) -> None:
    """What is not well, what is running now, what waits for a person, and which workflows are enabled."""
    health = door.request("GET", "/health")
    runs = list(door.items("/runs", limit=limit, query={"status": "queued,running,waiting,paused"}))
    questions = list(door.items("/approvals", limit=limit))
    workflows = list(door.items("/workflows", limit=10_000))
    problems = [one for one in door.items("/problems", limit=10_000) if one["severity"] != "note"]
    beyond = list(door.items("/dead/beyond", limit=10_000))
    if door.as_json:
        shown = {"runs": runs, "approvals": questions, "workflows": workflows, "problems": problems}
        door.print_json(shown | {"health": health, "dead_beyond": beyond})
        return
    for check, sentence in health["trouble"].items():
        click.echo(f"{click.style('not ready', fg='red')}: {check}: {sentence}")
    click.echo(f"runs in progress: {len(runs)}{' or more' if len(runs) == limit else ''}")
    for run in runs:
        click.echo("  " + show.run_line(run))
    if questions:
        click.echo("questions that wait for an answer:")
        for question in questions:
            title = show.short(question.get("title") or question.get("question") or "")
            cases = "|".join(
                case["name"] if isinstance(case, dict) else str(case) for case in question.get("cases", [])
            )
            click.echo(f"  {question['run']}  {title}  -> eventflow approve {question['run']} {cases}")
    for one in beyond:
        click.echo(f"dead letters: {click.style(show.beyond_line(one), fg='yellow')}; see eventflow history --dead")
    _list(workflows)
    for one in problems:
        held = click.style("not in force", fg="red") if one["held"] else "warning"
        click.echo(f"{one['file']}:{one['line']}:{one['column']}  {held}: {one['code']} {one['message']}")


def _list(workflows: list[dict[str, Any]]) -> None:
    """One's own ones, what their filters were found to do, and of the ready-made ones what starts by itself."""
    shown = [one for one in workflows if not one["ready_made"] or any(it["enabled"] for it in one["triggers"])]
    enabled = [one for one in shown if one["enabled"]]
    click.echo(f"workflows enabled: {len(enabled)} of {len(shown)}")
    for one in shown:
        mark = " " if one.get("enabled", True) else "-"
        click.echo(f" {mark} {one['id']}  {one.get('name', '')}")
        for trigger in one["triggers"]:
            for sentence in trigger["findings"]:
                click.echo(f"     {trigger['id']}: {sentence}")
    by_hand = [one["id"] for one in workflows if one not in shown]
    if by_hand:
        click.echo(f"ready-made, started by hand (eventflow execute ID): {', '.join(by_hand)}")
