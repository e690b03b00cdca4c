"""Whether another eventflow decides the same topic: then every event is decided, and every workflow run, twice.

Each reader of a bus tells Kafka's group how far it is, as a hint for dashboards; with it stands who it is. One data
directory has one reader, so a place that somebody else moves is news, and a data directory that has decided nothing
must find none. What stands still is nobody's concern: it was left by a process that has ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from eventflow import ports

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eventflow.model.event import Micros

log = structlog.get_logger("eventflow.kafka")

SIGN: Final = "eventflow "
"""What our notes begin with; others write what they like."""
FRESH: Final[Micros] = 60 * ports.SECOND
"""A place that a rival moved is held against it so long."""

Told = tuple[int, str]
"""An offset, and the note beside it."""


def group_of(topic: str, name: str) -> str:
    """Kafka's name for the group in which one of our readers tells how far it is."""
    return f"eventflow.{topic}.{name}"


class Rivals:
    """What the group of one topic has been told by others."""

    def __init__(self, topic: str) -> None:
        """Nobody else is known."""
        self._topic = topic
        self.note = SIGN + ports.random_bytes(8).hex()
        """Who this process is, to be written beside each of its places."""
        self._before: dict[int, Told] | None = None
        self._moved: Micros | None = None

    @property
    def trouble(self) -> str:
        """What is to be said of a rival that is at work; empty without one."""
        if self._moved is None or ports.boot() - self._moved > FRESH:
            return ""
        return (
            f"another eventflow with another data_dir decides {self._topic} too, and its workflows run a second time: "
            "stop one of them, or give it a topic of its own"
        )

    def seen(self, told: Mapping[int, Told]) -> None:
        """These places stand in the group now, by partition."""
        theirs = {partition: one for partition, one in told.items() if one[1].startswith(SIGN) and one[1] != self.note}
        moved = self._before is not None and any(self._before.get(at) != one for at, one in theirs.items())
        self._before = theirs
        if moved:
            news, self._moved = not self.trouble, ports.boot()
            if news:
                log.error("kafka.rival", error=self.trouble)


def decided(topic: str, group: str, told: Mapping[int, Told]) -> str:
    """Why a data directory that has decided nothing must not begin with this topic; empty where it may."""
    places = [offset for offset, _ in told.values() if offset > 0]
    if not places:
        return ""
    return (
        f"the topic {topic} was decided before, with another data_dir ({sum(places)} records, says Kafka's group "
        f"{group}); this one is new, would decide it all again and run its workflows a second time: put that data_dir "
        f"or its backup back, or choose another topic. To have it decided again, let the group be forgotten: "
        f"kafka-consumer-groups --delete --group {group}"
    )
