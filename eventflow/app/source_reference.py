"""The reference of sources, written from their modules: what each takes, its settings, and what its events look like.

In `app`, which may look at all of them. `python -m eventflow.app.reference DIRECTORY` writes the page with the others.
"""

from __future__ import annotations

import inspect
import textwrap
from importlib import import_module
from typing import TYPE_CHECKING, Final

from eventflow.plugin.registry import SHELVES
from eventflow.plugin.toolkit.git import FLAGS, LISTS, SHAPES

if TYPE_CHECKING:
    from collections.abc import Iterator

BUILT_IN: Final = ("alertmanager", "github", "gitlab", "kafka", "webhook")
_HEAD: Final = """# Sources

This page is made from the code; a test holds it equal.

A source turns what somebody sends into events. In the settings each has a name, a `type` (one of those below) and
`auth`; what else there is for all of them (`path`, `map`, `dedup`, `partition_key`, `rate`) is among the
[settings](settings.md). A selector's `source` means a source's name or its type. `eventflow components` also lists the
sources of installed plugins; how to write one: [Write a source](../howto/write-a-source.md).

An event has the sender's own `body`, untouched (numbers are not rounded, escapes stay), and beside it `data` in a
normalised shape. `type` is the official CloudEvents type where the CloudEvents project has one; `kind` is the name that
is the same for all senders of a sort. `match` and filters look at `data`.
"""
_GIT: Final = """
## What code hosts tell

Every kind has `repository {full_name, url, default_branch}`, `sender {login, type, email}` and `url` (where a person
looks), and its own fields. All of them are always there; what the sender did not say is null, false or an empty list.
Words are those of GitHub, also for GitLab: `opened`, `closed` (with `merged`), `reopened`, `synchronize`, `edited`;
`status` is `queued`, `running` or `completed`, `conclusion` is `success`, `failure`, `cancelled`, `skipped` or null.
Events are put into partitions by repository.
"""


def sources() -> str:
    """The page."""
    lines = [_HEAD]
    for name in BUILT_IN:
        lines += _source(name)
    return "\n".join([*lines, *_git(), *_alerts()])


def _source(name: str) -> Iterator[str]:
    module = import_module(f"{SHELVES['source']}.{name}")
    yield from (f"## {name}", "", textwrap.dedent(inspect.getdoc(module) or ""), "")


def _git() -> Iterator[str]:
    yield from (_GIT, "| kind | its fields |", "|---|---|")
    for kind, fields in SHAPES.items():
        yield f"| `{kind}` | {', '.join(f'`{name}`{_sort(name)}' for name in fields)} |"
    yield "| any other | `action` |"
    yield from ("", "| kind | GitHub's `X-GitHub-Event` | GitLab's `object_kind` |", "|---|---|---|")
    hub, lab = _events("github"), _events("gitlab")
    for kind in sorted({*hub, *lab}):
        yield f"| `{kind}` | {', '.join(hub.get(kind, ()))} | {', '.join(lab.get(kind, ()))} |"
    yield from (
        "| `git.<event>` | every other | every other, `event_name` of system hooks too |",
        "",
        "`create` and `delete` of a branch are `git.branch`. `complete` of a push is false where the sender cut the",
        "list of commits (GitLab after 20), so `changed` may lack paths.",
        "",
    )


def _events(name: str) -> dict[str, list[str]]:
    """Kind → the host's own words."""
    found: dict[str, list[str]] = {}
    for event, (kind, _) in import_module(f"{SHELVES['source']}.{name}.kinds").KINDS.items():
        found.setdefault(kind, []).append(f"`{event}`")
    return found


def _sort(name: str) -> str:
    return " (list)" if name in LISTS else " (true or false)" if name in FLAGS else ""


def _alerts() -> Iterator[str]:
    module = import_module(f"{SHELVES['source']}.alertmanager")
    yield from (
        "## What alerts tell",
        "",
        f"`kind` is `alert.firing` or `alert.resolved`, `type` `{module.TYPE}.firing` or `.resolved`, `subject` the",
        "alert's name, `time` when it began or ended, `body` the alert's own object. Events are put into partitions by",
        "fingerprint.",
        "",
        "| `data.` | |",
        "|---|---|",
    )
    for name, says in module.FIELDS.items():
        yield f"| `{name}` | {says} |"
    yield ""
