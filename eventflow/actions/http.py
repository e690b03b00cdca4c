"""`http.request`: one HTTP request to the outside, through the egress guard.

Every try of one visit of a step carries the same `Idempotency-Key` (W19), so a receiver that knows the header does the
thing once however often we had to ask. With `sign` the request is signed as Standard Webhooks describes
(`webhook-id`, `webhook-timestamp`, `webhook-signature`). Redirects are not followed; answers are read up to a limit.
"""

from __future__ import annotations

import base64
import hmac
from typing import Any, Literal
from urllib.parse import urlsplit

import aiohttp
import orjson
from pydantic import BaseModel, ConfigDict, Field, model_validator

from eventflow import ports
from eventflow.errors import ActionError
from eventflow.plugin import Action, Attempt
from eventflow.web.egress import EgressDenied, guarded_connector

ANSWER_LIMIT = 1 << 20
"""Bytes of an answer's body that are read; a longer one is an error."""
OVERALL = 120.0
"""Seconds for one request where the step sets no `timeout`."""


class HttpRequest(Action):
    """Ask, and give `status`, `headers`, `json` (where the answer is JSON) and `text`.

    A status outside `expect` (default: 200 to 299) is an error whose code is the status; no connection is the error
    `connection`, an address that may not be reached `egress`.
    """

    name = "http.request"
    idempotent = True

    class Inputs(BaseModel):
        """What `with` holds."""

        model_config = ConfigDict(extra="forbid", populate_by_name=True)
        method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = Field(
            "GET", description="the verb"
        )
        url: str = Field(description="where to; what may be reached is in the settings: egress.allow")
        query: dict[str, Any] = Field({}, description="parameters that are added to the URL")
        headers: dict[str, Any] = Field(
            {}, description="headers beside `Idempotency-Key` and `traceparent`, which are sent"
        )
        json_: Any = Field(default=None, alias="json", description="what is sent, as JSON")
        body: str | None = Field(None, description="what is sent, as it is; not beside `json`")
        auth: str | dict[str, Any] | None = Field(
            None, description="a bearer token, or `{bearer: …}`, or `{username: …, password: …}`"
        )
        sign: str | None = Field(None, description="a secret by which the request is signed (Standard Webhooks)")
        expect: list[int] | None = Field(None, description="statuses that are no error; without it 200 to 299")

        @model_validator(mode="after")
        def one_body(self) -> HttpRequest.Inputs:
            """`json` or `body`, not both."""
            if self.json_ is not None and self.body is not None:
                raise ValueError("give json or body, not both")
            return self

    async def open(self) -> None:
        """One session for all requests: connections are kept."""
        self._session = aiohttp.ClientSession(
            connector=guarded_connector(self.context.egress_allow),
            timeout=aiohttp.ClientTimeout(total=OVERALL, sock_connect=10),
            auto_decompress=True,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def run(self, inputs: Any, attempt: Attempt) -> dict[str, Any]:
        """Send it once and read the answer."""
        try:
            body = _body(inputs)
            async with self._session.request(
                inputs.method,
                inputs.url,
                params={name: _text(value) for name, value in inputs.query.items()},
                headers=_headers(inputs, attempt, body),
                data=body,
                allow_redirects=False,
            ) as answer:
                content = await _content(answer)
        except EgressDenied as error:
            raise ActionError(str(error), code="egress") from error
        except TimeoutError as error:
            raise ActionError(f"no answer from {_host(inputs.url)} in time", code="timeout", retryable=True) from error
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError, orjson.JSONEncodeError, ValueError) as error:
            raise ActionError(f"the request cannot be sent: {error}", code="request") from error
        except (aiohttp.ClientError, OSError) as error:
            denied = _denied(error)
            if denied is not None:
                raise ActionError(str(denied), code="egress") from error
            text = f"no connection to {_host(inputs.url)}: {str(error) or type(error).__name__}"
            raise ActionError(text, code="connection", retryable=True) from error
        return _outputs(inputs, answer, content)


