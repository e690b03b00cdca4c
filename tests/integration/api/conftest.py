"""A whole eventflow with open doors in this process, and a client for its API."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from eventflow import Eventflow

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

SECRETS = {
    "reader": ["events:read", "runs:read", "workflows:read", "metrics:read"],
    "writer": ["events:write"],
    "operator": ["runs:read", "runs:write", "approvals:write"],
    "root": ["admin"],
}
ASK = """
metadata: {name: Ask}
inputs: {what: {type: string, default: nothing}}
triggers:
  - id: asked
    type: event
    config: {event: ask.please, filter: event.data.n > 1, inputs: {what: "${{ event.subject }}"}}
steps:
  - name: person
    type: decision
    config:
      by: human
      ask: {title: "Do ${{ inputs.what }}?", body: "please"}
      timeout: 1h
      cases:
        - {name: yes_please, then: done}
        - {name: no_thanks, then: fail}
      default: no_thanks
  - name: done
    uses: debug.log
    with: {message: "doing ${{ inputs.what }}"}
"""


class Api:
    """The private listener as somebody with a token sees it."""

    def __init__(self, flow: Eventflow, session: aiohttp.ClientSession) -> None:
        self.flow, self.session = flow, session

    def token(self, name: str) -> str:
        return f"ef_{name}_{'0' * 40}"

    async def ask(self, method: str, path: str, token: str | None = "root", **more: Any) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.token(token)}"} if token else {}
        async with self.session.request(
            method, self.flow.addresses["private"] + path, headers=headers | more.pop("headers", {}), **more
        ) as answer:
            kind = answer.content_type
            return answer.status, await answer.json(content_type=None) if "json" in kind else await answer.text()

    async def emit(self, **event: Any) -> None:
        body = {"specversion": "1.0", "source": "test", **event}
        status, answer = await self.ask(
            "POST", "/api/v1/events", json=body, headers={"Content-Type": "application/cloudevents+json"}
        )
        assert status == 202, answer

    async def runs(self, wanted: int, *statuses: str) -> list[dict[str, Any]]:
        """Wait until there are so many runs in these statuses."""
        while True:
            _, found = await self.ask("GET", "/api/v1/runs")
            if len(found["items"]) >= wanted and all(run["status"] in statuses for run in found["items"]):
                return list(found["items"])
            await self.flow.ready()
            await asyncio.sleep(0.01)


@pytest.fixture
async def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Api]:
    (tmp_path / "workflows").mkdir()
    (tmp_path / "workflows" / "ask.yaml").write_text(ASK)
    tokens = []
    for name, scopes in SECRETS.items():
        monkeypatch.setenv(f"TOKEN_{name.upper()}", f"ef_{name}_{'0' * 40}")
        tokens.append({"name": name, "scopes": scopes, "secret": f"env:TOKEN_{name.upper()}"})
    settings = {
        "data_dir": str(tmp_path / "data"),
        "listen": {"public": "127.0.0.1:0", "private": "127.0.0.1:0"},
        "workflows": [str(tmp_path / "workflows")],
        "tokens": tokens,
    }
    async with Eventflow(settings) as flow, aiohttp.ClientSession() as session:
        await flow.ready()
        yield Api(flow, session)
