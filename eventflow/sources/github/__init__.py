"""`github`: webhooks of GitHub, GitHub Enterprise Server and GitHub Apps; one event a delivery.

Authentic is what carries `X-Hub-Signature-256`, an HMAC-SHA256 over the raw body (docs.github.com, "Validating webhook
deliveries"); the older SHA-1 header is never looked at. A delivery is known by `X-GitHub-Delivery`, so a redelivery by
hand is a duplicate. Neither that header nor `X-GitHub-Event` is signed by GitHub. `ping` is answered and forgotten.

Settings: `auth: {secrets: [env:NAME]}`; `auth: none` (loopback only) is the switch for a relay on this machine that
rewrites the bodies and so breaks their signatures.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from eventflow.errors import Refused, SettingsError
from eventflow.plugin import Delivery, Draft, Source, SourceContext
from eventflow.plugin.toolkit.payload import attribute, json_body, json_object
from eventflow.plugin.toolkit.signatures import hmac_holds
from eventflow.sources.github import kinds, official

if TYPE_CHECKING:
    from collections.abc import Sequence

SIGNATURE: Final = "x-hub-signature-256"
_EVENT: Final = re.compile(r"[A-Za-z0-9_.-]{1,100}")


class GitHub(Source):
    """Webhooks of GitHub: one event a delivery, of the official type and in the shape of all code hosts."""

    name = "github"

    def __init__(self, context: SourceContext) -> None:
        """Raises `SettingsError` without a secret or with a scheme that GitHub does not have."""
        super().__init__(context)
        where = f"sources.{context.name}"
        auth = context.settings.get("auth") or {}
        scheme = auth.get("scheme")
        if scheme not in {None, "hmac", "none"}:
            raise SettingsError(f"{where}.auth.scheme: GitHub signs with an HMAC; leave scheme away, not {scheme!r}")
        if auth.get("header") or auth.get("prefix"):
            raise SettingsError(
                f"{where}.auth: header and prefix are GitHub's own; leave them away, or use type: webhook"
            )
        if context.settings.get("config"):
            raise SettingsError(f"{where}.config: github has no settings of its own")
        self._open = scheme == "none"
        if not self._open and not context.secrets:
            raise SettingsError(
                f"{where}.auth.secrets is missing: write auth: {{secrets: [env:NAME]}} with the secret of the webhook"
            )
        self._secrets = list(context.secrets)

    def verify(self, delivery: Delivery) -> None:
        """Every live secret is tried, so that two can be valid while they are changed."""
        if not (self._open or hmac_holds(delivery, SIGNATURE, self._secrets, prefix="sha256=")):
            raise Refused(401, "signature", "X-Hub-Signature-256 is missing or wrong")

    def read(self, delivery: Delivery) -> Sequence[Draft]:
        """One event; none for a ping."""
        event = delivery.headers.get("x-github-event", "")
        if not _EVENT.fullmatch(event) or "x-github-event" in delivery.repeated:
            raise Refused(400, "malformed", "the header X-GitHub-Event is missing or no name of an event")
        raw = json_body(delivery, form_field="payload")
        body = json_object(raw)
        if event == "ping":
            return []
        kind = kinds.kind_of(event, body)
        data = kinds.data_of(event, kind, body)
        place = attribute(data["repository"]["full_name"])
        return [
            Draft(
                type=official.type_of(event, body), kind=kind, id=attribute(delivery.headers.get("x-github-delivery")),
                subject=official.subject_of(event, body), time=official.time_of(event, body), data=data, body=raw,
                extensions={"partitionkey": place} if place else {},
            )
        ]  # fmt: skip
