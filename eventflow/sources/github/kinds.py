"""What GitHub's events are called here (`kind`) and their `data` in the shape that all code hosts share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from eventflow.plugin.toolkit import git
from eventflow.plugin.toolkit.payload import at, flag, items, number, text

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_COMMITS: Final = 2048
"""Commits that GitHub puts into one push; a longer list is cut."""


def kind_of(event: str, body: dict[str, Any]) -> str:
    """`git.push` and its like; an event that has no kind of its own is `git.<event>`."""
    if event in {"create", "delete"}:
        return "git.tag" if at(body, "ref_type") == "tag" else "git.branch"
    return KINDS.get(event, (f"git.{event}", None))[0]


def data_of(event: str, kind: str, body: dict[str, Any]) -> dict[str, Any]:
    """The `data` of an event, with every key that its kind has."""
    own = KINDS.get(event, (kind, _action))[1] or _action
    fields = own(body)
    url = fields.pop("url", None) or text(body, "repository.html_url", "organization.html_url", "sender.html_url")
    return git.shape(kind, _repository(body), _sender(body), url, **fields)


def _repository(body: dict[str, Any]) -> dict[str, Any]:
    return git.repository(
        text(body, "repository.full_name"),
        text(body, "repository.html_url", "repository.url"),
        text(body, "repository.default_branch", "repository.master_branch", "master_branch"),
    )


def _sender(body: dict[str, Any]) -> dict[str, Any]:
    return git.person(
        text(body, "sender.login", "pusher.name"), text(body, "sender.type"), text(body, "sender.email", "pusher.email")
    )


def _action(body: dict[str, Any]) -> dict[str, Any]:
    return {"action": text(body, "action")}


def _push(body: dict[str, Any]) -> dict[str, Any]:
    ref, before, after = text(body, "ref"), text(body, "before"), text(body, "after")
    listed = [one for one in items(body, "commits") if isinstance(one, dict)]
    paths = {
        path
        for one in listed
        for name in ("added", "modified", "removed")
        for path in items(one, name)
        if isinstance(path, str)
    }
    created, deleted = flag(body, "created"), flag(body, "deleted")
    return {
        "ref": ref, **git.named(ref), "before": before, "after": after,
        "created": git.is_zero(before) if created is None else created,
        "deleted": git.is_zero(after) if deleted is None else deleted,
        "forced": flag(body, "forced"), "commits": [_commit(one) for one in listed], "changed": sorted(paths),
        "complete": len(listed) < MOST_COMMITS, "url": text(body, "compare"),
    }  # fmt: skip


def _commit(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": text(one, "id"), "message": text(one, "message"), "url": text(one, "url"),
        "author": {
            "login": text(one, "author.username"), "name": text(one, "author.name"), "email": text(one, "author.email"),
        },
    }  # fmt: skip


def _create(body: dict[str, Any]) -> dict[str, Any]:
    return _ref(body, "created")


def _delete(body: dict[str, Any]) -> dict[str, Any]:
    return _ref(body, "deleted")


def _ref(body: dict[str, Any], action: str) -> dict[str, Any]:
    name = text(body, "ref")
    is_tag = at(body, "ref_type") == "tag"
    ref = name and f"refs/{'tags' if is_tag else 'heads'}/{name}"
    return {"action": action, "ref": ref, "tag": name if is_tag else None, "branch": None if is_tag else name}


def _labels(body: dict[str, Any], path: str) -> list[str]:
    return [name for one in items(body, path) if (name := text(one, "name"))]


def _pull_request(body: dict[str, Any]) -> dict[str, Any]:
    return {
        "number": number(body, "number", "pull_request.number"), "action": text(body, "action"),
        "title": text(body, "pull_request.title"), "branch": text(body, "pull_request.head.ref"),
        "base": text(body, "pull_request.base.ref"), "commit": text(body, "pull_request.head.sha"),
        "state": text(body, "pull_request.state"), "draft": flag(body, "pull_request.draft"),
        "merged": flag(body, "pull_request.merged"), "labels": _labels(body, "pull_request.labels"),
        "author": text(body, "pull_request.user.login"), "url": text(body, "pull_request.html_url"),
    }  # fmt: skip


def _review(body: dict[str, Any]) -> dict[str, Any]:
    return {
        **_pull_request(body), "state": text(body, "review.state"), "text": text(body, "review.body"),
        "url": text(body, "review.html_url", "pull_request.html_url"),
    }  # fmt: skip


def _issue(body: dict[str, Any]) -> dict[str, Any]:
    return {
        "number": number(body, "issue.number"), "action": text(body, "action"), "title": text(body, "issue.title"),
        "state": text(body, "issue.state"), "labels": _labels(body, "issue.labels"),
        "author": text(body, "issue.user.login"), "url": text(body, "issue.html_url"),
    }  # fmt: skip


def _comment(body: dict[str, Any]) -> dict[str, Any]:
    on = "commit"
    for name in ("pull_request", "issue", "discussion"):
        if isinstance(body.get(name), dict):
            on = name
    if on == "issue" and isinstance(at(body, "issue.pull_request"), dict):
        on = "pull_request"
    return {
        "action": text(body, "action"), "on": on,
        "number": number(body, "pull_request.number", "issue.number", "discussion.number"),
        "commit": text(body, "comment.commit_id"), "text": text(body, "comment.body"),
        "title": text(body, "pull_request.title", "issue.title", "discussion.title"),
        "url": text(body, "comment.html_url"),
    }  # fmt: skip


def _release(body: dict[str, Any]) -> dict[str, Any]:
    return {
        "action": text(body, "action"), "tag": text(body, "release.tag_name"), "name": text(body, "release.name"),
        "draft": flag(body, "release.draft"), "prerelease": flag(body, "release.prerelease"),
        "url": text(body, "release.html_url"),
    }  # fmt: skip


def _check(body: dict[str, Any]) -> dict[str, Any]:
    one = body.get("check_run") if isinstance(body.get("check_run"), dict) else body.get("check_suite")
    return {
        "action": text(body, "action"), "name": text(one, "name", "app.name"), **_progress(one),
        "branch": text(one, "head_branch", "check_suite.head_branch"), "commit": text(one, "head_sha"),
        "url": text(one, "html_url", "details_url"),
    }  # fmt: skip


def _status(body: dict[str, Any]) -> dict[str, Any]:
    branches = [name for one in items(body, "branches") if (name := text(one, "name"))]
    return {
        "name": text(body, "context"), **git.ended(text(body, "state")),
        "branch": branches[0] if branches else None, "commit": text(body, "sha", "commit.sha"),
        "url": text(body, "target_url", "commit.html_url"),
    }  # fmt: skip


def _pipeline(body: dict[str, Any]) -> dict[str, Any]:
    one = body.get("workflow_run")
    return {
        "action": text(body, "action"), "id": number(one, "id"), "number": number(one, "run_number"),
        "name": text(one, "name") or text(body, "workflow.name"), **_progress(one), "branch": text(one, "head_branch"),
        "commit": text(one, "head_sha"), "trigger": text(one, "event"), "url": text(one, "html_url"),
    }  # fmt: skip


def _job(body: dict[str, Any]) -> dict[str, Any]:
    one = body.get("workflow_job")
    return {
        "action": text(body, "action"), "id": number(one, "id"), "name": text(one, "name"),
        "stage": text(one, "workflow_name"), **_progress(one), "branch": text(one, "head_branch"),
        "commit": text(one, "head_sha"), "url": text(one, "html_url"),
    }  # fmt: skip


def _progress(one: Any) -> dict[str, Any]:
    status, conclusion = text(one, "status"), text(one, "conclusion")
    return {**git.ended(status), "conclusion": conclusion} if status != "completed" else {
        "status": status, "conclusion": conclusion,
    }  # fmt: skip


def _deployment(body: dict[str, Any]) -> dict[str, Any]:
    state = text(body, "deployment_status.state")
    return {
        "action": text(body, "action"), "id": number(body, "deployment.id"),
        "environment": text(body, "deployment_status.environment", "deployment.environment"), **git.ended(state),
        "ref": text(body, "deployment.ref"), "commit": text(body, "deployment.sha"),
        "url": text(body, "deployment_status.environment_url", "deployment_status.target_url"),
    }  # fmt: skip


KINDS: Final[dict[str, tuple[str, Callable[[dict[str, Any]], dict[str, Any]] | None]]] = {
    "push": ("git.push", _push), "create": ("git.tag", _create), "delete": ("git.tag", _delete),
    "pull_request": ("git.pull_request", _pull_request), "pull_request_review": ("git.review", _review),
    "pull_request_review_thread": ("git.review", _review), "issues": ("git.issue", _issue),
    "issue_comment": ("git.comment", _comment), "commit_comment": ("git.comment", _comment),
    "pull_request_review_comment": ("git.comment", _comment), "discussion_comment": ("git.comment", _comment),
    "release": ("git.release", _release), "check_run": ("git.check", _check), "check_suite": ("git.check", _check),
    "status": ("git.check", _status), "workflow_run": ("git.pipeline", _pipeline), "workflow_job": ("git.job", _job),
    "deployment": ("git.deployment", _deployment), "deployment_status": ("git.deployment", _deployment),
    "gollum": ("git.wiki", None),
}  # fmt: skip
"""Event → its kind and what reads its own fields."""
