"""Who may what: every route, every token, odd paths; and the description says the same as the routes."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import aiohttp
import pytest
from openapi_spec_validator import validate

from eventflow.console.openapi import document
from eventflow.console.routes import ROUTES, full_path
from tests.integration.api.conftest import SECRETS, Api


def path_of(operation) -> str:
    return re.sub(r"{\w+}", "x", full_path(operation))


@pytest.mark.parametrize("operation", ROUTES, ids=lambda one: f"{one.method} {one.path}")
async def test_no_route_opens_without_its_scope(api: Api, operation) -> None:
    for token in (None, "nobody", *SECRETS):
        if operation.path == "/drain" and token == "root":
            continue
        status, answer = await api.ask(operation.method, path_of(operation), token)
        scopes = SECRETS.get(token or "", [])
        if operation.scope is None:
            assert status in {200, 503}
        elif token in {None, "nobody"}:
            assert (status, answer["code"]) == (401, "credentials")
        elif operation.scope not in scopes and "admin" not in scopes:
            assert (status, answer["code"]) == (403, "scope")
        else:
            assert status not in {401, 403}, answer


@pytest.mark.parametrize(
    "path",
    [
        "//api/v1/runs",
        "/api/v1/runs/",
        "/api/v1/./runs",
        "/API/v1/runs",
        "/api/v1/%72uns",
        "/api/v1/runs;a",
        "/api/v1/runs/../runs",
    ],
)
async def test_odd_paths_lead_nowhere(api: Api, path: str) -> None:
    host, _, port = api.flow.addresses["private"].removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {api.token('root')}\r\n\r\n".encode()
    )
    head = await reader.readline()
    writer.close()
    await writer.wait_closed()
    assert head.split()[1] in {b"404", b"400"}, head


async def test_method_override_changes_nothing(api: Api) -> None:
    status, _ = await api.ask("POST", "/api/v1/runs", headers={"X-HTTP-Method-Override": "GET"})
    assert status == 405


async def test_the_socket_needs_no_token_and_only_its_owner_can_open_it(api: Api) -> None:
    path = api.flow.addresses["socket"]
    assert Path(path).stat().st_mode & 0o777 == 0o600
    connector = aiohttp.UnixConnector(path)
    async with aiohttp.ClientSession(connector=connector) as session, session.get("http://x/api/v1/runs") as answer:
        assert answer.status == 200


async def test_files_are_for_their_owner_only(api: Api, tmp_path) -> None:
    data = tmp_path / "data"
    assert data.stat().st_mode & 0o777 == 0o700
    loose = [path for path in data.rglob("*") if path.is_file() and path.stat().st_mode & 0o077]
    assert loose == []


async def test_the_description_is_valid_and_names_every_route(api: Api) -> None:
    validate(document())
    status, served = await api.ask("GET", "/api/openapi.json")
    assert status == 200
    described = {(method.upper(), path) for path, methods in served["paths"].items() for method in methods}
    assert described == {(one.method, full_path(one)) for one in ROUTES}


async def test_every_answer_forbids_being_framed_or_guessed(api: Api) -> None:
    async with api.session.get(api.flow.addresses["private"] + "/livez") as answer:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
