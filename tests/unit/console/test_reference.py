"""The page of the API is what the code says."""

from pathlib import Path

from eventflow.console.reference import reference

PAGE = Path(__file__).parents[3] / "docs/reference/api.md"


def test_the_page_is_made_from_the_code():
    assert PAGE.read_text() == reference(), "run: python -m eventflow.console.reference > docs/reference/api.md"
