"""Every built-in source against the one contract, by each way to be authentic."""

import base64
import hmac

import msgspec
import pytest

from eventflow.errors import Refused, SettingsError
from eventflow.plugin import Delivery, SourceContext
from eventflow.sources.alertmanager import Alertmanager
from eventflow.sources.github import GitHub
from eventflow.sources.gitlab import GitLab
from eventflow.sources.webhook import Webhook
from eventflow.testing import SourceContract

RECEIVED = 1_700_000_000_000_000


def delivery(body, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Delivery(method="POST", path="/in/shop", query={}, headers=named, body=body, received=RECEIVED)


class WebhookContract(SourceContract):
    """What the ways have in common."""

    auth = {}  # noqa: RUF012 - one line each below
    bodies = (b'{"a": 1}', b"[]", b"\xff", b"[" * 100_000, b'{"a": 1, "a": 2}', b"1e999", b'"\\ud800"')

    def source(self, secrets):
        return Webhook(SourceContext("shop", {"auth": self.auth}, secrets))


class TestBearer(WebhookContract):
    auth = {"scheme": "bearer"}  # noqa: RUF012

    def authentic(self, body, secret):
        return delivery(body, authorization=f"Bearer {secret.decode()}", content_type="application/json")


class TestTokenInAHeader(WebhookContract):
    auth = {"scheme": "bearer", "header": "X-Gitlab-Token"}  # noqa: RUF012

    def authentic(self, body, secret):
        return delivery(body, x_gitlab_token=secret.decode(), content_type="application/json")


class TestHmacInHex(WebhookContract):
    auth = {"scheme": "hmac", "header": "X-Hub-Signature-256", "prefix": "sha256="}  # noqa: RUF012

    def authentic(self, body, secret):
        signature = hmac.new(secret, body, "sha256").hexdigest()
        return delivery(body, x_hub_signature_256=f"sha256={signature}", content_type="application/json")


class TestHmacInBase64(WebhookContract):
    auth = {"scheme": "hmac", "header": "X-Signature", "encoding": "base64"}  # noqa: RUF012

    def authentic(self, body, secret):
        signature = base64.b64encode(hmac.digest(secret, body, "sha256")).decode()
        return delivery(body, x_signature=signature, content_type="application/json")


class TestStandardWebhooks(WebhookContract):
    auth = {"scheme": "standard-webhooks"}  # noqa: RUF012

    def source(self, secrets):
        return super().source([b"whsec_" + base64.b64encode(secret) for secret in secrets])

    def authentic(self, body, secret):
        id_, stamp = "msg_1", str(RECEIVED // 1_000_000)
        signature = base64.b64encode(hmac.digest(secret, f"{id_}.{stamp}.".encode() + body, "sha256")).decode()
        return delivery(
            body, webhook_id=id_, webhook_timestamp=stamp, webhook_signature=f"v1,{signature}",
            content_type="application/json",
        )  # fmt: skip

    @pytest.mark.parametrize("minutes", [-6, 6])
    def test_an_old_or_early_signature_does_not_open(self, minutes):
        """A delivery that was overheard is of no use later."""
        secret = b"new-secret-0123456789abcdef"
        late = self.authentic(b"{}", secret)
        late = Delivery(
            method="POST", path=late.path, query={}, headers=late.headers, body=late.body,
            received=RECEIVED + minutes * 60_000_000,
        )  # fmt: skip
        self._refused(self.source([secret]), late)


class TestGitHub(SourceContract):
    bodies = (b'{"action": "opened"}', b"[]", b'{"repository": null}', b"\xff", b"payload=%7B%7D", b'{"n": 1e999}')

    def source(self, secrets):
        return GitHub(SourceContext("hub", {}, secrets))

    def authentic(self, body, secret):
        signature = hmac.new(secret, body, "sha256").hexdigest()
        return delivery(
            body, x_hub_signature_256=f"sha256={signature}", x_github_event="pull_request", x_github_delivery="d",
            content_type="application/json",
        )  # fmt: skip


class TestGitHubForm(TestGitHub):
    def authentic(self, body, secret):
        made = super().authentic(body, secret)
        return msgspec.structs.replace(
            made, headers={**made.headers, "content-type": "application/x-www-form-urlencoded"}
        )

    bodies = (b"payload=%7B%22action%22%3A1%7D", b"payload", b"&&&", b"payload=%7B%7D&payload=%7B%7D", b"\xff=1")


class TestGitLabToken(SourceContract):
    bodies = (
        b'{"object_kind": "push"}',
        b"[]",
        b'{"object_kind": "\\u0000"}',
        b'{"project": 5, "object_kind": "note"}',
    )

    def source(self, secrets):
        return GitLab(SourceContext("lab", {}, secrets))

    def authentic(self, body, secret):
        return delivery(body, x_gitlab_token=secret.decode(), x_gitlab_event="Push Hook", idempotency_key="k")


class TestGitLabSigned(TestStandardWebhooks):
    bodies = TestGitLabToken.bodies

    def source(self, secrets):
        return GitLab(SourceContext("lab", {}, [b"whsec_" + base64.b64encode(secret) for secret in secrets]))


class TestAlertmanagerBearer(SourceContract):
    bodies = (
        b'{"alerts": [{"labels": {"alertname": "A"}, "status": "firing"}]}', b'{"alerts": [null]}', b'{"alerts": {}}',
        b'{"alerts": [{"labels": {"a": [1]}, "startsAt": 5, "endsAt": "9999-12-31T23:59:59-10:00", "status": {}}]}',
    )  # fmt: skip

    def source(self, secrets):
        return Alertmanager(SourceContext("am", {}, secrets))

    def authentic(self, body, secret):
        return delivery(body, authorization=f"Bearer {secret.decode()}", content_type="application/json")


class TestAlertmanagerBasic(TestAlertmanagerBearer):
    def source(self, secrets):
        settings = {"auth": {"scheme": "basic"}, "config": {"username": "prometheus"}}
        return Alertmanager(SourceContext("am", settings, secrets))

    def authentic(self, body, secret):
        shown = base64.b64encode(b"prometheus:" + secret).decode()
        return delivery(body, authorization=f"Basic {shown}", content_type="application/json")


class TestGrafanaSigned(TestAlertmanagerBearer):
    """As Grafana 12 signs: hex over the body."""

    def source(self, secrets):
        return Alertmanager(SourceContext("am", {"auth": {"scheme": "hmac"}}, secrets))

    def authentic(self, body, secret):
        signature = hmac.new(secret, body, "sha256").hexdigest()
        return delivery(body, x_grafana_alerting_signature=signature, content_type="application/json")

    def test_a_token_is_no_signature(self):
        source = self.source([b"secret"])
        with pytest.raises(Refused):
            source.verify(delivery(b"{}", authorization="Bearer secret"))


class TestGrafanaSignedWithItsTime(TestAlertmanagerBearer):
    """With a timestamp header, and another name for the signature: hex over `<seconds>:<body>`."""

    def source(self, secrets):
        auth = {"scheme": "hmac", "header": "X-Signature", "tolerance": 300_000_000}
        settings = {"auth": auth, "config": {"timestamp_header": "X-Timestamp"}}
        return Alertmanager(SourceContext("am", settings, secrets))

    def authentic(self, body, secret, seconds=RECEIVED // 1_000_000):
        signature = hmac.new(secret, f"{seconds}:".encode() + body, "sha256").hexdigest()
        return delivery(body, x_signature=signature, x_timestamp=str(seconds), content_type="application/json")

    @pytest.mark.parametrize("minutes", [-6, 6])
    def test_an_old_or_early_signature_does_not_open(self, minutes):
        """A delivery that was overheard is of no use later."""
        with pytest.raises(Refused):
            self.source([b"secret"]).verify(self.authentic(b"{}", b"secret", RECEIVED // 1_000_000 + 60 * minutes))

    @pytest.mark.parametrize("stamp", [None, "", "soon", "-1", "1" * 13])
    def test_without_its_time_it_does_not_open(self, stamp):
        given = self.authentic(b"{}", b"secret")
        headers = {name: value for name, value in given.headers.items() if name != "x-timestamp"}
        headers |= {} if stamp is None else {"x-timestamp": stamp}
        with pytest.raises(Refused):
            self.source([b"secret"]).verify(msgspec.structs.replace(given, headers=headers))

    def test_the_body_alone_does_not_open(self):
        given = self.authentic(b"{}", b"secret")
        signature = hmac.new(b"secret", b"{}", "sha256").hexdigest()
        with pytest.raises(Refused):
            self.source([b"secret"]).verify(
                msgspec.structs.replace(given, headers=given.headers | {"x-signature": signature})
            )


@pytest.mark.parametrize(
    ("auth", "config", "says"),
    [
        ({"scheme": "standard-webhooks"}, {}, "auth.scheme: Alertmanager has bearer and basic, Grafana hmac"),
        ({"header": "X-S"}, {}, "auth: header and prefix: it is always Authorization but for hmac"),
        ({"scheme": "hmac", "prefix": "sha256="}, {}, "auth.prefix: nothing stands before"),
        ({"scheme": "hmac", "encoding": "base64"}, {}, "auth: Grafana signs with SHA-256, in hex"),
        ({"scheme": "hmac"}, {"username": "x"}, "config.username: there is: timestamp_header"),
        ({"scheme": "bearer"}, {"timestamp_header": "x"}, "config.timestamp_header: there is (with scheme: hmac)"),
        ({"scheme": "hmac"}, {"timestamp_header": 3}, "config.timestamp_header is a text"),
    ],
)
def test_what_alertmanager_does_not_take(auth, config, says):
    with pytest.raises(SettingsError) as caught:
        Alertmanager(SourceContext("am", {"auth": auth, "config": config}, [b"secret"]))
    assert str(caught.value).startswith(f"sources.am.{says}")
