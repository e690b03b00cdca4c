"""The documentation's navigation, made from its folders.

A hook of mkdocs, so that a new page is one new file: sections come in the order below, pages inside them by name,
each section's `index.md` first.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

SECTIONS = {
    "howto": "How to",
    "reference": "Reference",
    "explanation": "Explanation",
    "decisions": "Decisions",
}


def on_config(config: dict[str, Any]) -> dict[str, Any]:
    """Called by mkdocs once the configuration is read."""
    docs = Path(config["docs_dir"])
    navigation: list[Any] = [{"eventflow": "index.md"}, {"Quickstart": "quickstart.md"}]
    for folder, title in SECTIONS.items():
        pages = sorted((docs / folder).rglob("*.md"), key=lambda page: (page.name != "index.md", page))
        navigation.append({title: [page.relative_to(docs).as_posix() for page in pages]})
    config["nav"] = navigation
    return config
