"""Every route of the private listener with its scope: who may is a property of the route, never of how a path looks.

A route without a scope is open; only health is. `server` refuses whatever is not in this table.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from eventflow.console import feed, reads, writes
from eventflow.console.asked import WAIT_MOST, Field
from eventflow.console.bodies import (
    Accepted,
    BackupBody,
    DeadBody,
    DeadCountBody,
    DetectorBody,
    EventBody,
    ExplainBody,
    FeedBody,
    HealthBody,
    LossBody,
    PartitionBody,
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

    `many` marks a list of `answer`; `query` and `body` (the request's JSON object) are name → field; `takes` names
    other content types; `refuses` are the statuses of its own beside those that any route may answer with.
    """

    method: str
    path: str
    scope: str | None
    handler: Callable[[Call], Awaitable[Any]]
    summary: str
    answer: type | None = None
    many: bool = False
    status: int = 200
    query: dict[str, Field] = {}
    body: dict[str, Field] = {}
    takes: tuple[str, ...] = ()
    refuses: tuple[int, ...] = ()
    api: bool = True
    """False for what is no part of the API: health, metrics, drain."""

    @property
    def name(self) -> str:
        """A name that no other operation has."""
        return f"{self.method.lower()}_{self.handler.__name__}" if self.path != "/startupz" else "get_started"


API = "/api/v1"
_ORDER = {"comment": Field("why; it is kept with the run")}
_CLOUDEVENTS = (
    "application/cloudevents+json", "application/cloudevents-batch+json", "application/x-ndjson", "application/json",
)  # fmt: skip

ROUTES: tuple[Operation, ...] = (
    Operation("GET", "/livez", None, reads.live, "The process is alive.", api=False),
    Operation("GET", "/readyz", None, reads.ready, "It takes events and decides them.", api=False),
    Operation("GET", "/startupz", None, reads.ready, "It has started.", api=False),
    Operation("GET", "/metrics", "metrics:read", reads.metrics, "Metrics in the Prometheus text format.", api=False),
    Operation("POST", "/drain", "admin", writes.drain, "Stop as SIGTERM does.", Recorded, status=202, api=False),
    Operation("GET", "/api/openapi.json", "events:read", reads.openapi, "This description.", api=False),
    Operation("GET", "/events", "events:read", reads.events, "Events, newest first.", EventBody, many=True),
    Operation(
        "POST", "/events", "events:write", writes.events, "Store events; CloudEvents in every form.", Accepted,
        status=202, takes=_CLOUDEVENTS, refuses=(409,),
    ),
    Operation(
        "GET", "/feed", "events:read", feed.feed,
        "Decided events with their outcomes, oldest first, and from now on what comes.", FeedBody, many=True,
        query={
            "since": Field("begin at this time (RFC 3339) instead of now"),
            "wait": Field("seconds to wait for the first item", int, most=WAIT_MOST),
        },
    ),
    Operation(
        "GET", "/events/{event}", "events:read", reads.event, "One event, by handle or by a unique id.",
        EventBody, refuses=(409,),
    ),
    Operation(
        "GET", "/runs", "runs:read", reads.runs, "Runs, newest first.", RunBody, many=True,
        query={
            "workflow": Field("only runs of this workflow"),
            "status": Field("only these statuses, separated by commas"),
            "event": Field("only runs that this event started (its handle)"),
        },
        refuses=(409,),
    ),
    Operation("GET", "/runs/{run}", "runs:read", reads.run, "One run with its journal.", RunDetail),
    Operation(
        "POST", "/runs/{run}/cancel", "runs:write", writes.cancel, "End a run.",
        Recorded, status=202, body=_ORDER, refuses=(409,),
    ),
    Operation(
        "POST", "/runs/{run}/pause", "runs:write", writes.pause, "Hold a run.",
        Recorded, status=202, body=_ORDER, refuses=(409,),
    ),
    Operation(
        "POST", "/runs/{run}/resume", "runs:write", writes.resume, "Let a paused run go on.", Recorded, status=202,
        body=_ORDER | {
            "mode": Field("`go`; or `skip` past, or `fail`, the step it is held at", choices=("go", "skip", "fail")),
        },
        refuses=(409,),
    ),
    Operation(
        "POST", "/runs/{run}/rerun", "runs:write", writes.rerun, "Run it again as a new run.", Recorded, status=202,
        body={"from_step": Field("begin at this step, with what the earlier ones gave")},
    ),
    Operation(
        "GET", "/approvals", "runs:read", reads.approvals, "Open questions, oldest first.",
        QuestionBody, many=True,
    ),
    Operation(
        "POST", "/approvals/{run}", "approvals:write", writes.answer, "Answer a question of a run.", Recorded,
        status=202,
        body={
            "case": Field("the chosen case", required=True), "comment": Field("a word with it"),
            "path": Field("which step asks, where several do"),
            "visit": Field("which visit of it", int, most=1_000_000),
            "run": Field("the run again, as the path has it"),
        },
        refuses=(409,),
    ),
    Operation("GET", "/workflows", "workflows:read", reads.workflows, "Workflows in force.", WorkflowBody, many=True),
    Operation(
        "POST", "/workflows/{workflow}/run", "runs:write", writes.start, "Start a workflow by hand.", Recorded,
        status=202, body={"inputs": Field("its inputs", dict)},
    ),
    Operation("GET", "/workflows/{workflow}", "workflows:read", reads.workflow, "One workflow in force.", WorkflowBody),
    Operation(
        "GET", "/explain/{what}", "runs:read", reads.explain, "Why an event started a run or not; what a run did.",
        ExplainBody, query={"workflow": Field("only this workflow's triggers, and why it has none")}, refuses=(409,),
    ),
    Operation("GET", "/detectors", "workflows:read", reads.detectors, "Detectors in force.", DetectorBody, many=True),
    Operation(
        "GET", "/dead", "events:read", reads.dead, "What could not be decided, newest first.",
        DeadBody, many=True,
    ),
    Operation(
        "GET", "/dead/beyond", "events:read", reads.dead_beyond,
        "Dead letters that were counted and not kept, by trigger.", DeadCountBody, many=True,
    ),
    Operation(
        "GET", "/problems", "workflows:read", reads.problems, "Mistakes in the documents as they are now.", ProblemBody,
        many=True,
    ),
    Operation("GET", "/health", "runs:read", reads.health, "What `/readyz` says, as values.", HealthBody),
    Operation(
        "GET", "/partitions", "runs:read", reads.partitions, "Where partitions of the log stand, and what they lost.",
        PartitionBody, many=True,
    ),
    Operation(
        "POST", "/partitions/{partition}/accept-loss", "admin", writes.accept_loss,
        "Let a partition that stands still go on without what its log has lost.", LossBody,
        body={
            "to": Field("where it goes on, as its `loss` tells", int, required=True),
            "lost": Field("how many records are lost, as its `loss` tells; left out where that is null", int),
            "comment": Field("why; it is kept with the numbers"),
        },
        refuses=(409,),
    ),
    Operation(
        "POST", "/backup", "admin", writes.backup, "Copy log and store into the data directory.", BackupBody,
    ),
)  # fmt: skip
"""All there is."""


def full_path(operation: Operation) -> str:
    """The path with the API's prefix where it belongs there."""
    return API + operation.path if operation.api else operation.path
