"""Who sent this: tokens, HMACs over raw bytes, Standard Webhooks; in constant time, with several live secrets.

Every function answers true or false and raises nothing, whatever the header holds. A header that comes twice counts as
wrong: two readers might take different ones.

Standard Webhooks is implemented from its specification (version 1): `webhook-signature` holds signatures separated by
spaces, `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`; a secret `whsec_…` is base64.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eventflow.model.event import Micros
    from eventflow.plugin.source import Delivery

STANDARD_PREFIX: Final = b"whsec_"
STANDARD_HEADERS: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")
TOLERANCE: Final[Micros] = 300_000_000
"""How far the time of a Standard Webhook may be off, both ways."""
_MICROS: Final = 1_000_000
_MOST: Final = 10
"""Signatures that are looked at in one header."""


def any_equal(given: bytes, wanted: Sequence[bytes]) -> bool:
    """All are compared, each in constant time, so that the time tells nothing of which or how far."""
    equal = 0
    for one in wanted:
        equal += hmac.compare_digest(given, one)
    return equal > 0


def header_bytes(text: str) -> bytes:
    """A header's value as the bytes that came."""
    return text.encode("utf-8", "surrogateescape")


def unwritten(text: str, encoding: str) -> bytes | None:
    """The bytes of a written signature (`hex` or `base64`); None for what is none. Base64 only in its one spelling."""
    try:
        if encoding == "hex":
            return binascii.unhexlify(text)
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return found if base64.b64encode(found).decode() == text else None


def token_holds(delivery: Delivery, header: str, secrets: Sequence[bytes]) -> bool:
    """Whether the header, by its lower-case name, is one of the secrets; in `authorization` behind `Bearer`."""
    given = delivery.headers.get(header, "")
    if header in delivery.repeated:
        return False
    if header == "authorization":
        scheme, _, given = given.partition(" ")
        if scheme.lower() != "bearer":
            return False
    return any_equal(header_bytes(given.strip()), secrets)


def password_holds(delivery: Delivery, secrets: Sequence[bytes], username: str | None = None) -> bool:
    """Whether `authorization` is `Basic` with one of the secrets as password; any user name unless one is given."""
    scheme, _, given = delivery.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic" or "authorization" in delivery.repeated:
        return False
    user, colon, password = (unwritten(given.strip(), "base64") or b"").partition(b":")
    right_user = username is None or hmac.compare_digest(user, username.encode())
    return any_equal(password, secrets) and right_user and colon == b":"


def hmac_holds(
    delivery: Delivery,
    header: str,
    secrets: Sequence[bytes],
    *,
    prefix: str = "",
    encoding: str = "hex",
    algorithm: str = "sha256",
    stamp: str = "",
    tolerance: Micros = TOLERANCE,
) -> bool:
    """Whether the header is the HMAC of the body's raw bytes under one of the secrets.

    `stamp` names a header with Unix seconds, which is signed too, with a colon behind it, and must be of now (Grafana).
    """
    signed = delivery.body
    if stamp:
        seconds = _of_now(delivery, stamp, tolerance)
        if seconds is None:
            return False
        signed = header_bytes(f"{seconds}:") + signed
    given = delivery.headers.get(header)
    if given is None or header in delivery.repeated or not given.startswith(prefix):
        return False
    signature = unwritten(given[len(prefix) :].strip(), encoding)
    if signature is None:
        return False
    return any_equal(signature, [hmac.digest(secret, signed, algorithm) for secret in secrets])


def _of_now(delivery: Delivery, header: str, tolerance: Micros) -> str | None:
    """The header's Unix seconds as they are written; None when they are none, come twice, or are not of now."""
    stamp = delivery.headers.get(header, "")
    if header in delivery.repeated or not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
        return None
    return stamp if abs(int(stamp) * _MICROS - delivery.received) <= tolerance else None


def standard_holds(delivery: Delivery, keys: Sequence[bytes], tolerance: Micros = TOLERANCE) -> bool:
    """Whether the delivery is a Standard Webhook of now, signed by one of the keys (see `standard_key`)."""
    id_, _, signatures = (delivery.headers.get(name, "") for name in STANDARD_HEADERS)
    stamp = _of_now(delivery, STANDARD_HEADERS[1], tolerance)
    if not (id_ and stamp and signatures) or delivery.repeated.intersection(STANDARD_HEADERS):
        return False
    signed = header_bytes(f"{id_}.{stamp}.") + delivery.body
    wanted = [hmac.digest(key, signed, "sha256") for key in keys]
    given = [part[3:] for part in signatures.split(" ")[:_MOST] if part.startswith("v1,")]
    found = [unwritten(text, "base64") for text in given]
    return sum(any_equal(signature, wanted) for signature in found if signature is not None) > 0


def standard_key(secret: bytes) -> bytes | None:
    """The key of a Standard Webhooks secret: behind `whsec_` it is base64, else the secret itself. None: no base64."""
    if not secret.startswith(STANDARD_PREFIX):
        return secret
    return unwritten(secret[len(STANDARD_PREFIX) :].decode("latin-1"), "base64")
