"""`alertmanager`: notifications of Prometheus Alertmanager and of what speaks its format (Grafana, Mimir, vmalert).

Alertmanager sends groups and has no delivery id, no time and no signature (webhook version 4); so each alert becomes an
event of its own, known by fingerprint, `startsAt` and status. Whatever sends it again is then a duplicate: a retry, a
`repeat_interval` reminder, another member of a cluster, a group that is sent since one of its members changed. A flap
has a new `startsAt` and is new. An alert that is absent from a later group is not resolved; only `resolved` says that.

The outer `status` is that of the group and says nothing of one alert; `0001-01-01T00:00:00Z` means: no end.

Settings: `auth: {secrets: [env:NAME]}` takes the secret as bearer token or as the password of basic auth;
`scheme: bearer` or `basic` takes one of them, `config: {username: …}` asks for a user name as well. `scheme: hmac`
takes Grafana's HMAC signature (12.0 and later) and nothing else: hex of HMAC-SHA256 over the body, in
`X-Grafana-Alerting-Signature` unless `header` names another; where Grafana is given a timestamp header, its name is
`config: {timestamp_header: …}`: then `<Unix seconds>:<body>` is signed, and the time must be within `tolerance`.
"""

from __future__ import annotations

import math
import re
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

import msgspec

from eventflow.errors import Refused, SettingsError
from eventflow.model.event import format_time, to_micros
from eventflow.plugin import Delivery, Draft, Source, SourceContext
from eventflow.plugin.toolkit.payload import attribute, json_body, json_object, moment, number, text, texts
from eventflow.plugin.toolkit.signatures import TOLERANCE, hmac_holds, password_holds, token_holds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

TYPE: Final = "io.prometheus.alert"
SIGNATURE: Final = "X-Grafana-Alerting-Signature"
SERVICE: Final = ("service", "service_name", "app", "application", "job")
"""Labels that name the service, in this order."""
STATES: Final = {
    "firing": "firing", "alerting": "firing", "resolved": "resolved", "ok": "resolved", "normal": "resolved",
}  # fmt: skip
"""What senders write as an alert's status. Any other word is kept: `alert.<word>`."""
FIELDS: Final = {
    "name": "label `alertname`", "severity": "label `severity`, else the annotation",
    "service": "the first of the labels " + ", ".join(f"`{label}`" for label in SERVICE),
    "status": "`firing` or `resolved`: the alert's own, not the group's", "labels": "all labels, as texts",
    "annotations": "all annotations, as texts",
    "fingerprint": "what stays the same while an alert comes and goes; without one a hash of the labels",
    "group": "what it came in: `key`, `receiver`, `status`, `labels`, `common_labels`, `common_annotations`, `url`, "
    "`title`, `alerts` (how many came) and `truncated` (how many `max_alerts` cut off)",
    "starts": "when it began", "ends": "when it ended; null while it fires",
    "links": "`generator`, `runbook`, `dashboard`, `panel`, `silence`, `image`, `alertmanager`: those there are",
    "value": "the annotation `value` as a number, else Grafana's only value, else null",
    "values": "Grafana's values by name",
}  # fmt: skip
"""The fields of `data`, for the reference."""
_WORD: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_alerts: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_many: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode


