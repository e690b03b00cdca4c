"""What GitLab's events are called here (`kind`) and their `data` in the shape that all code hosts share.

GitLab's words are translated: `open` is `opened`, `merge` is `closed` with `merged`, `failed` is completed with
`failure`; so a workflow that is written for one host works for the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from eventflow.plugin.toolkit import git
from eventflow.plugin.toolkit.payload import at, flag, items, number, text
from eventflow.sources.gitlab.official import snake

if TYPE_CHECKING:
    from collections.abc import Callable

ACTIONS: Final = {
    "open": "opened", "close": "closed", "reopen": "reopened", "merge": "closed", "update": "edited",
    "create": "created", "delete": "deleted",
}  # fmt: skip
"""GitLab's action → the shared word; a word that is not here stays as it is."""
_STATES: Final = {"opened": "open", "closed": "closed", "locked": "closed", "merged": "closed"}
_ON: Final = {"merge_request": "pull_request"}


def kind_of(event: str) -> str:
    """`git.push` and its like; an event that has no kind of its own is `git.<event>`."""
    return KINDS[event][0] if event in KINDS else f"git.{event}"


def data_of(event: str, kind: str, body: dict[str, Any]) -> dict[str, Any]:
    """The `data` of an event, with every key that its kind has."""
    fields = (KINDS[event][1] if event in KINDS else _other)(body)
    repository = _repository(body)
    url = fields.pop("url", None) or text(body, "object_attributes.url") or repository["url"]
    return git.shape(kind, repository, _sender(body), url, **fields)


def _repository(body: dict[str, Any]) -> dict[str, Any]:
    return git.repository(
        text(
            body, "project.path_with_namespace", "path_with_namespace", "project_path_with_namespace",
            "object_attributes.target.path_with_namespace",
        ),
        text(body, "project.web_url", "project.homepage", "repository.homepage", "object_attributes.target.web_url"),
        text(body, "project.default_branch", "object_attributes.target.default_branch"),
    )  # fmt: skip


def _sender(body: dict[str, Any]) -> dict[str, Any]:
    login = text(body, "user.username", "user_username", "user.name", "user_name", "owner_name")
    email = text(body, "user.email", "user_email", "owner_email")
    return git.person(login, None, None if email and "REDACTED" in email else email)


def _action(body: dict[str, Any]) -> str | None:
    word = text(body, "object_attributes.action", "action")
    return ACTIONS.get(word, word) if word else None


def _other(body: dict[str, Any]) -> dict[str, Any]:
    return {"action": _action(body)}


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
    total, web = number(body, "total_commits_count"), text(body, "project.web_url", "repository.homepage")
    created, deleted = git.is_zero(before), git.is_zero(after)
    compare = f"{web}/-/compare/{before}...{after}" if web and before and after and not (created or deleted) else web
    return {
        "ref": ref, **git.named(ref), "before": before, "after": after, "created": created, "deleted": deleted,
        "commits": [_commit(one) for one in listed], "changed": sorted(paths),
        "complete": total is None or total <= len(listed), "url": compare,
    }  # fmt: skip


def _commit(one: dict[str, Any]) -> dict[str, Any]:
    author = {"login": None, "name": text(one, "author.name"), "email": text(one, "author.email")}
    return {"id": text(one, "id"), "message": text(one, "message"), "author": author, "url": text(one, "url")}


def _tag(body: dict[str, Any]) -> dict[str, Any]:
    push = _push(body)
    action = "created" if push["created"] else "deleted" if push["deleted"] else "moved"
    return {"action": action} | {name: push[name] for name in ("ref", "tag", "before", "after", "url")}


def _titles(value: list[Any]) -> list[str]:
    return [title for one in value if (title := text(one, "title"))]


def _labels(body: dict[str, Any]) -> list[str]:
    return _titles(items(body, "labels")) or _titles(items(body, "object_attributes.labels"))


