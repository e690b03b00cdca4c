"""Why a workflow that somebody asks about has no say: it is not there, a mistake holds it back, nothing can wake it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventflow import catalog
from eventflow.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from eventflow.catalog import Problem
    from eventflow.model.workflow import Catalogue


def absence(workflow: str, catalogue: Catalogue, problems: Sequence[Problem], folders: Sequence[Path]) -> str:
    """One sentence for a person who expected something of it. Raises `NotFound` when there is no such document."""
    found = catalogue.workflows.get(workflow)
    held = [one for one in problems if one.holds and _is_of(one.file, workflow)]
    if held:
        old = "its definition of before is in force" if found is not None else "it is not in force"
        return f"{workflow} has a mistake, so {old}: {held[0]}"
    if found is None:
        near = catalog.meant(workflow, catalogue.workflows)
        where = ", ".join(catalog.shown(folder) for folder in folders)
        lists = f"files are looked for in {where}; 'eventflow status' lists what is in force"
        raise NotFound(f"there is no workflow {workflow!r}; " + (f"did you mean {near!r}?" if near else lists))
    if not found.triggers:
        return f"{workflow} has no triggers: people start it (eventflow execute {workflow}), or a workflow.run step."
    names = ", ".join(f"{one.id} ({one.type})" for one in found.triggers)
    return f"No trigger of {workflow} takes events; it has: {names}."


def _is_of(file: str, workflow: str) -> bool:
    stem = file.removesuffix(".yaml").removesuffix(".yml")
    return stem == workflow or stem.endswith("/" + workflow)
