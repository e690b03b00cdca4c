"""The workflows in force: read from the settings' folders, activated in the store, read again when they change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from eventflow import catalog
from eventflow.app.known import known
from eventflow.model.workflow import Catalogue, decode, encode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eventflow.catalog import Loaded, Problem
    from eventflow.model.event import Micros
    from eventflow.model.workflow import Workflow
    from eventflow.plugin import Store
    from eventflow.settings import Settings

_FOR_USERS = frozenset(("W411",))
"""Problems of a ready-made document that only matter to who wants it: it may name programs that nobody allows."""
log = structlog.get_logger("eventflow.app")


class Workflows:
    """What the folders hold and what of it is in force."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is read yet."""
        self._settings = settings
        self._known = known(settings)
        self._watch: catalog.Watch | None = None
        self.in_force = Catalogue()
        self.problems: Sequence[Problem] = ()
        self.ready_made: frozenset[str] = frozenset()
        """The ids of documents that come with eventflow and that nobody has put one of their own in the place of."""

    def get(self, id_: str) -> Workflow | None:
        """The newest definition of a workflow."""
        return self.in_force.workflows.get(id_)

    def read(self) -> Loaded:
        """What the folders hold now, with every problem."""
        return catalog.load(
            catalog.folders("workflows", [Path(folder) for folder in self._settings.workflows]),
            self._known,
            detectors=catalog.folders("detectors", [Path(folder) for folder in self._settings.detectors]),
        )

    def _tell(self, loaded: Loaded) -> None:
        """Keep what was found, and log it but for the notes on documents that nobody here wrote."""
        folder = catalog.shipped("workflows")
        made = {id_: file for id_, file in loaded.files.items() if folder is not None and file.is_relative_to(folder)}
        theirs = {catalog.shown(file) for file in made.values()}
        found = [one for one in loaded.problems if one.file not in theirs or one.code not in _FOR_USERS]
        self.ready_made, self.problems = frozenset(made), found
        for problem in found:
            if problem.severity != "note":
                log.warning("catalogue.problem", problem=str(problem))
            elif problem.file not in theirs:
                log.info("catalogue.problem", problem=str(problem))

    def changed(self) -> bool:
        """Whether documents have changed on disk since they were read, and lie still."""
        return self._watch is not None and self._watch.changed()

    async def activate(self, store: Store, now: Micros) -> None:
        """Read them and put what is right into force.

        A document with an error leaves the definition that was in force before, if there was one; every problem is in
        `problems` and in the log.
        """
        if self._watch is None:
            folders = [*self._settings.workflows, *self._settings.detectors]
            self._watch = catalog.Watch([Path(folder) for folder in folders])
        loaded = self.read()
        self._tell(loaded)
        _, before = await store.catalogue()
        texts = {id_: encode(one) for id_, one in loaded.workflows.items()}
        texts |= {id_: before[id_] for id_ in loaded.held if id_ in before}
        number = await store.activate(texts, now)
        self.in_force = Catalogue(number, {id_: decode(text) for id_, text in texts.items()})
        log.info("catalogue.in_force", number=number, workflows=len(texts), held=sorted(loaded.held))
