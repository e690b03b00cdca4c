"""`webhook`: any HTTP sender that posts a body, JSON or not; one event a delivery.

Settings (what `sources.<name>` in the settings file holds):

    auth:
      scheme: bearer | hmac | standard-webhooks | none
      header: X-Hub-Signature-256      # hmac: where the signature stands; bearer: default Authorization
      prefix: "sha256="                # hmac: what stands before it
      encoding: hex | base64           # hmac
      algorithm: sha256 | sha512       # hmac
      tolerance: 5m                    # standard-webhooks: how far the time may be off, both ways
    config:
      type: com.example.order          # CloudEvents type of its events; default `webhook.<name>`
      id: X-Delivery-Id                # header that names the delivery; default Idempotency-Key or webhook-id, if sent
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from eventflow.errors import Refused, SettingsError
from eventflow.plugin import Delivery, Draft, Source, SourceContext
from eventflow.plugin.toolkit.signatures import TOLERANCE, hmac_holds, standard_holds, standard_key, token_holds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ID_HEADERS = ("idempotency-key", "webhook-id")
_syntax: Final = msgspec.json.Decoder(msgspec.Raw).decode
"""Checks the syntax to the end and leaves the values alone."""
_TEXTUAL: Final = ("text/", "application/xml", "application/yaml", "application/x-www-form-urlencoded")


class Auth(msgspec.Struct, frozen=True):
    """Who may send; see the module's docstring."""

    scheme: str = ""
    header: str = ""
    prefix: str = ""
    encoding: str = "hex"
    algorithm: str = "sha256"
    tolerance: int = TOLERANCE


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The source's own settings."""

    type: str = ""
    id: str = ""


class Webhook(Source):
    """Checks the sender by the configured scheme and makes one event of the body."""

    name = "webhook"

    def __init__(self, context: SourceContext) -> None:
        """Raises `SettingsError` for a scheme that is unknown or lacks its secrets."""
        super().__init__(context)
        where = f"sources.{context.name}"
        try:
            self._auth = msgspec.convert(context.settings.get("auth", {}), Auth)
            self._config = msgspec.convert(context.settings.get("config", {}), Config)
        except msgspec.ValidationError as error:
            raise SettingsError(f"{where}: {error}") from error
        verifiers: dict[str, Callable[[Delivery], bool]] = {
            "bearer": self._bearer, "hmac": self._hmac, "standard-webhooks": self._standard, "none": lambda _: True,
        }  # fmt: skip
        if self._auth.scheme not in verifiers:
            known = ", ".join(verifiers)
            raise SettingsError(f"{where}.auth.scheme: {self._auth.scheme!r} is not one of {known}")
        if self._auth.scheme == "hmac" and not self._auth.header:
            raise SettingsError(f"{where}.auth.header is missing: the header that carries the signature")
        if self._auth.scheme != "none" and not context.secrets:
            raise SettingsError(f"{where}.auth.secrets is missing; write secrets: [env:NAME], or scheme: none")
        self._is_authentic = verifiers[self._auth.scheme]
        self._header = self._auth.header.lower()
        self._secrets = list(context.secrets)
        if self._auth.scheme == "standard-webhooks":
            self._secrets = [_standard_secret(secret, where) for secret in context.secrets]
        self._type = self._config.type or f"webhook.{context.name}"
        self._id_headers = (self._config.id.lower(),) if self._config.id else ID_HEADERS

    def verify(self, delivery: Delivery) -> None:
        """Every live secret is tried, so that two can be valid while they are changed."""
        if not self._is_authentic(delivery):
            raise Refused(401, "signature", "the credentials or the signature are missing or wrong")

    def _bearer(self, delivery: Delivery) -> bool:
        return token_holds(delivery, self._header or "authorization", self._secrets)

    def _hmac(self, delivery: Delivery) -> bool:
        auth = self._auth
        return hmac_holds(
            delivery, self._header, self._secrets, prefix=auth.prefix, encoding=auth.encoding, algorithm=auth.algorithm
        )

    def _standard(self, delivery: Delivery) -> bool:
        return standard_holds(delivery, self._secrets, self._auth.tolerance)

    def read(self, delivery: Delivery) -> Sequence[Draft]:
        """One event; its data is the body as its content type says."""
        id_ = None
        for name in self._id_headers:
            id_ = id_ or delivery.headers.get(name)
        return [Draft(type=self._type, id=id_ or None, data=_data(delivery))]


def _data(delivery: Delivery) -> Any:
    """JSON as it came (checked, not rebuilt), text as text, else bytes; nothing for an empty body."""
    body = delivery.body
    if not body:
        return None
    given = delivery.headers.get("content-type", "")
    if given == "application/json":
        return _json(body)
    kind, _, parameters = given.lower().partition(";")
    kind = kind.strip()
    if "charset=" in parameters and "utf-8" not in parameters and "ascii" not in parameters:
        raise Refused(415, "media-type", "only UTF-8 is taken")
    if kind in {"application/json", ""} or kind.endswith("+json"):
        return _json(body)
    if kind.startswith(_TEXTUAL):
        try:
            return body.decode()
        except UnicodeDecodeError:
            raise Refused(400, "malformed", "the body is not UTF-8") from None
    return body


def _json(body: bytes) -> msgspec.Raw:
    try:
        if not body.isascii():
            body.decode()
        return _syntax(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(400, "malformed", f"the body is not JSON: {error}") from None


def _standard_secret(secret: bytes, where: str) -> bytes:
    found = standard_key(secret)
    if found is None:
        raise SettingsError(f"{where}.auth.secrets: what follows whsec_ is not base64")
    return found
