"""Refusals as RFC 9457 problem documents: one closed list of codes, one way to write them.

A refusal says what was wrong with the request and nothing of the inside: no path, no stack, no version. `instance` is
the id under which the log has the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from eventflow import ports
from eventflow.errors import Conflict, NotFound, Overloaded, Refused, StorageError

if TYPE_CHECKING:
    from collections.abc import Mapping

MEDIA_TYPE = "application/problem+json"

CODES: dict[str, tuple[int, str]] = {
    "malformed": (400, "The request cannot be read as HTTP, JSON or what it says it is."),
    "credentials": (401, "A token is needed, and the one given is missing or not valid."),
    "signature": (401, "The signature is missing, wrong, or too old or too new."),
    "scope": (403, "The token does not carry the scope that this needs."),
    "reserved-name": (403, "Names beginning with 'eventflow' belong to the engine."),
    "host": (403, "The request names a host or an origin that this listener does not serve."),
    "not-found": (404, "There is no such thing here."),
    "method": (405, "This path does not take this method."),
    "timeout": (408, "The request took too long to arrive."),
    "conflict": (409, "The request contradicts what is there."),
    "other-body": (409, "An event with this source and id is known, with another body."),
    "too-large": (413, "The request is larger than what is taken."),
    "media-type": (415, "The content type or encoding is none that is taken."),
    "invalid": (422, "The request can be read, but says something that is not allowed."),
    "rate": (429, "This sender sends more than it may."),
    "header-too-large": (431, "The header of the request is larger than what is taken."),
    "internal": (500, "Something went wrong here; the log has it under this instance."),
    "overloaded": (503, "There is more to do than can be done in time."),
    "storage": (503, "The log or the store does not answer now; nothing was kept."),
    "draining": (503, "This process is shutting down."),
    "not-ready": (503, "This process is not ready yet."),
}
"""Code → HTTP status and title. The codes are stable and documented; nothing else is ever sent."""


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """The document. `type` is a name, not an address to fetch; `code` is its last part, for programs."""

    type: str
    title: str
    status: int
    code: str
    detail: str = ""
    instance: str = ""


def refused(code: str, detail: str, *, headers: Mapping[str, str] | None = None) -> Refused:
    """A refusal of the closed list, with its status."""
    return Refused(CODES[code][0], code, detail, headers=dict(headers or {}))


def overloaded(code: str, detail: str, retry_after: int = 1) -> Overloaded:
    """A refusal for now: 503 with `Retry-After` in seconds."""
    return Overloaded(detail, retry_after=retry_after, code=code)


def as_refusal(error: BaseException, *, reads: bool = False) -> Refused:
    """What a sender may be told of an error; an unknown one is `internal` and says nothing.

    `reads`: the request only asks.
    """
    if isinstance(error, Refused):
        return error
    if isinstance(error, StorageError) and reads:
        return overloaded("storage", "the log or the store cannot be read now, /readyz says why; ask again later", 5)
    if isinstance(error, StorageError):
        return overloaded("storage", "the event cannot be stored now; send it again later", 5)
    if isinstance(error, NotFound):
        return refused("not-found", str(error))
    if isinstance(error, Conflict):
        return refused("conflict", str(error))
    return refused("internal", "the request failed here; the log has it under this instance")


def document(refusal: Refused, instance: str) -> bytes:
    """The problem document of a refusal; a code outside the list (of a plugin) keeps its own word and sentence."""
    title = CODES.get(refusal.code, (refusal.status, refusal.detail))[1]
    problem = Problem(
        f"urn:eventflow:problem:{refusal.code}", title, refusal.status, refusal.code, refusal.detail, instance
    )
    return msgspec.json.encode(problem)


def new_instance() -> str:
    """A name for one refused request, for the sender and the log."""
    return "req_" + ports.random_bytes(8).hex()


def response(refusal: Refused, *, close: bool = False, instance: str = "") -> web.Response:
    """The HTTP answer to a refused request; `close` also ends the connection (the body was not read)."""
    instance = instance or new_instance()
    answer = web.Response(
        body=document(refusal, instance), status=refusal.status, content_type=MEDIA_TYPE, headers=refusal.headers
    )
    answer.headers["Cache-Control"] = "no-store"
    if refusal.status == 401:
        answer.headers.setdefault("WWW-Authenticate", "Bearer")
    if close:
        answer.force_close()
    return answer
