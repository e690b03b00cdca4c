"""Every route of the private listener with its scope: who may is a property of the route, never of how a path looks.

A route without a scope is open; only health is. `server` refuses whatever is not in this table.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from eventflow.console import reads, writes
from eventflow.console.bodies import (
    DeadBody,
    EventBody,
    ExplainBody,
    QuestionBody,
    Recorded,
    RunBody,
    RunDetail,
    WorkflowBody,
)
from eventflow.console.call import Call


class Route(msgspec.Struct, frozen=True):
    """One operation. `path` has `{names}`; one that ends in `+` (`{workflow+}`) may hold slashes.

    `many` marks a list of `answer`; `query` is name → what it means; `body` is the request's JSON object, name → what
    it means.
    """

    method: str
    path: str
    scope: str | None
    handler: Callable[[Call], Awaitable[Any]]
    summary: str
    answer: type | None = None
    many: bool = False
    status: int = 200
    query: dict[str, str] = {}
    body: dict[str, str] = {}
    api: bool = True
    """False for what is no part of the API: health, metrics, drain."""


API = "/api/v1"
_ORDER = {"comment": "why; it is kept with the run"}

ROUTES: tuple[Route, ...] = (
    Route("GET", "/livez", None, reads.live, "The process is alive.", api=False),
    Route("GET", "/readyz", None, reads.ready, "It takes events and decides them.", api=False),
    Route("GET", "/startupz", None, reads.ready, "It has started.", api=False),
    Route("GET", "/metrics", "metrics:read", reads.metrics, "Metrics in the Prometheus text format.", api=False),
    Route("POST", "/drain", "admin", writes.drain, "Stop as SIGTERM does.", Recorded, status=202, api=False),
    Route("GET", "/api/openapi.json", "events:read", reads.openapi, "This description.", api=False),
    Route("GET", "/events", "events:read", reads.events, "Events, newest first.", EventBody, many=True),
    Route("POST", "/events", "events:write", writes.events, "Store events; CloudEvents in every form.", status=202),
    Route("GET", "/events/{event+}", "events:read", reads.event, "One event, by handle or by a unique id.", EventBody),
    Route(
        "GET", "/runs", "runs:read", reads.runs, "Runs, newest first.", RunBody, many=True,
        query={
            "workflow": "only runs of this workflow", "status": "only these statuses, separated by commas",
            "event": "only runs that this event started (its handle)",
        },
    ),
    Route("GET", "/runs/{run}", "runs:read", reads.run, "One run with its journal.", RunDetail),
    Route("POST", "/runs/{run}/cancel", "runs:write", writes.cancel, "End a run.", Recorded, status=202, body=_ORDER),
    Route("POST", "/runs/{run}/pause", "runs:write", writes.pause, "Hold a run.", Recorded, status=202, body=_ORDER),
    Route(
        "POST", "/runs/{run}/resume", "runs:write", writes.resume, "Let a paused run go on.", Recorded, status=202,
        body=_ORDER | {"mode": "`go`; or `skip` past, or `fail`, the step that it is held at"},
    ),
    Route(
        "POST", "/runs/{run}/rerun", "runs:write", writes.rerun, "Run it again as a new run.", Recorded, status=202,
        body={"from_step": "begin at this step, with what the earlier ones gave"},
    ),
    Route("GET", "/approvals", "runs:read", reads.approvals, "Open questions, oldest first.", QuestionBody, many=True),
    Route(
        "POST", "/approvals/{run}", "approvals:write", writes.answer, "Answer a question of a run.", Recorded,
        status=202,
        body={
            "case": "the chosen case", "comment": "a word with it", "path": "which step asks, where several do",
            "visit": "which visit of it",
        },
    ),
    Route("GET", "/workflows", "workflows:read", reads.workflows, "Workflows in force.", WorkflowBody, many=True),
    Route(
        "POST", "/workflows/{workflow+}/run", "runs:write", writes.start, "Start a workflow by hand.", Recorded,
        status=202, body={"inputs": "its inputs"},
    ),
    Route("GET", "/workflows/{workflow+}", "workflows:read", reads.workflow, "One workflow in force.", WorkflowBody),
    Route(
        "GET", "/explain/{what+}", "runs:read", reads.explain, "Why an event started a run or not; what a run did.",
        ExplainBody, query={"workflow": "only this workflow's triggers"},
    ),
    Route("GET", "/dead", "events:read", reads.dead, "What could not be decided, newest first.", DeadBody, many=True),
)  # fmt: skip
"""All there is."""


def pattern(route: Route) -> str:
    """The route's path in aiohttp's form, under the API's prefix where it belongs there."""
    path = route.path.replace("+}", ":.+}")
    return API + path if route.api else path
