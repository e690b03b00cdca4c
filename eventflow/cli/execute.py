"""`eventflow execute`: start a workflow by hand and wait for its end."""

from __future__ import annotations

from eventflow.cli.starts import verb

command = verb(
    "execute",
    "Start WORKFLOW now and wait for its end. Its inputs are flags: --branch main, or --input branch=main.\n\n"
    "WORKFLOW is an id, or parts of one in their order. Exit code 0 when the run succeeds, 1 when it does not.",
)
