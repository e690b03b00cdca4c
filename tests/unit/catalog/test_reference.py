"""The committed reference is what the code says."""

from pathlib import Path

import pytest

from eventflow.catalog import reference

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", reference.PAGES)
def test_the_page_is_up_to_date(name):
    committed = (ROOT / "docs/reference" / name).read_text()
    assert committed == reference.PAGES[name](), "python -m eventflow.catalog.reference docs/reference"
