"""Loads SQL statements from the text files in `stores/sql/sqlite/`, so that SQL is read, diffed and explained as SQL.

A file is a sequence of `-- name: x` headings, each followed by one statement. `{row}` stands for the columns of `Row`.
"""

from __future__ import annotations

from importlib.resources import files
from types import SimpleNamespace
from typing import TYPE_CHECKING

from eventflow.stores.sqlite.rows import COLUMNS

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

MARK = "-- name: "


def folder() -> Traversable:
    """Where the statements and migrations of this store lie."""
    return files("eventflow.stores").joinpath("sql", "sqlite")


def read(name: str) -> dict[str, str]:
    """The statements of one file by name."""
    text = folder().joinpath(f"{name}.sql").read_text(encoding="utf-8")
    columns = ", ".join(f"run.{field}" for field in COLUMNS)
    found: dict[str, str] = {}
    for part in text.split(MARK)[1:]:
        heading, _, statement = part.partition("\n")
        found[heading.strip()] = " ".join(statement.replace("{row}", columns).split())
    return found


def load(name: str) -> SimpleNamespace:
    """The statements of one file as attributes."""
    return SimpleNamespace(**read(name))
