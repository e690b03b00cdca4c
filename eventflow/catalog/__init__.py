"""Turns documents into models, or into a list of problems with their places.

The way of a document: `reading` (YAML events to marked nodes) → shapes (`workflows`, `triggers`, `steps`, …, made of
`fields` and `kinds`) → `graph`, `lint` and `expressions` (what only the whole document tells) → the model's `Workflow`.
"""

from __future__ import annotations

from eventflow.catalog.load import Checked, Loaded, check, check_detector, load
from eventflow.catalog.locate import folders, resolve, shipped
from eventflow.catalog.problems import CODES, Problem
from eventflow.catalog.watch import Watch
from eventflow.catalog.workflows import Known

__all__ = [
    "CODES", "Checked", "Known", "Loaded", "Problem", "Watch",
    "check", "check_detector", "folders", "load", "resolve", "shipped",
]  # fmt: skip