def _merge_request(body: dict[str, Any]) -> dict[str, Any]:
    one = body.get("object_attributes")
    action, said = _action(body), text(one, "action")
    if said == "update" and text(one, "oldrev"):
        action = "synchronize"
    author = body.get("user") if number(one, "author_id") == number(body, "user.id") else None
    return {
        "number": number(one, "iid"), "action": action, "title": text(one, "title"),
        "branch": text(one, "source_branch"), "base": text(one, "target_branch"),
        "commit": text(one, "last_commit.id"), "state": _STATES.get(text(one, "state") or ""),
        "draft": flag(one, "draft", "work_in_progress"), "labels": _labels(body),
        "merged": text(one, "state") == "merged" or said == "merge", "author": text(author, "username"),
        "url": text(one, "url"),
    }  # fmt: skip


def _issue(body: dict[str, Any]) -> dict[str, Any]:
    one = body.get("object_attributes")
    author = body.get("user") if number(one, "author_id") == number(body, "user.id") else None
    return {
        "number": number(one, "iid"), "action": _action(body), "title": text(one, "title"),
        "state": _STATES.get(text(one, "state") or ""), "labels": _labels(body),
        "author": text(author, "username"), "confidential": flag(one, "confidential"), "url": text(one, "url"),
    }  # fmt: skip


def _note(body: dict[str, Any]) -> dict[str, Any]:
    one = body.get("object_attributes")
    on = snake(text(one, "noteable_type"))
    return {
        "action": _action(body) or "created", "on": _ON.get(on, on) or None,
        "number": number(body, "merge_request.iid", "issue.iid", "snippet.id"),
        "commit": text(body, "commit.id") or text(one, "commit_id"), "text": text(one, "note"),
        "title": text(body, "merge_request.title", "issue.title", "snippet.title", "commit.title"),
        "confidential": text(body, "event_type") == "confidential_note", "url": text(one, "url"),
    }  # fmt: skip


def _release(body: dict[str, Any]) -> dict[str, Any]:
    return {
        "action": _action(body), "tag": text(body, "tag"), "name": text(body, "name"), "url": text(body, "url"),
    }  # fmt: skip


def _pipeline(body: dict[str, Any]) -> dict[str, Any]:
    one = body.get("object_attributes")
    ref, is_tag = text(one, "ref"), at(one, "tag") is True
    return {
        "action": text(one, "status"), "id": number(one, "id"), "number": number(one, "iid"), "name": text(one, "name"),
        **git.ended(text(one, "status")), "branch": None if is_tag else ref, "tag": ref if is_tag else None,
        "commit": text(one, "sha"), "trigger": text(one, "source"), "url": text(one, "url"),
    }  # fmt: skip


def _job(body: dict[str, Any]) -> dict[str, Any]:
    ref, is_tag, status = text(body, "ref"), at(body, "tag") is True, text(body, "build_status", "job_status")
    id_, web = number(body, "build_id", "job_id"), text(body, "project.web_url", "repository.homepage")
    return {
        "action": status, "id": id_, "name": text(body, "build_name", "job_name"),
        "stage": text(body, "build_stage", "job_stage"), **git.ended(status), "branch": None if is_tag else ref,
        "tag": ref if is_tag else None, "commit": text(body, "sha"),
        "url": f"{web}/-/jobs/{id_}" if web and id_ is not None else None,
    }  # fmt: skip


def _deployment(body: dict[str, Any]) -> dict[str, Any]:
    return {
        "action": text(body, "status"), "id": number(body, "deployment_id"), "environment": text(body, "environment"),
        **git.ended(text(body, "status")), "ref": text(body, "ref"),
        "commit": (text(body, "commit_url") or "").rpartition("/")[2] or text(body, "short_sha"),
        "url": text(body, "deployable_url", "commit_url"),
    }  # fmt: skip


KINDS: Final[dict[str, tuple[str, Callable[[dict[str, Any]], dict[str, Any]]]]] = {
    "push": ("git.push", _push), "tag_push": ("git.tag", _tag), "merge_request": ("git.pull_request", _merge_request),
    "issue": ("git.issue", _issue), "note": ("git.comment", _note), "release": ("git.release", _release),
    "pipeline": ("git.pipeline", _pipeline), "job": ("git.job", _job), "deployment": ("git.deployment", _deployment),
    "wiki_page": ("git.wiki", _other),
}  # fmt: skip
"""Event → its kind and what reads its own fields."""
