"""The catalogues that partitions decide by, fetched from the store and compiled once for all partitions (W11, W20)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import structlog

from eventflow.model.workflow import Catalogue, Workflow, decode, definition_hash
from eventflow.route.rules import Front, Rules, Waits
from eventflow.route.watching import Find, no_types

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eventflow.plugin.store import Ledger

log = structlog.get_logger("eventflow.route")


class Catalogues:
    """Rules by catalogue number, and the one set of waits that is in force everywhere."""

    def __init__(self, ledger: Ledger, zone: str, find: Find = no_types) -> None:
        """Know nothing yet; `zone` is for cron schedules without one, `find` knows detector types."""
        self._find = find
        self._ledger = ledger
        self._zone = zone
        self._fronts: dict[int, Front] = {}
        self._rules: dict[int, Rules] = {}
        self._waits = Waits({})
        self.newest = 0

    async def look(self) -> bool:
        """Read the newest number and the waits; true when either is new. Waits are in force from here on (W11)."""
        number, documents = await self._ledger.catalogue()
        definitions = {definition_hash(text): text for text in documents.values()}
        definitions |= await self._ledger.open_definitions()
        changed = number != self.newest
        if frozenset(definitions) != self._waits.hashes:
            self._waits = Waits(definitions)
            self._fronts.clear()
            changed = True
        if number not in self._rules:
            self._rules[number] = self._compiled(number, documents)
        self._waits.number = number
        self.newest = number
        return changed

    async def front(self, number: int) -> Front:
        """The rules of catalogue `number` with the waits in force now."""
        front = self._fronts.get(number)
        if front is None:
            if number not in self._rules:
                _, documents = await self._ledger.catalogue(number)
                self._rules[number] = self._compiled(number, documents)
            front = self._fronts[number] = Front(self._rules[number], self._waits)
        return front

    def forget_but(self, numbers: set[int]) -> None:
        """Drop what no partition decides by any more."""
        self._rules = {number: rules for number, rules in self._rules.items() if number in numbers}
        self._fronts = {number: front for number, front in self._fronts.items() if number in numbers}

    def _compiled(self, number: int, documents: Mapping[str, bytes]) -> Rules:
        workflows: dict[str, Workflow] = {}
        for id_, text in documents.items():
            try:
                workflows[id_] = decode(text)
            except msgspec.DecodeError as error:
                log.error("route.definition_unreadable", workflow=id_, error=str(error))  # noqa: TRY400
        rules = Rules(Catalogue(number, workflows), self._zone, self._find)
        for (workflow, trigger), problem in rules.broken.items():
            log.error("route.trigger_broken", workflow=workflow, trigger=trigger, error=problem)
        return rules
