"""Requests made from the API's own description, against a real server: no server error, nothing that the description
does not say, no way around the token.

The house is a process of its own. A few examples for each operation, the same each time; the round marked `long` makes
hundreds. Paths name made-up things and, as often, events and runs that are there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from eventflow.console.openapi import document
from tests.integration.api.conftest import ASK

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN = "ef_fuzz_" + "0" * 40
KEEPS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance,
]  # fmt: skip
OPERATIONS = [found.ok() for found in schemathesis.openapi.from_dict(document()).get_all_operations()]
TOO_LARGE = {413, 431}
ENDS_IT = "POST /drain"
COPIES = "POST /api/v1/backup"
"""Both do what they are there for whatever is sent, so a few times is enough."""


@dataclass
class Live:
    """The server, and things that are there: path name → ids."""

    url: str
    there: dict[str, list[str]]
    process: subprocess.Popen[bytes]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    root: Path = tmp_path_factory.mktemp("fuzz")
    (root / "workflows").mkdir()
    (root / "workflows" / "ask.yaml").write_text(ASK)
    config = {
        "data_dir": str(root / "data"),
        "listen": {"public": "127.0.0.1:0", "private": "127.0.0.1:0"},
        "workflows": [str(root / "workflows")],
        "tokens": [{"name": "fuzz", "scopes": ["admin"], "secret": "env:FUZZ_TOKEN"}],
        "limits": {"body_time": "1s"},
        "log": {"level": "error", "format": "json"},
    }
    (root / "eventflow.yaml").write_text(json.dumps(config))
    with (root / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "eventflow", "--config", str(root / "eventflow.yaml"), "serve"],
            cwd=root, stdout=log, stderr=log, env=os.environ | {"FUZZ_TOKEN": TOKEN},
        )  # fmt: skip
        try:
            yield _settled(Live(_url(root, process), {}, process))
            assert process.poll() is None, (root / "log").read_text()
            assert "Traceback" not in (root / "log").read_text(), (root / "log").read_text()
        finally:
            process.terminate()
            process.wait(30)


def _url(root: Path, process: subprocess.Popen[bytes]) -> str:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        try:
            return str(json.loads((root / "data" / "addresses.json").read_text())["private"])
        except (OSError, ValueError):
            time.sleep(0.05)
    raise AssertionError((root / "log").read_text())


def _settled(live: Live) -> Live:
    """Send events, and wait until runs ask."""
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {TOKEN}"
    lines = [
        {"specversion": "1.0", "id": f"e{n}", "source": "fuzz", "type": "ask.please", "subject": "x", "data": {"n": n}}
        for n in range(6)
    ]
    body = "\n".join(map(json.dumps, lines))
    kind = {"Content-Type": "application/x-ndjson"}
    assert session.post(live.url + "/api/v1/events", data=body, headers=kind).status_code == 202
    while len(session.get(live.url + "/api/v1/approvals").json()["items"]) < 4:
        time.sleep(0.05)
    events = [one["handle"] for one in session.get(live.url + "/api/v1/events").json()["items"]]
    runs = [one["id"] for one in session.get(live.url + "/api/v1/runs").json()["items"]]
    live.there = {"event": events, "run": runs, "what": [*events[:2], *runs[:2]], "workflow": ["ask"]}
    session.close()
    return live


def _try(live: Live, operation: Any, mode: GenerationMode, examples: int, path: dict[str, str] | None = None) -> None:
    checks = [*KEEPS, unsupported_method]
    if mode is GenerationMode.NEGATIVE:  # of a query a wrong value may vanish on its way into the URL
        checks = [*KEEPS, negative_data_rejection] if operation.body else KEEPS
    given_path = {"path_parameters": path} if path else {}

    @settings(
        max_examples=examples, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=mode, **given_path))
    def one(case: Any) -> None:
        if case.query and "wait" in case.query:
            case.query["wait"] = 0
        answer = case.call(base_url=live.url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=20)
        refused = answer.status_code in TOO_LARGE  # a refusal that the check does not count as one
        some = [check for check in checks if not (refused and check is negative_data_rejection)]
        case.validate_response(answer, checks=some, headers={"Authorization": f"Bearer {TOKEN}"})

    one()


def _round(live: Live, operation: Any, examples: int) -> None:
    most = 2 if operation.label == COPIES else examples
    _try(live, operation, GenerationMode.POSITIVE, most)
    if list(operation.iter_parameters()) or operation.body:
        _try(live, operation, GenerationMode.NEGATIVE, most)
    for name in live.there:
        if f"{{{name}}}" in operation.path:
            for id_ in live.there[name][: max(2, examples // 10)]:
                _try(live, operation, GenerationMode.POSITIVE, most // 2, {name: id_})


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.label != ENDS_IT], ids=lambda one: one.label)
def test_it_does_what_it_says(live: Live, operation: Any) -> None:
    _round(live, operation, 5)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.label != ENDS_IT], ids=lambda one: one.label)
def test_it_does_what_it_says_at_length(live: Live, operation: Any) -> None:
    _round(live, operation, 400)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.label)
@pytest.mark.parametrize("token", [None, "Bearer ef_wrong", "Bearer ", "Basic YTpi", f"Bearer {TOKEN}x", TOKEN])
def test_no_operation_opens_without_its_token(live: Live, operation: Any, token: str | None) -> None:
    path = operation.path
    for name, ids in live.there.items():
        path = path.replace(f"{{{name}}}", ids[0])
    headers = {"Authorization": token} if token is not None else {}
    answer = requests.request(operation.method, live.url + path, headers=headers, json={}, timeout=20)
    is_open = operation.label in {"GET /livez", "GET /readyz", "GET /startupz"}
    assert answer.status_code == (200 if is_open else 401)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "evil.example:8081"}, 403),
        ({"Host": "localhost"}, 200),
        ({"Host": "[::1]:8081"}, 200),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": ""}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "localhost:8081", "Origin": "http://localhost:8081"}, 200),
        ({"Host": "localhost:8081", "Origin": "http://localhost:3000"}, 403),
    ],
    ids=str,
)
def test_a_page_in_a_browser_cannot_call_it(live: Live, headers: dict[str, str], status: int) -> None:
    for path in ("/livez", "/api/v1/runs"):
        asked = headers | {"Authorization": f"Bearer {TOKEN}"}
        answer = requests.get(live.url + path, headers=asked, timeout=20)
        assert answer.status_code == status, answer.text
        if status == 403:
            assert answer.json()["code"] == "host"
