"""What other tools call it: keys and types that people bring along, each with what to write here instead."""

from __future__ import annotations

from typing import Final

_SHELL: Final = "write uses: shell.run, with: {argv: [PROGRAM, …]}"
TYPES: Final[dict[str, str]] = {
    **dict.fromkeys(
        ("approval", "approve", "human", "manual", "review"), "write type: decision, with config: {by: human}"
    ),
    **dict.fromkeys(("if", "switch", "condition", "choice", "branch"), "write type: decision"),
    **dict.fromkeys(("wait", "sleep", "delay", "pause"), "leave type away and write uses: wait.duration"),
    **dict.fromkeys(("shell", "script", "run", "command"), "leave type away and write uses: shell.run"),
    **dict.fromkeys(("http", "request", "webhook"), "leave type away and write uses: http.request"),
    **dict.fromkeys(("workflow", "subworkflow", "sub_workflow"), "leave type away and write uses: workflow.run"),
    **dict.fromkeys(("foreach", "for_each", "while", "repeat", "map"), "write type: loop"),
    **dict.fromkeys(("task", "step", "job"), "write type: action, or leave it away"),
}
"""Of steps."""
STEP: Final[dict[str, str]] = {
    "id": "did you mean 'name'?",
    "action": "did you mean 'uses'?",
    **dict.fromkeys(("run", "script", "command", "shell"), _SHELL),
    **dict.fromkeys(
        ("needs", "depends_on", "after"), "steps go in their order; side by side they go in type: parallel"
    ),
    **dict.fromkeys(("loop", "with_items", "foreach", "items"), "write type: loop, with config: {for_each: …}"),
    **dict.fromkeys(("retries", "attempts"), "write retry: {max_attempts: …}"),
    **dict.fromkeys(("timeout-minutes", "timeout_minutes", "timeout_seconds"), "write timeout: 5m"),
    **dict.fromkeys(
        ("continue-on-error", "continue_on_error", "ignore_errors"), "write conditions: {failure: continue}"
    ),
    **dict.fromkeys(("inputs", "args", "arguments", "params", "parameters"), "did you mean 'with'?"),
    "default": "it belongs under 'config'",
    "when": "did you mean 'if'?",
    "on_failure": "write conditions: {failure: …}",
    "next": "write conditions: {success: …}",
    "then": "write conditions: {success: …}",
    "on_success": "write conditions: {success: …}",
    "cases": "it belongs under 'config'",
    "branches": "it belongs under 'config'",
    "steps": "it belongs under 'config'",
    "for_each": "it belongs under 'config'",
}
"""Keys of steps."""
WORKFLOW: Final[dict[str, str]] = {
    "name": "it belongs under 'metadata'",
    "description": "it belongs under 'metadata'",
    "version": "it belongs under 'metadata', or did you mean 'format'?",
    "id": "it belongs under 'metadata'",
    "category": "it belongs under 'metadata'",
    "tags": "it belongs under 'metadata'",
    "on": "did you mean 'triggers'?",
    "jobs": "did you mean 'steps'?",
    "tasks": "did you mean 'steps'?",
    "env": "did you mean 'vars'?",
    "timeout": "it belongs under 'error_handling'",
    "retry": "write error_handling: {retry_strategy: …}",
    "fallback_actions": "it belongs under 'error_handling'",
    "retry_strategy": "it belongs under 'error_handling'",
    "detector": "a detector document belongs into the folder of detectors",
    **dict.fromkeys(
        ("uses", "with", "if", "conditions", "config"), "it belongs to a step: indent it under its '- name'"
    ),
}
"""Keys of workflows."""
