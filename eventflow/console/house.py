"""What the API needs of the rest of the house; `app` hands it in, since rooms do not know each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aiohttp import web

    from eventflow.console.bodies import BackupBody, DetectorBody, LossBody, OutcomeBody, PartitionBody, ProblemBody
    from eventflow.model.record import Record, Ref
    from eventflow.model.run import Run
    from eventflow.model.workflow import Catalogue, Workflow
    from eventflow.plugin import Bus, Store
    from eventflow.web.tokens import Tokens


class House(Protocol):
    """The house as the API sees it."""

    @property
    def bus(self) -> Bus:
        """The log."""
        ...

    @property
    def store(self) -> Store:
        """Runs and journals."""
        ...

    @property
    def catalogue(self) -> Catalogue:
        """The workflows in force."""
        ...

    @property
    def ready_made(self) -> frozenset[str]:
        """Which of them come with eventflow."""
        ...

    async def accept(self, request: web.BaseRequest) -> web.StreamResponse:
        """The door for events (`POST /events`), for a caller that is already known."""
        ...

    async def explain(self, record: Record) -> Sequence[OutcomeBody]:
        """What every trigger makes of one stored event, its verdicts of the time and its runs included."""
        ...

    async def notes(self, record: Record) -> Sequence[str]:
        """What is to be said of a stored event as a whole: not decided yet, a dead letter."""
        ...

    def absence(self, workflow: str) -> str:
        """Why a workflow has no say on an event: held back by a mistake, without an event trigger.

        Raises `Refused` (422) when there is no such workflow.
        """
        ...

    @property
    def positions(self) -> Mapping[int, int]:
        """Partition → offset of the next record to decide, of those that are being decided."""
        ...

    async def partitions(self) -> Sequence[PartitionBody]:
        """Where every partition stands, control first. Raises `StorageBusy` where the log does not answer."""
        ...

    async def accept_loss(self, partition: int, lost: int | None, to: int, *, by: str, comment: str) -> LossBody:
        """Let a partition that stands still go on at `to` without the `lost` records. Raises `NotFound`, `Conflict`."""
        ...

    async def given_up(self, ref: Ref) -> str:
        """When and by whom it was accepted that what lay here is lost; empty where nobody did."""
        ...

    def detectors(self) -> Sequence[DetectorBody]:
        """Every detector with its state, in order of name."""
        ...

    async def backup(self) -> BackupBody:
        """Copy log and store, consistent with each other, into a new folder of the data directory."""
        ...

    async def explain_run(self, run: Run) -> Sequence[str]:
        """What started the run, the path it took, each attempt: one sentence each."""
        ...

    @property
    def tokens(self) -> Tokens:
        """Who may what."""
        ...

    def trouble(self) -> Mapping[str, str]:
        """Check → sentence, of every check that says not ready; empty when all is well."""
        ...

    async def metrics(self) -> bytes:
        """All metrics in the Prometheus text format."""
        ...

    def findings(self) -> Mapping[tuple[str, str], Sequence[str]]:
        """(workflow, trigger) → what a person should know of its filter: never true, a field that never comes."""
        ...

    def problems(self) -> Sequence[ProblemBody]:
        """Every mistake in the documents."""
        ...

    def check_inputs(self, workflow: Workflow, inputs: Mapping[str, Any]) -> None:
        """Raise `Refused` (422) unless the workflow takes these inputs."""
        ...

    def drain(self) -> None:
        """Begin to stop, as SIGTERM does."""
        ...
