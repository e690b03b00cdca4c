"""Whether Kafka answers, as far as somebody who only asks now and then can tell: told once when it changes.

A thing of its own because what was asked is nobody's in particular: a publish that fails says for itself why, but an
idle process would learn of a broker that is gone only with the next event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from eventflow import ports
from eventflow.errors import EventflowError
from eventflow.kafka.connection import reach

if TYPE_CHECKING:
    from eventflow.kafka.connection import Connection
    from eventflow.model.event import Micros

log = structlog.get_logger("eventflow.kafka")

EVERY: Final = 3.0
"""Seconds between two looks while it answers."""
AGAIN: Final = 1.0
"""Seconds to the next look after one that failed."""
SILENT: Final[Micros] = 4 * ports.SECOND
"""One look that fails is no news, since leaders move and connections break; no answer for so long is."""
KNOCK: Final = 1.0
"""Seconds for one server to let us in, when it is asked only for the reason why nobody answers."""


class Presence:
    """What looks at Kafka have said."""

    def __init__(self) -> None:
        """It has answered just now."""
        self._answered = ports.boot()
        self._failed = False
        self.away = ""
        """Why it is held to be away; empty while it answers."""

    @property
    def pause(self) -> float:
        """Seconds to the next look."""
        return AGAIN if self._failed else EVERY

    def answered(self) -> None:
        """A look was answered."""
        self._answered, self._failed = ports.boot(), False
        if self.away:
            self.away = ""
            log.info("kafka.answers_again")

    def failed(self, why: str) -> None:
        """A look was not answered."""
        self._failed = True
        if ports.boot() - self._answered < SILENT:
            return
        if not self.away:
            log.warning("kafka.silent", error=why)
        self.away = why


async def reason(connection: Connection, said: str) -> str:
    """Why nobody answers, as one sees it who knocks at the door; where that one is let in, what was `said`."""
    try:
        await reach(connection, KNOCK)
    except EventflowError as closed:
        return str(closed)
    return said
