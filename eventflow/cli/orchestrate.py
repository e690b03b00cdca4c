"""`eventflow orchestrate`: as `execute`, for a workflow under orchestration/."""

from __future__ import annotations

from eventflow.cli.starts import verb

command = verb(
    "orchestrate",
    "Start a workflow of orchestration/ and wait for its end: incident_response/escalation_matrix --service shop.\n\n"
    "Otherwise as eventflow execute: inputs are flags; exit code 0 when the run succeeds, 1 when it does not.",
)
