"""The reference of settings, written from the models.

`python -m eventflow.settings.reference FILE` writes the page; a test holds it equal to what is committed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from eventflow.catalog import durations
from eventflow.settings import values
from eventflow.settings.models import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

_HEAD: Final = """# Settings

This page is made from the code; a test holds it equal.

Settings stand in `./eventflow.yaml`, or in the file that `--config` or `EVENTFLOW_CONFIG` names. A variable
`EVENTFLOW_…` overrides the file: `EVENTFLOW_LISTEN__PUBLIC=127.0.0.1:0` is `listen.public`, two underscores for each
dot; lists may be written with commas. Flags override both. Unknown keys are errors, and every mistake is told at once
with file, line and column. Relative paths count from the folder of the file.

A secret is never written into settings: say `env:NAME` or `file:PATH`. It is read when it is used, so a rotated file
counts at once.

| key | default | meaning |
|---|---|---|
"""


def page() -> str:
    """The page."""
    return _HEAD + "\n".join(_rows("", Settings)) + "\n"


def _rows(prefix: str, model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        key = f"{prefix}{name}"
        inner, many = _model(field.annotation)
        default = "" if inner is not None and not many else _default(field)
        yield f"| `{key}` | {default} | {field.description} |"
        if inner is not None:
            yield from _rows(f"{key}{many}.", inner)


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is PydanticUndefined:
        return "**required**"
    if value in (None, (), {}, ""):
        return ""
    if get_args(values.Duration)[1] in field.metadata:
        return f"`{durations.show(value)}`"
    if get_args(values.Size)[1] in field.metadata:
        return f"`{values.show_size(value)}`"
    if isinstance(value, tuple):
        return ", ".join(f"`{one}`" for one in value)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _model(annotation: Any) -> tuple[type[BaseModel] | None, str]:
    """The model inside an annotation, and how its keys are reached: `.<name>` in a mapping, `[n]` in a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, ""
    many = {"dict": ".<name>", "tuple": "[n]"}.get(getattr(get_origin(annotation), "__name__", ""), "")
    for part in get_args(annotation):
        found, deeper = _model(part)
        if found is not None:
            return found, many + deeper
    return None, ""


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