def _outputs(inputs: Any, answer: aiohttp.ClientResponse, content: bytes) -> dict[str, Any]:
    text = content.decode(answer.charset or "utf-8", "replace")
    expected = answer.status in inputs.expect if inputs.expect is not None else 200 <= answer.status < 300
    if not expected:
        again = answer.status >= 500 or answer.status in {408, 429}
        said = f"{inputs.method} {_host(inputs.url)} answered {answer.status}: {text[:200]}"
        raise ActionError(said, code=str(answer.status), retryable=again)
    headers = {name.lower(): value for name, value in answer.headers.items()}
    parsed: Any = None
    if "json" in answer.content_type:
        try:
            parsed = orjson.loads(content)
        except orjson.JSONDecodeError:
            parsed = None
    return {"status": answer.status, "headers": headers, "json": parsed, "text": text}


def _body(inputs: Any) -> bytes | None:
    if inputs.json_ is not None:
        return orjson.dumps(inputs.json_)
    return None if inputs.body is None else inputs.body.encode()


def _headers(inputs: Any, attempt: Attempt, body: bytes | None) -> dict[str, str]:
    headers = {"User-Agent": "eventflow", "Idempotency-Key": attempt.idempotency_key}
    if attempt.traceparent:
        headers["traceparent"] = attempt.traceparent
    if inputs.json_ is not None:
        headers["Content-Type"] = "application/json"
    headers |= _authorization(inputs.auth)
    if inputs.sign is not None:
        headers |= _signature(inputs.sign, attempt.idempotency_key, body or b"")
    headers |= {name: _text(value) for name, value in inputs.headers.items()}
    for name, value in headers.items():
        if any(c in name + value for c in "\r\n\0"):
            raise ActionError(f"header {name!r} holds a line break", code="request")
    return headers


def _authorization(auth: str | dict[str, Any] | None) -> dict[str, str]:
    """A text is a bearer token; `{bearer: …}` and `{username: …, password: …}` are written out."""
    if auth is None:
        return {}
    if isinstance(auth, str):
        return {"Authorization": f"Bearer {auth}"}
    if set(auth) == {"bearer"}:
        return {"Authorization": f"Bearer {auth['bearer']}"}
    if set(auth) == {"username", "password"}:
        pair = base64.b64encode(f"{auth['username']}:{auth['password']}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}
    raise ActionError("auth must be a token, {bearer: …} or {username: …, password: …}", code="request")


def _signature(secret: str, key: str, body: bytes) -> dict[str, str]:
    """Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`, base64, version 1."""
    stamp = str(ports.wall() // ports.SECOND)
    written = secret.removeprefix("whsec_")
    raw = base64.b64decode(written, validate=True) if written != secret else secret.encode()
    if not raw:
        raise ActionError("sign is an empty secret; anybody could sign with it", code="request")
    signed = hmac.digest(raw, f"{key}.{stamp}.".encode() + body, "sha256")
    return {
        "webhook-id": key,
        "webhook-timestamp": stamp,
        "webhook-signature": "v1," + base64.b64encode(signed).decode(),
    }


async def _content(answer: aiohttp.ClientResponse) -> bytes:
    content = await answer.content.read(ANSWER_LIMIT + 1)
    while len(content) <= ANSWER_LIMIT and (more := await answer.content.read(ANSWER_LIMIT + 1 - len(content))):
        content += more
    if len(content) > ANSWER_LIMIT:
        raise ActionError(f"the answer is longer than {ANSWER_LIMIT} bytes", code="answer-too-long")
    return content


def _denied(error: BaseException) -> EgressDenied | None:
    """The egress guard's refusal behind a connection error, if that is what it was."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, EgressDenied):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _host(url: str) -> str:
    """Scheme, host and path of a URL for messages: never user, password or query, which may hold secrets."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"
