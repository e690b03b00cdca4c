"""The committed page of settings is what the models say."""

from pathlib import Path

from eventflow.settings import reference

PAGE = Path(__file__).parents[3] / "docs/reference/settings.md"


def test_the_page_is_up_to_date():
    assert PAGE.read_text() == reference.page(), "python -m eventflow.settings.reference docs/reference/settings.md"


def test_every_setting_says_what_it_is():
    rows = [line for line in reference.page().splitlines() if line.startswith("| `")]
    assert len(rows) > 60
    assert [row for row in rows if row.endswith(("| None |", "|  |"))] == []
