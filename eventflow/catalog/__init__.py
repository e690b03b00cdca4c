"""Turns documents into models, or into a list of problems with their places.

The way of a document: `reading` (YAML events to marked nodes) → shapes (`workflows`, `triggers`, `steps`, …, made of
`fields` and `kinds`) → `graph`, `lint` and `expressions` (what only the whole document tells) → the model's `Workflow`.
"""

from __future__ import annotations

from eventflow.catalog.against import Wants
from eventflow.catalog.load import Checked, Loaded, check, check_detector, judges, load, load_files
from eventflow.catalog.locate import documents, folders, meant, named, resolve, shipped, shown
from eventflow.catalog.problems import CODES, Problem
from eventflow.catalog.watch import Watch
from eventflow.catalog.workflows import Known

__all__ = [
    "CODES", "Checked", "Known", "Loaded", "Problem", "Wants", "Watch",
    "check", "check_detector", "documents", "folders", "judges", "load", "load_files", "meant", "named", "resolve",
    "shipped", "shown",
]  # fmt: skip
