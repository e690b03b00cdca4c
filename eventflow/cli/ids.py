"""Completion of what only the server knows: workflows, runs, events, the cases of a question.

A shell asks at every press of Tab, so nothing here waits for long and nothing is ever said: where there is no server
there is nothing to complete.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from click.shell_completion import CompletionItem

from eventflow.cli.doors import Door
from eventflow.errors import EventflowError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import click

MOST = 200
OPEN = "queued,running,waiting,paused"


def workflows(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ids of workflows in force."""
    return [CompletionItem(one["id"], help=one["name"]) for one in _items(ctx, "/workflows") if incomplete in one["id"]]


def runs(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The newest runs."""
    return _runs(ctx, incomplete, None)


def open_runs(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Runs in progress."""
    return _runs(ctx, incomplete, OPEN)


def runs_or_workflows(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Runs in progress, then workflows."""
    return [*open_runs(ctx, param, incomplete), *workflows(ctx, param, incomplete)]


def events_or_runs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Handles of the newest events, then runs."""
    events = [
        CompletionItem(one["handle"], help=f"{one['type']} {one['subject'] or ''}".strip())
        for one in _items(ctx, "/events")
        if one["handle"].startswith(incomplete)
    ]
    return [*events, *runs(ctx, param, incomplete)]


def asked(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Runs that ask something."""
    return [
        CompletionItem(one["run"], help=one["title"])
        for one in _items(ctx, "/approvals")
        if one["run"].startswith(incomplete)
    ]


def cases(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The cases of the question that the run before it asks."""
    questions = [one for one in _items(ctx, "/approvals") if one["run"] == ctx.params.get("run")]
    return [
        CompletionItem(case["name"], help=str(case.get("label") or ""))
        for one in questions
        for case in one["cases"]
        if case["name"].startswith(incomplete)
    ]


def halted(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Partitions that stand still."""
    return [
        CompletionItem(one["name"], help=one["halted"])
        for one in _items(ctx, "/partitions")
        if one["halted"] and one["name"].startswith(incomplete)
    ]


def _runs(ctx: click.Context, incomplete: str, status: str | None) -> list[CompletionItem]:
    return [
        CompletionItem(one["id"], help=f"{one['workflow']} {one['status']}")
        for one in _items(ctx, "/runs", status=status)
        if one["id"].startswith(incomplete)
    ]


def _items(ctx: click.Context, path: str, **query: Any) -> Iterator[dict[str, Any]]:
    config = ctx.params.get("config") or ctx.find_root().params.get("config")
    try:
        yield from Door(config).request("GET", path, query={"limit": MOST, **query}, patience=1)["items"]
    except EventflowError:
        return
