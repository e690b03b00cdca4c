"""What a reload would change: the documents on disk beside the catalogue that the store has in force.

The store is read as it is, whether or not a server has it, and never written. What keeps its state is the router's own
word (`Rules.known`), so this says what a reload then does.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import msgspec

from eventflow.model.run import OPEN
from eventflow.model.workflow import Catalogue, Trigger, Workflow, decode, encode
from eventflow.plugin.one_series import find_detector
from eventflow.route.rules import Rules

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from eventflow.catalog import Loaded
    from eventflow.settings import Settings
    from eventflow.stores.sqlite.sql import Sql

MOST = 20
"""Runs of one workflow that are named; of more the first ones."""


class TriggerChange(msgspec.Struct, frozen=True):
    """What a reload does to the state of one trigger; `because` are the keys that differ."""

    id: str
    becomes: Literal["new", "removed", "kept", "reset"]
    because: list[str] = []


class Change(msgspec.Struct, frozen=True):
    """What a reload does to one workflow. `held`: the document is not right, so what was in force before stays.

    `runs` are open runs, which go on with the definition they started with.
    """

    workflow: str
    change: Literal["new", "changed", "removed", "held"]
    triggers: list[TriggerChange] = []
    runs: list[str] = []


class Compared(msgspec.Struct, frozen=True):
    """All changes against the catalogue `number` (0: none has been in force yet), and how many workflows stay."""

    number: int
    changes: list[Change]
    unchanged: int


def compare(settings: Settings, loaded: Loaded, only: Collection[str] | None = None) -> Compared:
    """What a reload of these documents would change. `only` these workflows, where not all have been read."""
    store = _Stored(settings)
    try:
        number, before = store.catalogue()
        changes, unchanged = [], 0
        for id_ in sorted({*before, *loaded.workflows, *loaded.held}):
            if only is not None and id_ not in only:
                continue
            change = _change(id_, before.get(id_), loaded, store.runs)
            if change is None:
                unchanged += 1
            else:
                changes.append(change)
        return Compared(number, changes, unchanged)
    finally:
        store.close()


def _change(id_: str, text: bytes | None, loaded: Loaded, runs: Callable[[str], list[str]]) -> Change | None:
    if id_ in loaded.held:
        return Change(id_, "held")
    after = loaded.workflows.get(id_)
    if after is not None and text == encode(after):
        return None
    before = decode(text) if text is not None else None
    triggers = list(_triggers(before, after))
    if before is None:
        return Change(id_, "new", triggers)
    return Change(id_, "removed" if after is None else "changed", triggers, runs(id_))


def _triggers(before: Workflow | None, after: Workflow | None) -> Iterator[TriggerChange]:
    old, new = _states(before), _states(after)
    for id_ in dict.fromkeys((*new, *old)):
        if id_ not in old:
            yield TriggerChange(id_, "new")
        elif id_ not in new:
            yield TriggerChange(id_, "removed")
        elif old[id_][0] == new[id_][0]:
            yield TriggerChange(id_, "kept")
        else:
            yield TriggerChange(id_, "reset", _differing(old[id_][1], new[id_][1]))


def _states(workflow: Workflow | None) -> dict[str, tuple[str, Trigger]]:
    """Trigger → (the name of its state, itself)."""
    if workflow is None:
        return {}
    names = Rules(Catalogue(1, {workflow.id: workflow}), find=find_detector).known
    return {one.id: (names[workflow.id, one.id], one) for one in workflow.triggers}


def _differing(old: Trigger, new: Trigger) -> list[str]:
    """The keys that differ, those inside the selector by their own names."""
    found = []
    for name in Trigger.__struct_fields__:
        one, other = getattr(old, name), getattr(new, name)
        if one == other or name in _STATELESS:
            continue
        inside = getattr(one, "__struct_fields__", ()) if type(one) is type(other) else ()
        found += [key for key in inside if getattr(one, key) != getattr(other, key)] or [name]
    return found


_STATELESS = frozenset(("inputs", "enabled", "cooldown", "limit", "dedup"))
"""Keys whose change leaves the state alone."""


class _Stored:
    """The embedded store, open for reading beside whoever writes it; nothing where there is none yet."""

    def __init__(self, settings: Settings) -> None:
        from eventflow.disk import Database

        path = Path(settings.data_dir) / "store.db"
        self._database = Database(path, read_only=True) if settings.store == "sqlite:" and path.exists() else None
        if self._database is not None:
            self._database.open()

    def catalogue(self) -> tuple[int, Mapping[str, bytes]]:
        from eventflow.stores.sqlite import ledger

        return (0, {}) if self._database is None else ledger.catalogue(cast("Sql", self._database.raw), None)

    def runs(self, workflow: str) -> list[str]:
        """The open runs of a workflow."""
        from eventflow.stores.sqlite import history

        if self._database is None:
            return []
        found = history.runs(cast("Sql", self._database.raw), MOST, None, workflow, sorted(OPEN), None)
        return [run.id for run in found]

    def close(self) -> None:
        if self._database is not None:
            self._database.abandon()
