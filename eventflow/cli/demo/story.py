"""What the demo sends, in order: recorded deliveries, as their senders would send them, signed by the sender's rule."""

from __future__ import annotations

import hmac
from importlib import resources
from typing import Any

import msgspec

DELIVERIES = "deliveries"


class Scene(msgspec.Struct, frozen=True):
    """One delivery: its file, the source it goes to, and what a watcher should know about it."""

    file: str
    source: str
    say: str
    event: str = ""
    """GitHub's event name, for its header."""
    delivery: str = ""
    """GitHub's delivery id, for its header."""
    forged: bool = False


STORY = (
    Scene("alert-warning.json", "alertmanager", "a warning; nobody asked for warnings"),
    Scene("alert-critical.json", "alertmanager", "a critical alert"),
    Scene("push-branch.json", "github", "a push to the default branch", "push", "d1c1f9a0-0001"),
    Scene("alert-critical.json", "alertmanager", "the same notification again, as Alertmanager does when unsure"),
    Scene("pull-request-opened.json", "github", "a new pull request", "pull_request", "d1c1f9a0-0002"),
    Scene("push-tag.json", "github", "a push of a tag", "push", "d1c1f9a0-0003"),
    Scene("push-branch.json", "github", "the push again, redelivered", "push", "d1c1f9a0-0001"),
    Scene(
        "push-branch.json", "github", "the push again, with a forged signature", "push", "d1c1f9a0-0004", forged=True
    ),
    Scene("issue-opened.json", "github", "a new issue; no workflow looks at issues", "issues", "d1c1f9a0-0005"),
    Scene("alert-three-critical.json", "alertmanager", "three more targets down: inside the cooldown"),
    Scene("push-tag-deleted.json", "github", "the tag is deleted", "push", "d1c1f9a0-0006"),
    Scene("alert-resolved.json", "alertmanager", "the critical alert resolves"),
    Scene("alert-info.json", "alertmanager", "two alerts of severity info"),
)


def body(scene: Scene) -> bytes:
    """The delivery's own bytes."""
    return (resources.files("eventflow.cli.demo") / DELIVERIES / scene.file).read_bytes()


def headers(scene: Scene, secret: bytes, token: str) -> dict[str, str]:
    """The headers its sender puts on: GitHub signs the body, Alertmanager carries a bearer token."""
    if scene.source == "alertmanager":
        return {
            "Content-Type": "application/json",
            "User-Agent": "Alertmanager/0.25.0",
            "Authorization": f"Bearer {token}",
        }
    signed = hmac.digest(b"somebody else" if scene.forged else secret, body(scene), "sha256").hex()
    return {
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/044aadd",
        "X-GitHub-Event": scene.event,
        "X-GitHub-Delivery": scene.delivery,
        "X-Hub-Signature-256": f"sha256={signed}",
    }


def sources(directory: str) -> dict[str, Any]:
    """The two sources of the demo's settings; the secrets lie in files of `directory`."""
    return {
        "github": {
            "type": "webhook",
            "auth": {
                "scheme": "hmac",
                "header": "X-Hub-Signature-256",
                "prefix": "sha256=",
                "secrets": [f"file:{directory}/github.secret"],
            },
            "map": {
                "id": "headers['x-github-delivery']",
                "type": "'com.github.' + headers['x-github-event']",
                "subject": "body.repository.full_name",
            },
        },
        "alertmanager": {
            "type": "webhook",
            "auth": {"scheme": "bearer", "secrets": [f"file:{directory}/alertmanager.secret"]},
            "map": {
                "type": "'com.prometheus.alert.' + body.status",
                "kind": "'alert.' + body.status",
                "subject": "body.groupKey",
            },
        },
    }