class Alertmanager(Source):
    """Notifications of Alertmanager and of Grafana's alerting: one event for each alert of a group."""

    name = "alertmanager"

    def __init__(self, context: SourceContext) -> None:
        """Raises `SettingsError` without a secret or with settings that it does not have."""
        super().__init__(context)
        where = f"sources.{context.name}"
        auth = context.settings.get("auth") or {}
        self._scheme = auth.get("scheme")
        _check_auth(f"{where}.auth", auth, self._scheme)
        config = _config(f"{where}.config", context.settings.get("config") or {}, self._scheme)
        self._username: str | None = config.get("username")
        self._stamp: str = config.get("timestamp_header", "").lower()
        self._header: str = (auth.get("header") or SIGNATURE).lower()
        self._tolerance: int = auth.get("tolerance", TOLERANCE)
        if self._scheme != "none" and not context.secrets:
            raise SettingsError(
                f"{where}.auth.secrets is missing: write auth: {{secrets: [env:NAME]}} with the bearer token or the "
                "password that Alertmanager sends, or auth: none where both run on this machine"
            )
        self._secrets = list(context.secrets)

    def verify(self, delivery: Delivery) -> None:
        """Every live secret is tried, so that two can be valid while they are changed."""
        if self._scheme == "none":
            return
        if self._scheme == "hmac":
            stamp, tolerance = self._stamp, self._tolerance
            if not hmac_holds(delivery, self._header, self._secrets, stamp=stamp, tolerance=tolerance):
                raise Refused(401, "signature", "the signature is missing or wrong, or its time is not of now")
            return
        holds = False
        if self._scheme != "basic" and self._username is None:
            holds = token_holds(delivery, "authorization", self._secrets)
        if self._scheme != "bearer":
            holds |= password_holds(delivery, self._secrets, self._username)
        if not holds:
            raise Refused(401, "signature", "the token or password in Authorization is missing or wrong")

    def read(self, delivery: Delivery) -> Sequence[Draft]:
        """The alerts of the group, in its order; none for an empty group."""
        raw = json_body(delivery)
        body = json_object(raw)
        alerts = body.get("alerts")
        if not isinstance(alerts, list):
            raise Refused(422, "invalid", "there is no list `alerts`; this takes what Alertmanager's webhook sends")
        wrong = next((place for place, one in enumerate(alerts) if not isinstance(one, dict)), None)
        if wrong is not None:
            raise Refused(422, "invalid", f"alerts[{wrong}] is no object")
        group = _group(body, len(alerts))
        bytes_of = _many(_alerts(raw)["alerts"]) if alerts else []
        return [_draft(one, own, group, delivery) for one, own in zip(alerts, bytes_of, strict=True)]


def _check_auth(where: str, auth: Mapping[str, Any], scheme: str | None) -> None:
    """Raises `SettingsError`."""
    if scheme not in {None, "bearer", "basic", "hmac", "none"}:
        raise SettingsError(
            f"{where}.scheme: Alertmanager has bearer and basic, Grafana hmac as well, not {scheme!r}; leave scheme "
            "away to take bearer and basic"
        )
    if (auth.get("header") or auth.get("prefix")) and scheme != "hmac":
        raise SettingsError(f"{where}: header and prefix: it is always Authorization but for hmac; leave them away")
    if auth.get("prefix"):
        raise SettingsError(f"{where}.prefix: nothing stands before Grafana's signature; leave it away")
    if auth.get("encoding", "hex") != "hex" or auth.get("algorithm", "sha256") != "sha256":
        raise SettingsError(f"{where}: Grafana signs with SHA-256, in hex; leave encoding and algorithm away")


def _config(where: str, config: Mapping[str, Any], scheme: str | None) -> Mapping[str, Any]:
    """The source's own settings. Raises `SettingsError`."""
    known = {"timestamp_header"} if scheme == "hmac" else {"username"}
    for name, value in config.items():
        if name not in known:
            only = " (with scheme: hmac)" if name == "timestamp_header" else ""
            raise SettingsError(f"{where}.{name}: there is{only}: {', '.join(known)}")
        if not isinstance(value, str) or not value:
            raise SettingsError(f"{where}.{name} is a text")
    return config


