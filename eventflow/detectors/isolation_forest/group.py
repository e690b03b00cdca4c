"""The memory of one group of like series: the rows to learn from, the forest in use, and the one that is asked for.

Rows lie in chunks, so that a dump holds the last chunk and not all of them; the oldest chunk goes as a whole. A thing
of its own because everything that must survive a crash is here, and nothing else is.
"""

from __future__ import annotations

from array import array
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

import msgspec

from eventflow.detectors.isolation_forest.config import MOST_ROWS
from eventflow.detectors.isolation_forest.forest import read
from eventflow.detectors.isolation_forest.job import Job
from eventflow.plugin.detector import HANDOVER

if TYPE_CHECKING:
    from eventflow.detectors.isolation_forest.config import Config
    from eventflow.detectors.isolation_forest.forest import Forest

CHUNK: Final = 64
YOUNG: Final = 2048
"""A group that asked before so many rows asks again after twice the rows, if that is sooner."""
STAGGER: Final = 30_000_000
"""Groups that ask at one time hand over within so much log time: not all at once."""
LARGEST: Final = 3.4028234663852886e38
"""float32 ends here; what is beyond is infinite to a forest, and not learned."""


class Head(msgspec.Struct):
    """What is small and changes often."""

    name: str
    rows: int = 0
    """Rows learned so far: also the number of the next one."""
    asked_at: int = 0
    """The row that asked last, and its log time."""
    asked_when: int = 0
    due: int = 0
    """Hand-over of the forest that is asked for; 0: none is."""
    model: str = ""
    """The name of the part that holds the forest in use."""


class Group:
    """One group; `changed` names the parts that a dump must write."""

    def __init__(self, head: Head, config: Config, width: int, seed: int) -> None:
        """A group as it was, or a new one."""
        self.head, self._config, self._width, self._seed = head, config, width, seed
        self.members = 0
        self.chunks: dict[int, tuple[int, array[float]]] = {}
        """Number → log time of its last row, and its rows."""
        self.job: bytes = b""
        self.forest: Forest | None = None
        self.model: bytes = b""
        self.given: bytes | None = None
        self.waiting = False
        """A forest is asked for and was not given in this process."""
        self._fit_name = ""
        self.changed: set[str] = {"head"}

    # --- learning ----------------------------------------------------------------------------------------------------

    def learn(self, values: tuple[float, ...], log_time: int) -> None:
        """Keep a row, and ask for a forest when it is time."""
        head = self.head
        number, place = divmod(head.rows, CHUNK)
        if not place:
            self.chunks[number] = (log_time, array("f"))
            self._forget(number, log_time)
        rows = self.chunks[number][1]
        rows.extend(values)
        self.chunks[number] = (log_time, rows)
        head.rows += 1
        self.changed |= {"head", f"chunk/{number}"}
        if not head.due and self._is_time(log_time):
            self._ask(log_time)

    def _forget(self, newest: int, log_time: int) -> None:
        """Drop the chunks that are beyond the window; of one in time as many stay as a forest needs."""
        train, size = self._config.train, -(-self._limit() // CHUNK)
        least = newest - -(-train.min_samples // CHUNK)
        since = log_time - train.window.micros if train.window.micros is not None else None
        for number, (when, _) in list(self.chunks.items()):
            if number < newest - size or (since is not None and when < since and number < least):
                del self.chunks[number]
                self.changed.add(f"chunk/{number}")

    def _limit(self) -> int:
        """How many rows a forest is made from at most."""
        return min(self._config.train.window.rows or 4096, MOST_ROWS)

    def _rows(self, log_time: int) -> bytes:
        """The latest rows, by number; by time as many as are young enough, unless those are too few."""
        size = 4 * self._width
        young = b""
        if (window := self._config.train.window.micros) is not None:
            young = b"".join(
                self.chunks[n][1].tobytes() for n in sorted(self.chunks) if self.chunks[n][0] >= log_time - window
            )
        if len(young) < size * self._config.train.min_samples:
            young = b"".join(self.chunks[number][1].tobytes() for number in sorted(self.chunks))
        return young[-size * self._limit() :]

    def _is_time(self, log_time: int) -> bool:
        head, train = self.head, self._config.train
        if head.rows < train.min_samples:
            return False
        if not head.asked_at or (head.asked_at < YOUNG and head.rows >= 2 * head.asked_at):
            return True
        every = train.retrain_every
        if every.micros is not None:
            return log_time - head.asked_when >= every.micros
        return head.rows - head.asked_at >= (every.rows or 1)

    def _ask(self, log_time: int) -> None:
        """Choose rows, seed and hand-over; from now on they are part of memory."""
        head, config = self.head, self._config
        salt = f"{self._seed}/{config.train.seed}/{head.name}/{head.rows}".encode()
        seed = int.from_bytes(blake2b(salt, digest_size=4).digest(), "big") >> 1
        job = Job(trees=config.trees, sample=config.sample, seed=seed, width=self._width, rows=self._rows(log_time))
        self.job = msgspec.msgpack.encode(job)
        apart = int.from_bytes(blake2b(head.name.encode(), digest_size=4).digest(), "big") % STAGGER
        head.asked_at, head.asked_when, head.due = head.rows, log_time, log_time + HANDOVER + apart
        self.given, self.waiting, self._fit_name = None, True, ""
        self.changed |= {"head", "job"}

    # --- handing over ------------------------------------------------------------------------------------------------

    @property
    def fit_name(self) -> str:
        """One name for each job, whatever group had this name before. Kept, because it is asked for at each batch."""
        if not self._fit_name:
            digest = blake2b(self.job, digest_size=8, key=str(self.head.due).encode()).hexdigest()
            self._fit_name = f"{self.head.name}#{digest}"
        return self._fit_name

    def give(self, made: bytes | None) -> None:
        """The forest that was asked for; it is used from `due` on."""
        self.given, self.waiting = made, False

    def hand_over(self) -> None:
        """The first row at or after `due` has come. Without a new forest the old one stays."""
        if self.given is not None:
            if self.head.model:
                self.changed.add(self.head.model)
            self.model, self.forest = self.given, read(self.given)
            self.head.model = f"model/{blake2b(self.given, digest_size=8).hexdigest()}"
            self.changed.add(self.head.model)
        self.head.due, self.job, self.given, self.waiting = 0, b"", None, False
        self.changed |= {"head", "job"}

    # --- memory ------------------------------------------------------------------------------------------------------

    def all_parts(self) -> set[str]:
        """The names of everything that may be saved of it."""
        names = {"head", "job", *(f"chunk/{number}" for number in self.chunks)} | self.changed
        return names | {self.head.model} if self.head.model else names

    def part(self, name: str) -> bytes | None:
        """What a part holds now."""
        kind, _, number = name.partition("/")
        if kind == "head":
            return msgspec.msgpack.encode(self.head)
        if kind == "job":
            return self.job or None
        if kind == "model":
            return self.model if name == self.head.model else None
        chunk = self.chunks.get(int(number))
        return None if chunk is None else msgspec.msgpack.encode((chunk[0], chunk[1].tobytes()))

    def restore(self, parts: dict[str, Any]) -> None:
        """Everything beside the head."""
        for name, part in parts.items():
            if name == "job":
                self.job = part
            elif name.startswith("model/"):
                self.model, self.forest = part, read(part)
            elif name.startswith("chunk/"):
                when, rows = msgspec.msgpack.decode(part)
                self.chunks[int(name.partition("/")[2])] = (when, array("f", rows))
        self.waiting = bool(self.head.due)
        self.changed.clear()
