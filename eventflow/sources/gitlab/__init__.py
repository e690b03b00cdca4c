"""`gitlab`: webhooks of projects and groups and system hooks of GitLab; one event a delivery.

Two ways to be authentic, as GitLab has them (docs.gitlab.com, "Webhooks"): a secret token in `X-Gitlab-Token`, and in
newer releases a signature by Standard Webhooks with a signing token `whsec_…`. A delivery that carries a signature must
pass by it and never falls back to the token, or an old token would undo the signature.

A delivery is known by `webhook-id` where it is signed, else by `Idempotency-Key` (GitLab 17.4 and later), else by its
bytes. `X-Gitlab-Event-UUID` is no identity: hooks that one event sets off share it.

Settings: `auth: {secrets: [env:NAME, …]}`, where `whsec_…` are signing tokens and all others secret tokens;
`scheme: standard-webhooks` takes signed deliveries only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from eventflow.errors import Refused, SettingsError
from eventflow.plugin import Delivery, Draft, Source, SourceContext
from eventflow.plugin.toolkit.payload import attribute, json_body, json_object
from eventflow.plugin.toolkit.signatures import (
    STANDARD_HEADERS,
    STANDARD_PREFIX,
    TOLERANCE,
    standard_holds,
    standard_key,
    token_holds,
)
from eventflow.sources.gitlab import kinds, official

if TYPE_CHECKING:
    from collections.abc import Sequence

TOKEN: Final = "x-gitlab-token"  # noqa: S105 - the header's name
SIGNATURE: Final = STANDARD_HEADERS[2]


class GitLab(Source):
    """Webhooks of GitLab: one event a delivery, of the official type and in the shape of all code hosts."""

    name = "gitlab"

    def __init__(self, context: SourceContext) -> None:
        """Raises `SettingsError` without a secret that fits the scheme."""
        super().__init__(context)
        where = f"sources.{context.name}"
        auth = context.settings.get("auth") or {}
        self._scheme = auth.get("scheme")
        self._tolerance = auth.get("tolerance", TOLERANCE)
        if self._scheme not in {None, "bearer", "standard-webhooks", "none"}:
            raise SettingsError(
                f"{where}.auth.scheme: GitLab has a token (bearer) and a signature (standard-webhooks), not "
                f"{self._scheme!r}; leave scheme away to take both"
            )
        if auth.get("header") or auth.get("prefix"):
            raise SettingsError(
                f"{where}.auth: header and prefix are GitLab's own; leave them away, or use type: webhook"
            )
        if context.settings.get("config"):
            raise SettingsError(f"{where}.config: gitlab has no settings of its own")
        self._tokens = [one for one in context.secrets if not one.startswith(STANDARD_PREFIX)]
        signing = [standard_key(one) for one in context.secrets if one.startswith(STANDARD_PREFIX)]
        self._keys = [key for key in signing if key is not None]
        if len(self._keys) < len(signing):
            raise SettingsError(f"{where}.auth.secrets: what follows whsec_ is not base64")
        if self._scheme == "standard-webhooks":
            self._tokens = []
        if self._scheme != "none" and not (self._tokens or self._keys):
            raise SettingsError(
                f"{where}.auth.secrets is missing: write auth: {{secrets: [env:NAME]}} with the secret token of the "
                "webhook, or its signing token whsec_…"
            )

    def verify(self, delivery: Delivery) -> None:
        """Every live secret is tried, so that two can be valid while they are changed."""
        if self._scheme == "none":
            return
        if SIGNATURE in delivery.headers:
            if not standard_holds(delivery, self._keys, self._tolerance):
                raise Refused(401, "signature", "webhook-signature does not hold, and a token does not replace it")
        elif not token_holds(delivery, TOKEN, self._tokens):
            raise Refused(401, "signature", "X-Gitlab-Token is missing or wrong")

    def read(self, delivery: Delivery) -> Sequence[Draft]:
        """One event."""
        raw = json_body(delivery)
        body = json_object(raw)
        event = official.event_of(body, delivery.headers.get("x-gitlab-event", ""))
        if event is None:
            raise Refused(
                422, "invalid", "neither object_kind, event_name nor the header X-Gitlab-Event say what it is"
            )
        known_by = "webhook-id" if SIGNATURE in delivery.headers else "idempotency-key"
        kind = kinds.kind_of(event)
        data = kinds.data_of(event, kind, body)
        place = attribute(data["repository"]["full_name"])
        return [
            Draft(
                type=official.type_of(event, body), kind=kind, id=attribute(delivery.headers.get(known_by)),
                subject=official.subject_of(event, body), time=official.time_of(event, body), data=data, body=raw,
                extensions={"partitionkey": place} if place else {},
            )
        ]  # fmt: skip
