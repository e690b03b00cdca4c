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
    ProblemBody,
    QuestionBody,
    Recorded,
    RunBody,
    RunDetail,
    WorkflowBody,
)
from eventflow.console.call import Call


class Operation(msgspec.Struct, frozen=True):
    """One route. `path` has `{names}`; a name with a slash is sent percent-encoded (`%2F`).

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

    @property
    def name(self) -> str:
        """A name that no other operation has."""
        return f"{self.method.lower()}_{self.handler.__name__}" if self.path != "/startupz" else "get_started"


API = "/api/v1"
_ORDER = {"comment": "why; it is kept with the run"}

ROUTES: tuple[Operation, ...] = (
    Operation("GET", "/livez", None, reads.live, "The process is alive.", api=False),
    Operation("GET", "/readyz", None, reads.ready, "It takes events and decides them.", api=False),
    Operation("GET", "/startupz", None, reads.ready, "It has started.", api=False),
    Operation("GET", "/metrics", "metrics:read", reads.metrics, "Metrics in the Prometheus text format.", api=False),
    Operation("POST", "/drain", "admin", writes.drain, "Stop as SIGTERM does.", Recorded, status=202, api=False),
    Operation("GET", "/api/openapi.json", "events:read", reads.openapi, "This description.", api=False),
    Operation("GET", "/events", "events:read", reads.events, "Events, newest first.", EventBody, many=True),
    Operation("POST", "/events", "events:write", writes.events, "Store events; CloudEvents in every form.", status=202),
    Operation(
        "GET", "/events/{event}", "events:read", reads.event, "One event, by handle or by a unique id.",
        EventBody,
    ),
    Operation(
        "GET", "/runs", "runs:read", reads.runs, "Runs, newest first.", RunBody, many=True,
        query={
            "workflow": "only runs of this workflow", "status": "only these statuses, separated by commas",
            "event": "only runs that this event started (its handle)",
        },
    ),
    Operation("GET", "/runs/{run}", "runs:read", reads.run, "One run with its journal.", RunDetail),
    Operation(
        "POST", "/runs/{run}/cancel", "runs:write", writes.cancel, "End a run.",
        Recorded, status=202, body=_ORDER,
    ),
    Operation(
        "POST", "/runs/{run}/pause", "runs:write", writes.pause, "Hold a run.",
        Recorded, status=202, body=_ORDER,
    ),
    Operation(
        "POST", "/runs/{run}/resume", "runs:write", writes.resume, "Let a paused run go on.", Recorded, status=202,
        body=_ORDER | {"mode": "`go`; or `skip` past, or `fail`, the step that it is held at"},
    ),
    Operation(
        "POST", "/runs/{run}/rerun", "runs:write", writes.rerun, "Run it again as a new run.", Recorded, status=202,
        body={"from_step": "begin at this step, with what the earlier ones gave"},
    ),
    Operation(
        "GET", "/approvals", "runs:read", reads.approvals, "Open questions, oldest first.",
        QuestionBody, many=True,
    ),
    Operation(
        "POST", "/approvals/{run}", "approvals:write", writes.answer, "Answer a question of a run.", Recorded,
        status=202,
        body={
            "case": "the chosen case", "comment": "a word with it", "path": "which step asks, where several do",
            "visit": "which visit of it",
        },
    ),
    Operation("GET", "/workflows", "workflows:read", reads.workflows, "Workflows in force.", WorkflowBody, many=True),
    Operation(
        "POST", "/workflows/{workflow}/run", "runs:write", writes.start, "Start a workflow by hand.", Recorded,
        status=202, body={"inputs": "its inputs"},
    ),
    Operation("GET", "/workflows/{workflow}", "workflows:read", reads.workflow, "One workflow in force.", WorkflowBody),
    Operation(
        "GET", "/explain/{what}", "runs:read", reads.explain, "Why an event started a run or not; what a run did.",
        ExplainBody, query={"workflow": "only this workflow's triggers"},
    ),
    Operation(
        "GET", "/dead", "events:read", reads.dead, "What could not be decided, newest first.",
        DeadBody, many=True,
    ),
    Operation(
        "GET", "/problems", "workflows:read", reads.problems, "Mistakes in the documents as they are now.", ProblemBody,
        many=True,
    ),
)  # fmt: skip
"""All there is."""


def full_path(operation: Operation) -> str:
    """The path with the API's prefix where it belongs there."""
    return API + operation.path if operation.api else operation.path