def _draft(alert: dict[str, Any], raw: msgspec.Raw, group: dict[str, Any], delivery: Delivery) -> Draft:
    labels, annotations = texts(alert.get("labels")), texts(alert.get("annotations"))
    starts, ends = moment(alert, "startsAt"), moment(alert, "endsAt")
    status = _status(alert, ends, delivery)
    fingerprint = _fingerprint(alert, labels)
    data = {
        "name": labels.get("alertname") or labels.get("rulename") or None,
        "severity": labels.get("severity") or annotations.get("severity") or None,
        "service": next((labels[name] for name in SERVICE if labels.get(name)), None),
        "status": status, "labels": labels, "annotations": annotations, "fingerprint": fingerprint, "group": group,
        "starts": starts and format_time(starts), "ends": ends and format_time(ends),
        "links": _links(alert, annotations, group), "value": _value(alert, annotations), "values": _values(alert),
    }  # fmt: skip
    return Draft(
        type=f"{TYPE}.{status}", kind=f"alert.{status}", id=_id(fingerprint, starts, status, raw), sender_id=False,
        subject=attribute(data["name"]), time=ends or starts if status == "resolved" else starts, data=data, body=raw,
        extensions={"partitionkey": fingerprint},
    )  # fmt: skip


def _group(body: dict[str, Any], alerts: int) -> dict[str, Any]:
    """What the alerts came in; `truncated` counts those that `max_alerts` cut off."""
    return {
        "key": text(body, "groupKey"), "receiver": text(body, "receiver"), "status": text(body, "status"),
        "labels": texts(body.get("groupLabels")), "common_labels": texts(body.get("commonLabels")),
        "common_annotations": texts(body.get("commonAnnotations")), "url": text(body, "externalURL"),
        "title": text(body, "title"), "alerts": alerts, "truncated": max(0, number(body, "truncatedAlerts") or 0),
    }  # fmt: skip


def _status(alert: dict[str, Any], ends: datetime | None, delivery: Delivery) -> str:
    """The alert's own word; without one it is over when its end has come."""
    word = (text(alert, "status", "state", "status.state") or "").strip().lower()
    if word in STATES:
        return STATES[word]
    if _WORD.fullmatch(word):
        return word
    return "resolved" if ends is not None and to_micros(ends) <= delivery.received else "firing"


def _fingerprint(alert: dict[str, Any], labels: dict[str, str]) -> str:
    """Alertmanager's own hash of the labels, or ours where the sender gives none (before 0.19, and others)."""
    given = text(alert, "fingerprint")
    if given is not None and _PLAIN.fullmatch(given):
        return given
    parts = [part for pair in sorted(labels.items()) for part in pair] if given is None else [given]
    return _hash(*(part.encode() for part in parts))


def _id(fingerprint: str, starts: datetime | None, status: str, raw: msgspec.Raw) -> str:
    """Without a start nothing tells a second time from a repeat but the bytes."""
    since = format_time(starts) if starts else _hash(bytes(raw))
    return f"{fingerprint}/{since}/{status}"


def _hash(*parts: bytes) -> str:
    found = blake2b(digest_size=8)
    for part in parts:
        found.update(len(part).to_bytes(8, "big") + part)
    return found.hexdigest()


def _links(alert: dict[str, Any], annotations: dict[str, str], group: dict[str, Any]) -> dict[str, str]:
    """Where people look: only what the sender gave."""
    found = {
        "generator": text(alert, "generatorURL"), "runbook": annotations.get("runbook_url"),
        "dashboard": text(alert, "dashboardURL") or annotations.get("dashboard_url"), "panel": text(alert, "panelURL"),
        "silence": text(alert, "silenceURL"), "image": text(alert, "imageURL"), "alertmanager": group["url"],
    }  # fmt: skip
    return {name: link for name, link in found.items() if link}


def _values(alert: dict[str, Any]) -> dict[str, float]:
    """The numbers that Grafana gives by name; the version before gave none."""
    given = alert.get("values")
    given = given if isinstance(given, dict) else {}
    return {name: one for name, one in given.items() if isinstance(one, (int, float)) and not isinstance(one, bool)}


def _value(alert: dict[str, Any], annotations: dict[str, str]) -> float | None:
    """The number that fired: the annotation `value` where a rule writes one, or Grafana's where there is only one."""
    try:
        found = float(annotations.get("value", ""))
    except ValueError:
        values = list(_values(alert).values())
        return values[0] if len(values) == 1 else None
    return found if math.isfinite(found) else None
