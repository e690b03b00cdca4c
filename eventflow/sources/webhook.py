"""`webhook`: any HTTP sender that posts a body, JSON or not; one event a delivery.

Settings (what `sources.<name>` in the settings file holds):

    auth:
      scheme: bearer | hmac | standard-webhooks | none
      header: X-Hub-Signature-256      # hmac: where the signature stands; bearer: default Authorization
      prefix: "sha256="                # hmac: what stands before it
      encoding: hex | base64           # hmac
      algorithm: sha256 | sha512       # hmac
      tolerance: 300000000             # standard-webhooks: microseconds that the time may be off, both ways
    config:
      type: com.example.order          # CloudEvents type of its events; default `webhook.<name>`
      id: X-Delivery-Id                # header that names the delivery; default Idempotency-Key or webhook-id, if sent

Standard Webhooks is implemented from its specification (version 1): `webhook-signature` holds signatures separated by
spaces, `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`; a secret `whsec_…` is base64.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import TYPE_CHECKING, Any, Final

import msgspec

from eventflow.errors import Refused, SettingsError
from eventflow.plugin import Delivery, Draft, Source, SourceContext

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MICROS = 1_000_000
TOLERANCE = 300 * MICROS
ID_HEADERS = ("idempotency-key", "webhook-id")
MOST_SIGNATURES = 10
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
        self._prefix = self._auth.prefix
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
        header = self._header or "authorization"
        given = delivery.headers.get(header, "")
        if header in delivery.repeated:
            return False
        if header == "authorization":
            scheme, _, given = given.partition(" ")
            if scheme.lower() != "bearer":
                return False
        return _any_equal(_bytes(given.strip()), self._secrets)

    def _hmac(self, delivery: Delivery) -> bool:
        given = delivery.headers.get(self._header)
        if given is None or self._header in delivery.repeated or not given.startswith(self._prefix):
            return False
        signature = _unwritten(given[len(self._prefix) :].strip(), self._auth.encoding)
        if signature is None:
            return False
        wanted = [hmac.digest(secret, delivery.body, self._auth.algorithm) for secret in self._secrets]
        return _any_equal(signature, wanted)

    def _standard(self, delivery: Delivery) -> bool:
        names = ("webhook-id", "webhook-timestamp", "webhook-signature")
        id_, stamp, signatures = (delivery.headers.get(name, "") for name in names)
        if not (id_ and stamp and signatures) or delivery.repeated.intersection(names):
            return False
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
            return False
        if abs(int(stamp) * MICROS - delivery.received) > self._auth.tolerance:
            return False
        signed = _bytes(f"{id_}.{stamp}.") + delivery.body
        wanted = [hmac.digest(secret, signed, "sha256") for secret in self._secrets]
        given = [part[3:] for part in signatures.split(" ")[:MOST_SIGNATURES] if part.startswith("v1,")]
        found = [_unwritten(text, "base64") for text in given]
        return sum(_any_equal(signature, wanted) for signature in found if signature is not None) > 0

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
    if not secret.startswith(b"whsec_"):
        return secret
    found = _unwritten(secret[6:].decode("latin-1"), "base64")
    if found is None:
        raise SettingsError(f"{where}.auth.secrets: what follows whsec_ is not base64")
    return found


def _unwritten(text: str, encoding: str) -> bytes | None:
    """The bytes of a written signature; None for what is none. Only the canonical spelling counts."""
    try:
        if encoding == "hex":
            return binascii.unhexlify(text)
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return found if base64.b64encode(found).decode() == text else None


def _any_equal(given: bytes, wanted: Sequence[bytes]) -> bool:
    """All are compared, each in constant time, so that the time tells nothing of which or how far."""
    equal = 0
    for one in wanted:
        equal += hmac.compare_digest(given, one)
    return equal > 0


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
