"""The committed page of actions is what the components say, and they say what each input is for."""

from pathlib import Path

import pytest

from eventflow.app import reference
from eventflow.app.components import of_kind
from eventflow.app.known import wants

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", reference.PAGES)
def test_the_page_is_up_to_date(name):
    committed = (ROOT / "docs/reference" / name).read_text()
    assert committed == reference.PAGES[name](), "python -m eventflow.app.reference docs/reference"


def test_every_input_of_every_built_in_action_says_what_it_is_for():
    told = {one.name: wanted.schema for one in of_kind("action") if (wanted := wants(one.name)) is not None}
    silent = [
        f"{name}: {key}"
        for name, schema in told.items()
        for key, field in schema.get("properties", {}).items()
        if not field.get("description")
    ]
    assert {"http.request", "shell.run", "debug.log"} <= told.keys()
    assert silent == [], "give each a Field(…, description=…)"
