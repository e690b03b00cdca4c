"""What `validate` looks at: the documents of the settings exactly as `serve` reads them, or files and folders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from eventflow import catalog
from eventflow.app.known import known
from eventflow.app.workflows import Workflows
from eventflow.errors import EventflowError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from eventflow.catalog import Loaded
    from eventflow.settings import Settings


class NoDocuments(EventflowError):
    """There is nothing to look at where one was told to look."""

    exit_code = 2


def gather(settings: Settings, paths: Sequence[Path]) -> Loaded:
    """The documents of these paths; without any those of the settings, the shipped ones without their own notes.

    Raises `NoDocuments` for a path that does not exist, or a folder without documents.
    """
    if not paths:
        return _of_settings(settings)
    own = [Path(folder) for folder in settings.workflows]
    judges = [Path(folder) for folder in settings.detectors]
    files = [one for path in paths for one in _under(path, [*own, *judges])]
    return catalog.load_files(
        files, known(settings), beside=catalog.folders("workflows", own), detectors=catalog.folders("detectors", judges)
    )


def workflow_files(settings: Settings, paths: Sequence[Path]) -> list[tuple[Path, str]]:
    """(file, id) of every workflow document of these paths; without any those of the settings, not the shipped ones.

    Raises `NoDocuments`.
    """
    own = [Path(folder) for folder in settings.workflows]
    return [one for path in paths or own for one in _under(path, own)]


def _of_settings(settings: Settings) -> Loaded:
    for folder in map(Path, settings.workflows):
        if not folder.is_dir():
            raise NoDocuments(f"there is no folder {folder}; name files or folders, or set workflows: in the settings")
    loaded = Workflows(settings).read()
    shipped = [place.resolve() for name in ("workflows", "detectors") if (place := catalog.shipped(name)) is not None]
    told = [
        problem for problem in loaded.problems
        if problem.severity == "error" or not any(Path(problem.file).resolve().is_relative_to(one) for one in shipped)
    ]  # fmt: skip
    others = sum(1 for place in shipped for _ in catalog.documents(place))
    return msgspec.structs.replace(loaded, problems=told, count=loaded.count - others)


def _under(path: Path, roots: list[Path]) -> Iterator[tuple[Path, str]]:
    """(file, id) of one path that was named."""
    if not path.exists():
        raise NoDocuments(f"there is no file or folder {path}; look at the name and at the directory you are in")
    if not path.is_dir():
        yield path, catalog.named(path, roots)
        return
    found = [file for file, _ in catalog.documents(path)]
    if not found:
        raise NoDocuments(f"there is no document in {path}; their names end in .yaml or .yml and begin with no . or _")
    place = path.resolve()
    within = [root for root in roots if place.is_relative_to(root.resolve())]
    beneath = {"workflows", "detectors"} & {place.name, *(up.name for up in place.parents)}
    for file in found:
        yield file, catalog.named(file, within or ([] if beneath else [path]))
