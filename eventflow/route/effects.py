"""What deciding some records brings about, gathered until it is committed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eventflow.model.commit import Arrival, Delivery, Rerun
    from eventflow.model.event import Micros
    from eventflow.model.outcome import DeadLetter, Outcome
    from eventflow.model.record import Entry, Record
    from eventflow.model.run import Firing


class Effects:
    """Effects in the order in which they were decided.

    `last` is the last record decided (None: none was). `wants` is a catalogue number that must be in force before the
    next record can be decided (W11); 0 means nothing is wanted.
    """

    __slots__ = (
        "arrivals", "dead", "deliveries", "firings", "forwards", "last", "outbox", "outcomes", "records", "reruns",
        "wants",
    )  # fmt: skip

    def __init__(self) -> None:
        """Nothing yet."""
        self.firings: list[Firing] = []
        self.reruns: list[Rerun] = []
        self.deliveries: list[Delivery] = []
        self.arrivals: list[Arrival] = []
        self.outcomes: list[Outcome] = []
        self.dead: list[DeadLetter] = []
        self.forwards: list[Entry] = []
        self.outbox: list[bytes] = []
        self.last: Record | None = None
        self.wants = 0
        self.records = 0

    def __bool__(self) -> bool:
        """Whether there is anything that must be committed, or published before."""
        return bool(
            self.firings
            or self.reruns
            or self.deliveries
            or self.arrivals
            or self.outcomes
            or self.dead
            or self.forwards
            or self.outbox
        )

    @property
    def log_time(self) -> Micros:
        """The log time of the last record decided."""
        return self.last.log_time if self.last is not None else 0

    def add(self, other: Effects) -> None:
        """What was decided after this."""
        self.firings += other.firings
        self.reruns += other.reruns
        self.deliveries += other.deliveries
        self.arrivals += other.arrivals
        self.outcomes += other.outcomes
        self.dead += other.dead
        self.forwards += other.forwards
        self.outbox += other.outbox
        self.last = other.last or self.last
        self.wants = other.wants
        self.records += other.records
