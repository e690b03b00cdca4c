"""A closer look at one event a second, so that no filter fails in silence: comparisons whose sides never are of kinds
that can be equal, fields that never come, triggers that never fire.

None of these is an error, so nothing else would ever tell. What is found is for people; no decision depends on it.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from eventflow.match import Counts
from eventflow.model.event import ENGINE, decode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from eventflow.model.event import Micros
    from eventflow.model.record import Record
    from eventflow.route.rules import Rules

EVERY: Final[Micros] = 1_000_000


class Sampling:
    """What was seen under the newest rules; begins anew with other rules."""

    def __init__(self) -> None:
        """Has seen nothing."""
        self._rules: Rules | None = None
        self._counts = Counts(())
        self._at: Micros = -EVERY

    def look(self, rules: Rules, records: Sequence[Record], now: Micros) -> None:
        """Look at the last of the records, at most once a second; engine events are passed over."""
        if not records or now - self._at < EVERY or (self._rules is not None and rules.number < self._rules.number):
            return
        self._at = now
        if rules is not self._rules:
            self._rules, self._counts = rules, Counts(rules.entries)
        with contextlib.suppress(
            ValueError, TypeError, KeyError, RecursionError
        ):  # what is no event is nobody's filter
            event = decode(records[-1].data)
            if event.source != ENGINE:
                self._counts.look(event.view())

    def findings(self, matched: Mapping[tuple[str, str], int]) -> dict[tuple[str, str], list[str]]:
        """(workflow, trigger) → sentences, where there are any. `matched`: how often its filter held."""
        found: dict[tuple[str, str], list[str]] = {}
        for number, count in self._counts.of.items():
            if self._rules is None:
                break
            name = self._rules.events[number].name
            count.fired = matched.get(name, 0)
            if sentences := count.findings():
                found[name] = sentences
        return found
