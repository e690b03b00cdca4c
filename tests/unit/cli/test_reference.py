"""The page of the command line is what the verbs say; every verb has a file, and every file of a verb a line."""

from pathlib import Path

from eventflow.cli import ALL, HERE, VERBS
from eventflow.cli.docs import TOPICS
from eventflow.cli.reference import reference

ROOT = Path(__file__).parents[3]
NO_VERBS = {"__init__", "doors", "failures", "ids", "orders", "reference", "rehearsal", "scaffold", "show", "starts"}


def test_the_page_is_made_from_the_code():
    page = (ROOT / "docs/reference/cli.md").read_text()
    assert page == reference(), "run: python -m eventflow.cli.reference > docs/reference/cli.md"


def test_every_verb_on_the_shelf_is_in_the_table():
    there = {path.stem for path in HERE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    import importlib

    verbs = {name for name in there - NO_VERBS if hasattr(importlib.import_module(f"eventflow.cli.{name}"), "command")}
    assert verbs == set(VERBS)
    assert verbs <= set(ALL)


def test_every_topic_has_its_page():
    missing = [page for page, _ in TOPICS.values() if not (ROOT / f"docs/{page}.md").exists()]
    assert missing == []
