"""`eventflow docs`: where something is explained; the code of a problem is explained at once."""

from __future__ import annotations

import difflib

import click

from eventflow.cli.doors import Door, options
from eventflow.errors import NotFound

TOPICS = {
    "quickstart": ("quickstart", "a first workflow in five minutes"),
    "workflow": ("reference/workflow", "every key of a workflow document"),
    "expressions": ("reference/expressions", "what filters and templates can say"),
    "problems": ("reference/problems", "every code of `validate`"),
    "settings": ("reference/settings", "every setting with its default"),
    "cli": ("reference/cli", "every verb and flag"),
    "api": ("reference/api", "every route, scope and refusal"),
    "metrics": ("reference/metrics", "every metric"),
    "webhooks": ("howto/webhook-source", "take webhooks of anybody"),
    "github": ("howto/github", "take webhooks of GitHub"),
    "gitlab": ("howto/gitlab", "take webhooks of GitLab"),
    "alertmanager": ("howto/alertmanager", "take alerts of Alertmanager and Grafana"),
    "kafka": ("howto/kafka", "keep the log in Kafka"),
    "topics": ("howto/kafka-source", "take events from topics of others"),
    "watching": ("howto/watch-a-metric", "watch a metric"),
    "conditions": ("howto/condition-trigger", "condition triggers"),
    "testing": ("howto/test-workflows", "test a workflow before it counts"),
    "validate": ("howto/check-documents", "check documents before they count"),
    "approvals": ("howto/approvals", "let a person decide"),
    "tokens": ("howto/tokens", "who may do what"),
    "backup": ("howto/backup-and-restore", "copy and restore"),
    "embed": ("howto/embed", "eventflow inside a program"),
    "sources": ("howto/write-a-source", "write a source"),
    "actions": ("howto/write-an-action", "write an action"),
    "detectors": ("howto/write-a-detector", "write a detector"),
    "rules": ("explanation/rules", "the rules that router and executor keep"),
}
"""Topic → page below `docs/`, and what is there."""


@click.command()
@click.argument("topic", required=False)
@options
def command(door: Door, topic: str | None) -> None:
    """Say where TOPIC is explained, or explain the code of a problem (E210); without TOPIC list them.

    The pages lie in `docs/` of the source; `make docs` makes a site of them.
    """
    if topic is None:
        if door.as_json:
            door.print_json({"topics": {name: {"page": f"docs/{page}.md", "about": about}
                                        for name, (page, about) in TOPICS.items()}})  # fmt: skip
            return
        for name, (page, about) in TOPICS.items():
            click.echo(f"{name:12} docs/{page}.md  {about}")
        click.echo("\nA problem's code is explained here: eventflow docs E210")
    elif topic.upper()[:1] in "EWN" and topic[1:].isdigit():
        _code(door, topic.upper())
    else:
        _topic(door, topic)


def _code(door: Door, number: str) -> None:
    from eventflow.catalog.problems import CODES, severity

    found = CODES.get(number)
    if found is None:
        near = [one for one in CODES if one.startswith(number)] or difflib.get_close_matches(number, CODES, n=3)
        hint = f"the nearest are {', '.join(near[:4])}" if near else "eventflow docs problems says where all are"
        raise NotFound(f"there is no problem {number}; {hint}")
    if door.as_json:
        door.print_json({"code": number, "word": found.word, "severity": severity(number), "about": found.about})
        return
    click.echo(f"{click.style(number, bold=True)} {found.word} ({severity(number)})\n\n{found.about}\n")
    click.echo(f"See also docs/reference/problems.md#{number.lower()}-{found.word}")


def _topic(door: Door, topic: str) -> None:
    if topic not in TOPICS:
        near = difflib.get_close_matches(topic, TOPICS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "eventflow docs lists them"
        raise NotFound(f"there is no page about {topic!r}; {hint}")
    page, about = TOPICS[topic]
    if door.as_json:
        door.print_json({"topic": topic, "page": f"docs/{page}.md", "about": about})
        return
    click.echo(f"docs/{page}.md  {about}")
