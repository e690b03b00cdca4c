"""The reference of documents and problem codes, written from the same tables that read the documents.

`python -m eventflow.catalog.reference DIRECTORY` writes the pages; a test holds them equal to what is committed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from eventflow.catalog import decisions, detectors, steps, triggers, workflows
from eventflow.catalog.expressions import NAMES
from eventflow.catalog.fields import EitherOf, ListOf, MapOf, Shape
from eventflow.catalog.problems import CODES, HOLDS, severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eventflow.catalog.kinds import Kind

_NOTE: Final = "This page is made from the code; a test holds it equal."
_PARTS: Final = (
    ("The document", workflows.shape(None)),
    ("Event trigger", triggers.EVENT),
    ("Schedule trigger", triggers.SCHEDULE),
    ("Condition trigger", triggers.CONDITION),
    ("Step", steps.STEP),
    ("Action", steps.ACTION_CONFIG),
    ("Decision", decisions.DECISION),
    ("Parallel", steps.PARALLEL),
    ("Loop", steps.LOOP),
    ("Trigger", triggers.TRIGGER),
    ("Detector document", detectors.DOCUMENT),
    ("Detector `config`, the keys that all types have", detectors.CONFIG),
)
_PLACES: Final = {
    "event": "`filter`, `key`, `value`, `dedup.key`, detector `features`",
    "trigger": "`inputs` of a trigger",
    "group": "`concurrency.group`",
    "wait": "`filter` and `key` of `wait.event`",
    "step": "`if`, `when`, `require`, `for_each`, `while`, `until`, texts of steps, `outputs` of the workflow",
    "with": "`with` and `env` of actions",
    "own": "`with` of the engine's own actions (`wait.*`, `event.emit`, `workflow.run`, `run.annotate`)",
    "result": "`outputs` of an action",
    "alert": "`condition` of an alert",
}


def problems() -> str:
    """The page of problem codes."""
    lines = [
        "# Problems", "", _NOTE, "",
        "`eventflow validate` prints `file:line:column  CODE word  sentence`. A number never means anything else.",
        "E is an error: the document is not used. W is a warning, N a note.", "",
    ]  # fmt: skip
    for number, code in CODES.items():
        kind = "error" if severity(number) == "error" else severity(number)
        held = "; the workflow is not activated" if number in HOLDS and kind != "error" else ""
        lines += [f"## {number} {code.word}", "", f"*{kind.capitalize()}{held}.* {code.about}", ""]
    return "\n".join(lines)


def documents() -> str:
    """The page of the workflow format."""
    lines = [
        "# Workflow documents", "", _NOTE, "",
        "A workflow is a YAML 1.2 file; its id is its path under the folder without the suffix. Unknown keys are",
        "errors. Durations are written `10s`, `5m`, `2h`, `1d`. What is marked *not yet* is read and checked, and a",
        "workflow that uses it is not activated.", "",
    ]  # fmt: skip
    written: set[int] = set()
    for title, shape in _PARTS:
        lines += _section(title, shape, "##", written)
    lines += ["## Names in expressions", "", "| where | names |", "|---|---|"]
    for place, where in _PLACES.items():
        lines.append(f"| {where} | {', '.join(f'`{name}`' for name in NAMES[place])} |")
    lines += [
        "",
        "Inside the steps of a loop there are also `loop` and the item's own name (`as`, default `item`).",
        "",
    ]
    return "\n".join(lines)


def _section(title: str, shape: Shape, level: str, written: set[int]) -> Iterator[str]:
    if id(shape) in written:
        return
    written.add(id(shape))
    yield from (f"{level} {title}", "", "| key | value | meaning |", "|---|---|---|")
    for name, key in shape.keys.items():
        marks = (" **required**" if key.needed else "") + (" *not yet*" if key.later else "")
        yield f"| `{name}`{marks} | {_cell(key.kind.says)} | {_cell(key.about)} |"
    yield ""
    for name, key in shape.keys.items():
        for inner in _inside(key.kind):
            if inner not in {part for _, part in _PARTS}:
                yield from _section(f"{title}: `{name}`", inner, "###", written)


def _inside(kind: Kind) -> Iterator[Shape]:
    """The shapes that a kind holds."""
    if isinstance(kind, Shape):
        yield kind
    elif isinstance(kind, (ListOf, MapOf)):
        yield from _inside(kind.kind)
    elif isinstance(kind, EitherOf):
        yield from _inside(kind.other)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


PAGES: Final = {"problems.md": problems, "workflow.md": documents}


if __name__ == "__main__":
    for name, page in PAGES.items():
        Path(sys.argv[1], name).write_text(page(), encoding="utf-8")
