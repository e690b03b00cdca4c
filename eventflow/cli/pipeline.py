"""`eventflow pipeline`: as `execute`, for a workflow under pipelines/."""

from __future__ import annotations

from eventflow.cli.starts import verb

command = verb(
    "pipeline",
    "Start a workflow of pipelines/ and wait for its end: cicd/quality_gate --repository acme/shop --branch main.\n\n"
    "Otherwise as eventflow execute: inputs are flags; exit code 0 when the run succeeds, 1 when it does not.",
)
