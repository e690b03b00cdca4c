"""Every example does what its README says, in a copy of its folder."""

import shutil
from pathlib import Path

import pytest

from tests.docs.test_snippets import Reader, blocks, follow

EXAMPLES = Path(__file__).parents[2] / "examples"
READABLE = [page for page in sorted(EXAMPLES.glob("*/README.md")) if blocks(page.read_text())]


@pytest.mark.parametrize("page", READABLE, ids=lambda page: page.parent.name)
def test_the_example_does_what_it_says(page, tmp_path):
    somebody = Reader(tmp_path)
    shutil.rmtree(somebody.here)
    shutil.copytree(page.parent, somebody.here, ignore=shutil.ignore_patterns(".eventflow", "state", "__pycache__"))
    try:
        follow(somebody, page.read_text())
    finally:
        somebody.leave()


def test_every_example_says_what_to_do():
    folders = [place for place in sorted(EXAMPLES.iterdir()) if place.is_dir()]
    assert [place.name for place in folders if not (place / "README.md").exists()] == []
