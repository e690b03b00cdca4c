"""Inputs of a workflow that a step starts, where nobody gives a stricter way: names checked, defaults filled in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eventflow.model.workflow import Input


def with_defaults(declared: Mapping[str, Input], given: Mapping[str, Any]) -> dict[str, Any]:
    """The given inputs with defaults. Raises `ValueError` naming what is unknown or missing."""
    unknown = sorted(given.keys() - declared.keys())
    if unknown:
        raise ValueError(f"inputs that the workflow does not declare: {', '.join(unknown)}")
    values = {name: spec.default if given.get(name) is None else given[name] for name, spec in declared.items()}
    missing = [name for name, spec in declared.items() if spec.required and values[name] is None]
    if missing:
        raise ValueError(f"inputs that are required: {', '.join(missing)}")
    return values
