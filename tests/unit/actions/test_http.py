"""http.request against real servers on loopback: what it sends, what it refuses, how it fails."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hmac
import time
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from pydantic import ValidationError

from eventflow.actions.http import ANSWER_LIMIT, HttpRequest
from eventflow.errors import ActionError
from eventflow.plugin import ActionContext, Attempt

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ATTEMPT = Attempt(run="run_x", workflow="w", step="s", visit=1, number=2, idempotency_key="run_x/s/1")


class Server:
    def __init__(self) -> None:
        self.requests: list[tuple[web.Request, bytes]] = []

    async def start(self) -> str:
        app = web.Application(client_max_size=1 << 24)
        app.router.add_route("*", "/{path:.*}", self.take)
        self.runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self.runner.addresses[0][1]}"

    async def take(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request, await request.read()))
        kind = request.path.strip("/")
        if kind == "redirect":
            return web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"})
        if kind == "long":
            return web.Response(body=b"x" * (ANSWER_LIMIT + 1))
        if kind == "half":
            return web.Response(text="{", content_type="application/json")
        if kind == "cut":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if kind.isdigit():
            return web.Response(status=int(kind), text="no")
        return web.json_response({"fine": True}, headers={"X-Two": "2"})


@pytest.fixture
async def server() -> AsyncIterator[tuple[Server, str]]:
    server = Server()
    url = await server.start()
    yield server, url
    await server.runner.cleanup()


@contextlib.asynccontextmanager
async def opened(*allow: str) -> AsyncIterator[HttpRequest]:
    action = HttpRequest(ActionContext(egress_allow=allow))
    await action.open()
    try:
        yield action
    finally:
        await action.close()


async def call(action: HttpRequest, **with_: Any) -> dict[str, Any]:
    return await action.run(HttpRequest.Inputs.model_validate(with_), ATTEMPT)


async def test_outputs_and_the_key(server: tuple[Server, str]) -> None:
    got, url = server
    async with opened("127.0.0.1") as action:
        out = await call(action, method="POST", url=url + "/a", json={"n": 1}, query={"q": True, "n": 2}, auth="t0k")
    assert (out["status"], out["json"], out["headers"]["x-two"]) == (200, {"fine": True}, "2")
    request, body = got.requests[0]
    assert request.headers["Idempotency-Key"] == "run_x/s/1"
    assert request.headers["Authorization"] == "Bearer t0k"
    assert dict(request.query) == {"q": "true", "n": "2"}
    assert body == b'{"n":1}'


async def test_loopback_is_refused_unless_allowed_and_nothing_is_sent(server: tuple[Server, str]) -> None:
    got, url = server
    for target in (url, url.replace("127.0.0.1", "localhost"), url.replace("127.0.0.1", "[::ffff:127.0.0.1]")):
        async with opened() as action:
            with pytest.raises(ActionError) as caught:
                await call(action, url=target)
        assert caught.value.code == "egress", str(caught.value)
        assert not caught.value.retryable
    assert got.requests == []


@pytest.mark.parametrize(("path", "code", "again"), [("503", "503", True), ("429", "429", True), ("404", "404", False)])
async def test_an_unexpected_status_is_an_error(server: tuple[Server, str], path: str, code: str, again: bool) -> None:
    async with opened("127.0.0.1") as action:
        with pytest.raises(ActionError) as caught:
            await call(action, url=f"{server[1]}/{path}")
    assert (caught.value.code, caught.value.retryable) == (code, again)


async def test_expect_makes_any_status_fine(server: tuple[Server, str]) -> None:
    async with opened("127.0.0.1") as action:
        assert (await call(action, url=f"{server[1]}/404", expect=[404]))["status"] == 404


async def test_a_redirect_is_not_followed(server: tuple[Server, str]) -> None:
    async with opened("127.0.0.1") as action:
        with pytest.raises(ActionError) as caught:
            await call(action, url=f"{server[1]}/redirect")
    assert caught.value.code == "302"


async def test_a_long_answer_is_an_error_and_half_json_is_text(server: tuple[Server, str]) -> None:
    async with opened("127.0.0.1") as action:
        with pytest.raises(ActionError, match="longer than"):
            await call(action, url=f"{server[1]}/long")
        half = await call(action, url=f"{server[1]}/half")
    assert (half["json"], half["text"]) == (None, "{")


async def test_a_broken_connection_can_be_tried_again(server: tuple[Server, str]) -> None:
    async with opened("127.0.0.1") as action:
        with pytest.raises(ActionError) as caught:
            await call(action, url=f"{server[1]}/cut")
        assert (caught.value.code, caught.value.retryable) == ("connection", True)
        await server[0].runner.cleanup()
        with pytest.raises(ActionError) as caught:
            await call(action, url=f"{server[1]}/a")
    assert (caught.value.code, caught.value.retryable) == ("connection", True)


async def test_signed_as_standard_webhooks(server: tuple[Server, str]) -> None:
    secret = "whsec_" + base64.b64encode(b"0123456789abcdef").decode()
    async with opened("127.0.0.1") as action:
        await call(action, method="POST", url=server[1], body="hello", sign=secret)
    headers = server[0].requests[0][0].headers
    stamp = headers["webhook-timestamp"]
    expected = hmac.digest(b"0123456789abcdef", f"run_x/s/1.{stamp}.hello".encode(), "sha256")
    assert headers["webhook-signature"] == "v1," + base64.b64encode(expected).decode()
    assert abs(int(stamp) - time.time()) < 60


@pytest.mark.parametrize(
    "with_",
    [
        {"headers": {"X": "a\r\nY: b"}},
        {"headers": {"X\n": "a"}},
        {"auth": {"user": "x"}},
        {"url": "ftp://example.com/"},
        {"url": "http://"},
    ],
)
async def test_what_cannot_be_sent_is_refused(server: tuple[Server, str], with_: dict[str, Any]) -> None:
    async with opened("127.0.0.1") as action:
        with pytest.raises(ActionError) as caught:
            await call(action, **{"url": server[1], **with_})
    assert not caught.value.retryable
    assert server[0].requests == []


async def test_messages_do_not_hold_credentials() -> None:
    async with opened("127.0.0.1") as action:
        with pytest.raises(ActionError) as caught:
            await call(action, url="http://user:s3cret@127.0.0.1:1/p?token=s3cret")
    assert "s3cret" not in str(caught.value)


def test_a_typo_in_with_is_an_error() -> None:
    with pytest.raises(ValidationError, match="methd"):
        HttpRequest.Inputs.model_validate({"url": "x", "methd": "POST"})
    with pytest.raises(ValidationError, match="not both"):
        HttpRequest.Inputs.model_validate({"url": "x", "json": 1, "body": "1"})


async def test_a_cancelled_request_leaves_nothing_open(server: tuple[Server, str]) -> None:
    started = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        started.set()
        await reader.read()
        writer.close()

    listener = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with opened("127.0.0.1") as action:
        task = asyncio.ensure_future(call(action, url=f"http://127.0.0.1:{port}/"))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    listener.close()
    await listener.wait_closed()
