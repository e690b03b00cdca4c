"""The official CloudEvents attributes of GitHub's events: `type`, `subject` and `time` by the rules of the CloudEvents
project's adapter document for GitHub (cloudevents/adapters/github.md, 71 events).

An event that the document does not have follows its general rule: `com.github.<event>`, and the action where the body
has one. Where the document forgets the dot before the action (`repository_dispatch`, `repository_ruleset`) it is put
in. Of `status` it names the type with a dot and nothing behind it; that is `com.github.status` here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from eventflow.plugin.toolkit.payload import at, attribute, moment

if TYPE_CHECKING:
    from datetime import datetime

SUFFIX: Final = {
    "create": ("ref_type",), "delete": ("ref_type",), "membership": ("scope", "action"),
    "deployment_status": ("deployment_status.state",),
    "deployment": (), "fork": (), "github_app_authorization": (), "gollum": (), "page_build": (), "public": (),
    "push": (), "repository_import": (), "security_and_analysis": (), "status": (), "workflow_dispatch": (),
}  # fmt: skip
"""What follows the event's name in `type`, where it is not just the action."""
SUBJECT: Final = {
    "branch_protection_rule": "rule.id", "check_run": "check_run.id", "check_suite": "check_suite.id",
    "code_scanning_alert": "alert.number", "commit_comment": "comment.id", "content_reference": "content_reference.id",
    "create": "ref", "custom_property": "definition.property_name", "delete": "ref", "dependabot_alert": "alert.id",
    "deploy_key": "key.id", "deployment": "deployment.id", "deployment_protection_rule": "deployment.id",
    "deployment_review": "workflow_run.id", "deployment_status": "deployment_status.url",
    "discussion": "discussion.id", "discussion_comment": "discussion.id", "fork": "forkee.url",
    "installation": "installation.id", "installation_repositories": "installation.id",
    "installation_target": "installation.id", "issue_comment": "comment.id", "issues": "issue.number",
    "label": "label.name", "marketplace_purchase": "marketplace_purchase.account.login", "member": "member.login",
    "membership": "member.login", "merge_group": "merge_group.head_ref", "meta": "hook_id",
    "milestone": "milestone.number", "organization": "membership.user.login", "org_block": "blocked_user.login",
    "package": "package.id", "page_build": "build.url", "project_card": "project_card.id",
    "project_column": "project_column.id", "project": "project.id", "projects_v2": "projects_v2.id",
    "projects_v2_item": "projects_v2_item.id", "projects_v2_status_update": "projects_v2_status_update.id",
    "public": "repository.name", "pull_request": "number", "pull_request_review": "review.id",
    "pull_request_review_comment": "comment.id", "pull_request_review_thread": "pull_request.id", "push": "ref",
    "registry_package": "registry_package.html_url", "release": "release.id", "repository": "repository.name",
    "repository_advisory": "repository_advisory.ghsa_id", "repository_import": "repository.name",
    "repository_ruleset": "repository.name", "repository_vulnerability_alert": "alert.id",
    "secret_scanning_alert": "alert.number", "secret_scanning_alert_location": "alert.number",
    "security_advisory": "security_advisory.ghsa_id", "sponsorship": "sponsorship.sponsor.login", "status": "sha",
    "team": "team.id", "team_add": "team.id", "workflow_dispatch": "workflow", "workflow_job": "workflow_job.name",
    "workflow_run": "workflow.name",
}  # fmt: skip
"""Where the subject lies. Events without one are not here."""
TIME: Final = {
    "branch_protection_rule": ("rule.updated_at",), "check_run": ("check_run.completed_at", "check_run.started_at"),
    "check_suite": ("check_suite.updated_at",), "commit_comment": ("comment.updated_at",),
    "deploy_key": ("key.deleted_at", "key.created_at"), "deployment": ("deployment.updated_at",),
    "deployment_status": ("deployment_status.updated_at",), "discussion_comment": ("comment.updated_at",),
    "fork": ("forkee.created_at",), "installation": ("installation.updated_at",),
    "installation_repositories": ("installation.updated_at",), "issue_comment": ("comment.updated_at",),
    "issues": ("issue.updated_at",), "marketplace_purchase": ("effective_date",), "meta": ("hook.updated_at",),
    "milestone": ("milestone.updated_at",), "package": ("package.updated_at", "package.created_at"),
    "page_build": ("pusher.updated_at",), "project_card": ("project_card.updated_at",),
    "project_column": ("project_column.updated_at",), "project": ("project.updated_at",),
    "projects_v2": ("projects_v2.updated_at",), "projects_v2_item": ("projects_v2_item.updated_at",),
    "projects_v2_status_update": ("projects_v2_status_update.updated_at",), "public": ("repository.updated_at",),
    "pull_request": ("pull_request.updated_at",), "pull_request_review": ("review.submitted_at",),
    "pull_request_review_comment": ("pull_request.updated_at",), "registry_package": ("registry_package.updated_at",),
    "repository": ("repository.updated_at",), "repository_advisory": ("repository_advisory.updated_at",),
    "repository_import": ("repository.updated_at",), "repository_ruleset": ("repository.updated_at",),
    "secret_scanning_alert": ("alert.updated_at", "alert.created_at"),
    "secret_scanning_alert_location": ("alert.updated_at", "alert.created_at"),
    "security_advisory": ("security_advisory.updated_at",), "star": ("starred_at",), "status": ("updated_at",),
    "team": ("updated_at",),
}  # fmt: skip
"""Where the time lies, the first that has one; everything else happened when it came."""
_RELEASE: Final = {
    "created": "release.created_at", "published": "release.published_at", "released": "release.published_at",
    "prereleased": "release.published_at",
}  # fmt: skip
"""The document says `release.*_at`, by the action."""


def type_of(event: str, body: dict[str, Any]) -> str:
    """`com.github.push`, `com.github.issues.opened`, `com.github.create.tag`; a part the body lacks is left out."""
    parts = ["com.github", event]
    for path in SUFFIX.get(event, ("action",)):
        part = at(body, path)
        if isinstance(part, str) and part:
            parts.append(part)
    whole = ".".join(parts)
    return attribute(whole) or f"com.github.{event}"


def subject_of(event: str, body: dict[str, Any]) -> str | None:
    """What the event is about, as text."""
    path = SUBJECT.get(event)
    return attribute(at(body, path)) if path else None


def time_of(event: str, body: dict[str, Any]) -> datetime | None:
    """When it happened; None where the sender does not say."""
    if event == "release":
        return moment(body, _RELEASE.get(str(body.get("action")), "release.updated_at"))
    return moment(body, *TIME.get(event, ()))
