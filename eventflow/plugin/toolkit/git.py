"""The one shape that all code hosts give their events: what `kind` is called and which fields `data` has.

Each function makes the `data` of one kind, always with all its keys; what the sender did not say is null, false or an
empty list, so that a filter may look at any field. Words of action, status and conclusion are those of GitHub; other
hosts are translated by their sources.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

SHAPES: Final[dict[str, tuple[str, ...]]] = {
    "git.push": (
        "ref", "branch", "tag", "before", "after", "created", "deleted", "forced", "commits", "changed", "complete",
    ),
    "git.tag": ("action", "ref", "tag", "before", "after"),
    "git.branch": ("action", "ref", "branch", "before", "after"),
    "git.pull_request": (
        "number", "action", "title", "branch", "base", "commit", "state", "draft", "merged", "labels", "author",
    ),
    "git.review": ("number", "action", "state", "title", "branch", "base", "text"),
    "git.issue": ("number", "action", "title", "state", "labels", "author", "confidential"),
    "git.comment": ("action", "on", "number", "commit", "title", "text", "confidential"),
    "git.release": ("action", "tag", "name", "draft", "prerelease"),
    "git.check": ("action", "name", "status", "conclusion", "branch", "commit"),
    "git.pipeline": (
        "action", "id", "number", "name", "status", "conclusion", "branch", "tag", "commit", "trigger",
    ),
    "git.job": ("action", "id", "name", "stage", "status", "conclusion", "branch", "tag", "commit"),
    "git.deployment": ("action", "id", "environment", "status", "conclusion", "ref", "commit"),
}  # fmt: skip
"""Kind → its own fields in `data`, beside those of every kind: `repository`, `sender`, `url`; any other kind adds
`action`."""
LISTS: Final = frozenset(("commits", "changed", "labels"))
FLAGS: Final = frozenset(("created", "deleted", "forced", "draft", "merged", "prerelease", "confidential"))
ZERO: Final = "0" * 40
_CONCLUSIONS: Final = {
    "success": "success", "failed": "failure", "failure": "failure", "error": "failure", "canceled": "cancelled",
    "cancelled": "cancelled", "skipped": "skipped",
}  # fmt: skip
_OPEN: Final = {"pending": "queued", "created": "queued", "scheduled": "queued", "in_progress": "running"}


def shape(kind: str, repository: dict[str, Any], sender: dict[str, Any], url: str | None, **own: Any) -> dict[str, Any]:
    """The `data` of one kind, with every key it has."""
    data: dict[str, Any] = {"repository": repository, "sender": sender, "url": url}
    for name in SHAPES.get(kind, ("action",)):
        value = own.get(name)
        if value is None and name in LISTS:
            value = []
        elif value is None and name in FLAGS:
            value = False
        data[name] = value
    return data


def repository(full_name: str | None, url: str | None, default_branch: str | None) -> dict[str, Any]:
    """A repository; its name out of its address where the sender gives only that."""
    return {"full_name": full_name or _path(url), "url": url, "default_branch": default_branch}


def person(login: str | None, type_: str | None = None, email: str | None = None) -> dict[str, Any]:
    """Who did it."""
    return {"login": login, "type": type_, "email": email}


def named(ref: str | None) -> dict[str, str | None]:
    """`branch` and `tag` of a full ref; both null for any other ref."""
    ref = ref or ""
    return {
        "branch": ref.removeprefix("refs/heads/") if ref.startswith("refs/heads/") else None,
        "tag": ref.removeprefix("refs/tags/") if ref.startswith("refs/tags/") else None,
    }


def is_zero(commit: str | None) -> bool:
    """Whether a commit id says that there is none: zeros only."""
    return bool(commit) and not str(commit).strip("0")


def ended(status: str | None) -> dict[str, str | None]:
    """`status` and `conclusion` of one word that says both: `failed` is completed with failure."""
    if status in _CONCLUSIONS:
        return {"status": "completed", "conclusion": _CONCLUSIONS[status]}
    return {"status": _OPEN.get(status or "", status), "conclusion": None}


def _path(url: str | None) -> str | None:
    try:
        return urlsplit(url or "").path.strip("/").removesuffix(".git") or None
    except ValueError:
        return None
