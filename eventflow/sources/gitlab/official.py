"""The CloudEvents attributes of GitLab's events: `type`, `subject` and `time` by the rules of the CloudEvents project's
adapter document for GitLab (adapters/gitlab.md, 11 events).

An event that the document does not have follows its manner: `com.gitlab.<object_kind>`, and the action where the body
has one. In one point this differs: a merge request's time is when it changed and not, as the document has it, when it
was opened: windows count in event time, and a merge a week later is not a week late.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from eventflow.plugin.toolkit.payload import at, attribute, moment, text

if TYPE_CHECKING:
    from datetime import datetime

_HOOK: Final = re.compile(r"(?:Confidential )?([A-Za-z][A-Za-z ]{0,60}?) Hook")
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_ALIASES: Final = {"build": "job", "work_item": "issue"}
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
SUFFIX: Final = {
    "issue": ("object_attributes.state",), "pipeline": ("object_attributes.status",),
    "job": ("build_status", "job_status"), "deployment": ("status",), "push": (), "tag_push": (),
}  # fmt: skip
"""What follows the event's name in `type`, the first that is there; else it is the action."""
_ACTION: Final = ("object_attributes.action", "action")
SUBJECT: Final = {
    "push": ("checkout_sha", "ref"), "tag_push": ("ref",), "issue": ("object_attributes.iid",),
    "note": ("object_attributes.id",), "merge_request": ("object_attributes.iid",),
    "wiki_page": ("object_attributes.slug",), "pipeline": ("object_attributes.id",), "job": ("build_id", "job_id"),
    "deployment": ("deployment_id",), "release": ("tag",),
}  # fmt: skip
"""Where the subject lies, the first that is there."""
TIME: Final = {
    "note": ("object_attributes.created_at",),
    "merge_request": ("object_attributes.updated_at", "object_attributes.created_at"),
}
"""Where the time lies; everything else happened when it came."""


def event_of(body: dict[str, Any], header: str) -> str | None:
    """What happened, in one word: `push`, `merge_request`, `job`, `project_create`; None for what is no GitLab event.

    The body's word counts before the header's: only the body is signed, and work items come as `Issue Hook`.
    """
    word = text(body, "object_kind", "event_name")
    if word is None:
        hook = _HOOK.fullmatch(header)
        word = hook[1].lower().replace(" ", "_") if hook else ""
    if not _NAME.fullmatch(word):
        return None
    return _ALIASES.get(word, word)


def type_of(event: str, body: dict[str, Any]) -> str:
    """`com.gitlab.push`, `com.gitlab.merge_request.open`, `com.gitlab.note.commit`; what the body lacks is left out."""
    part = text(body, *SUFFIX.get(event, _ACTION))
    if event == "note":
        part = snake(text(body, "object_attributes.noteable_type"))
    whole = f"com.gitlab.{event}.{part}" if part else ""
    return attribute(whole) or f"com.gitlab.{event}"


def subject_of(event: str, body: dict[str, Any]) -> str | None:
    """What the event is about, as text."""
    return next(filter(None, (attribute(at(body, path)) for path in SUBJECT.get(event, ()))), None)


def time_of(event: str, body: dict[str, Any]) -> datetime | None:
    """When it happened; None where the document says: now."""
    return moment(body, *TIME.get(event, ()))


def snake(word: str | None) -> str:
    """`MergeRequest` is `merge_request`."""
    return _HUMP.sub("_", word or "").lower().replace("::_", "_").replace("::", "_")
