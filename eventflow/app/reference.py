"""The reference of actions, written from the components: what each does, what `with` may hold, what comes out.

In `app`, because only here actions and the engine's own ones are known together.
`python -m eventflow.app.reference DIRECTORY` writes the page; a test holds it equal to what is committed.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from eventflow.app.components import of_kind
from eventflow.app.detector_reference import detectors
from eventflow.app.known import schema_of
from eventflow.app.source_reference import sources
from eventflow.catalog.against import says
from eventflow.catalog.own import ABOUT, SHAPES
from eventflow.catalog.selectors import WAIT
from eventflow.plugin import Action
from eventflow.plugin.registry import find

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from eventflow.catalog.fields import Shape

_NOTHING: Final[tuple[Any, ...]] = (None, "", {}, [])
_HEAD: Final = (
    "# Actions",
    "",
    "This page is made from the code; a test holds it equal.",
    "",
    "What a step can do: `uses` names the action, `with` holds its inputs, `steps.<name>.outputs` what came of it.",
    "Every value of `with` may be text with `${{ }}`. It is checked when the document is read, as far as it is known",
    "then, and again before each call. *Idempotent* actions are tried again after a failure and repeated after a",
    "crash, with the same key for every try; the others only where the step says `retry`. `eventflow components` also",
    "lists the actions of installed plugins.",
    "",
)


def actions() -> str:
    """The page of actions: built-in ones only, so that it does not depend on what is installed."""
    lines = [*_HEAD]
    own: Mapping[str, Shape] = {**SHAPES, "wait.event": WAIT}
    names = {one.name for one in of_kind("action") if one.name in ABOUT or _built_in(one.name)}
    for name in sorted(names):
        lines += _own(name, own.get(name)) if name in ABOUT else _component(find("action", name, Action))  # type: ignore[type-abstract]
    return "\n".join(lines)


def _built_in(name: str) -> bool:
    return find("action", name, Action).__module__.startswith("eventflow.")  # type: ignore[type-abstract]


def _own(name: str, shape: Shape | None) -> Iterator[str]:
    """One that the engine does itself: it happens exactly once, with the entry of the journal that records it."""
    yield from (f"## {name}", "", f"{ABOUT[name]}. Done by the engine itself, exactly once; it takes no secrets.", "")
    if shape is None:
        yield from ("`with` may hold anything; the outputs are the same.", "")
        return
    yield from ("| input | value | meaning |", "|---|---|---|")
    for key, field in shape.keys.items():
        needed = " **required**" if field.needed else ""
        yield f"| `{key}`{needed} | {_cell(field.kind.says)} | {_cell(field.about)} |"
    yield ""


def _component(action: type[Action]) -> Iterator[str]:
    yield from (f"## {action.name}", "", inspect.getdoc(action) or "", "")
    extra = f" Needs `pip install 'eventflow-router[{action.extra}]'`." if action.extra else ""
    yield from (f"*{'Idempotent' if action.idempotent else 'Not idempotent'}.*{extra}", "")
    schema = schema_of(action.Inputs)
    yield from ("| input | value | default | meaning |", "|---|---|---|---|")
    for key, field in schema.get("properties", {}).items():
        needed = " **required**" if key in schema.get("required", ()) else ""
        default = f"`{_cell(_written(field['default']))}`" if field.get("default") not in _NOTHING else ""
        yield f"| `{key}`{needed} | {_cell(says(schema, field))} | {default} | {_cell(field.get('description', ''))} |"
    yield ""
    outputs = getattr(action, "Outputs", None)
    if outputs is not None:
        made = schema_of(outputs)
        yield from ("| output | value | meaning |", "|---|---|---|")
        for key, field in made.get("properties", {}).items():
            yield f"| `{key}` | {_cell(says(made, field))} | {_cell(field.get('description', ''))} |"
        yield ""


def _written(value: Any) -> str:
    import json

    return value if isinstance(value, str) else json.dumps(value)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


PAGES: Final = {"actions.md": actions, "detectors.md": detectors, "sources.md": sources}


if __name__ == "__main__":
    for page, write in PAGES.items():
        Path(sys.argv[1], page).write_text(write(), encoding="utf-8")
