"""The reference page is what the table of functions says, and its examples are true."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from eventflow.match import Env
from eventflow.match import compile as compiled
from eventflow.match.functions import ENTRIES, FUNCTIONS, METHODS
from eventflow.match.reference import examples, page

EVENT = {
    "type": "alert",
    "time": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    "data": {"number": 7, "team": "core", "tags": ["p1"]},
}


@pytest.mark.parametrize("text", examples())
def test_examples_are_true(text: str) -> None:
    assert compiled(text, Env({"event": None}, expect="bool")).test({"event": EVENT})


def test_the_page_is_up_to_date() -> None:
    written = Path(__file__).parents[3] / "docs" / "reference" / "expressions.md"
    assert written.read_text(encoding="utf-8") == page()


def test_every_function_is_on_the_page() -> None:
    documented = {entry.name for entry in ENTRIES}
    assert {*FUNCTIONS, *METHODS} - documented == {"unwrapOpt"}
