"""Puts the catalogues into the wheel: `workflows/` and `detectors/` become data of `eventflow.catalog`.

A build hook and not two lines of `force-include`, because an editable install must not copy them (the checkout's
own would be edited, and the copies read), and because either folder may be missing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

CATALOGUES = ("workflows", "detectors")


class WheelCatalogues(BuildHookInterface[Any]):
    """Called by hatchling."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the folders that go along; `version` is `standard` or `editable`."""
        if version == "editable":
            return
        for name in CATALOGUES:
            folder = Path(self.root) / name
            if folder.is_dir():
                build_data["force_include"][str(folder)] = f"eventflow/catalog/{name}"
