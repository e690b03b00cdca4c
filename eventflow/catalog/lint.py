"""Rules that each answer a bug seen elsewhere: program text made of templates, retries of what may not be repeated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from eventflow.catalog.nodes import Mapping, Node, Scalar, Sequence

if TYPE_CHECKING:
    from eventflow.catalog.document import Document
    from eventflow.catalog.steps import Read

_CODE: Final = frozenset(("-c", "-e", "--eval", "--command", "-lc", "-ec", "-xc", "/c", "-Command"))
_TEXT: Final = ("command", "cmd", "script", "run", "shell")
_ONCE: Final = frozenset(("shell.run",))
"""Built-in actions that are not idempotent."""


def check(doc: Document, step: Read) -> None:
    """Note what is legal and unwise in one step."""
    fields = step.fields
    uses = fields.get("uses", "")
    if isinstance(uses, str) and uses.startswith("shell.") and isinstance(fields.at("with"), Mapping):
        _injection(doc, fields.at("with"))
    retry = fields.get("retry")
    repeats = retry is not None and getattr(retry, "max_attempts", 1) > 1
    idempotent = fields.get("idempotent", uses not in _ONCE)
    if repeats and not idempotent:
        doc.report(
            "W320",
            fields.of("retry"),
            f"step '{step.name}' is not idempotent and would be repeated",
            "say idempotent: true if a repetition does no harm",
        )


def _injection(doc: Document, given: Node) -> None:
    values = given.values if isinstance(given, Mapping) else {}
    for key in _TEXT:
        node = values.get(key)
        if isinstance(node, Scalar) and "${{" in node.text:
            _warn(doc, node)
    argv = values.get("argv")
    items = argv.items if isinstance(argv, Sequence) else [argv] if isinstance(argv, Scalar) else []
    before = ""
    for place, item in enumerate(items):
        text = item.text if isinstance(item, Scalar) else ""
        if "${{" in text and (place == 0 or before in _CODE):
            _warn(doc, item)
        before = text


def _warn(doc: Document, node: Node) -> None:
    doc.report(
        "E410",
        node,
        "${{ }} inside program text: what an event says would be run",
        "pass the value in env, or as an argv element of its own",
    )
