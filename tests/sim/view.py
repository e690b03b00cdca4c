"""What lies in the store and in the log, read past the code that is tested: by a connection of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import apsw
import msgspec

if TYPE_CHECKING:
    from node import House
    from world import World

    from eventflow.model.record import Record


class View:
    """A look at everything, at any time."""

    def __init__(self, world: World, house: House) -> None:
        self.world, self.house = world, house
        self._connection: apsw.Connection | None = None
        self._kept: dict[int, dict[int, Record]] = {}

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        if self._connection is None:
            if not self.house.store_path.exists():
                return []
            self._connection = apsw.Connection(str(self.house.store_path), flags=apsw.SQLITE_OPEN_READWRITE)
        return self._connection.execute(sql, values).fetchall()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close(True)
            self._connection = None

    # --- while it runs -----------------------------------------------------------------------------------------------

    async def unfinished(self) -> str:
        """What is still to be done; empty when nothing is."""
        missing = [name for name, node in self.world.nodes.items() if node.router is None or not node.is_open]
        if missing:
            return f"{missing} not up"
        positions = dict(self.rows("SELECT partition, position FROM partition"))
        behind = {
            partition: (positions.get(partition, 0), end)
            for partition, end in self.ends().items()
            if positions.get(partition, 0) < end
        }
        if behind:
            return f"partitions behind: {behind}"
        if open_ := self.rows("SELECT id, workflow, status FROM run WHERE ended IS NULL"):
            return f"open runs: {open_[:5]} of {len(open_)}"
        [(rows,)] = self.rows("SELECT count(*) FROM outbox")
        return f"{rows} rows in the outbox" if rows else ""

    def crowded(self) -> list[str]:
        """Groups that hold more than they may (W12), looked at after each claim: more runs than places; more open runs
        than a mode admits; a run that a newer one should have replaced and that nobody told."""
        occupied = (
            "SELECT grp, count(*), max(places) FROM run WHERE ended IS NULL AND status IN ('running', 'waiting') "
            "GROUP BY grp HAVING count(*) > max(places)"
        )
        admitted = (
            "SELECT grp, count(*) FROM run WHERE ended IS NULL AND workflow IN ('single', 'three') "
            "GROUP BY grp HAVING count(*) > CASE workflow WHEN 'single' THEN 1 ELSE 5 END"
        )
        untold = (
            "SELECT id FROM run WHERE ended IS NULL AND workflow = 'restart' "
            "AND EXISTS (SELECT 1 FROM run AS newer WHERE newer.grp = run.grp AND newer.no > run.no) "
            "AND NOT EXISTS (SELECT 1 FROM inbox WHERE inbox.run = run.id AND kind = 'cancel')"
        )
        return [
            *(f"{number} runs in {places} places of {group!r}" for group, number, places in self.rows(occupied)),
            *(f"{number} open runs in {group!r}" for group, number in self.rows(admitted)),
            *(f"{run} goes on beside a newer run of its group" for (run,) in self.rows(untold)),
        ]

    def is_busy(self) -> bool:
        """Whether there are open runs."""
        try:
            return bool(self.rows("SELECT 1 FROM run WHERE ended IS NULL LIMIT 1"))
        except apsw.SQLError:  # the tables are just being made
            return False

    def ends(self) -> dict[int, int]:
        """Partition → the offset after its last record."""
        if self.house.broker is not None:
            return {p: self.house.broker.range(p).end for p in self.house.broker._records}
        for node in self.world.nodes.values():
            if node._real is not None and node.is_open:
                log = node._real[0]._log
                return {p: log.range(p).end for p in (-1, 0)}
        return {}

    # --- when it is over ---------------------------------------------------------------------------------------------

    def log(self) -> dict[int, list[Record]]:
        """All records by partition, those that retention took included."""
        if self.house.broker is not None:
            self.keep()
        else:
            bus = self.house.bus()
            bus._log.open()
            try:
                self._copy(bus._log)
            finally:
                bus._log.abandon()
        return {p: [kept[offset] for offset in sorted(kept)] for p, kept in sorted(self._kept.items())}

    def keep(self) -> None:
        """Copy what is in the log now, before something of it is removed."""
        if self.house.broker is not None:
            self._copy(self.house.broker)
        for node in self.world.nodes.values():
            if self.house.broker is None and node._real is not None and node.is_open:
                self._copy(node._real[0]._log)

    def _copy(self, log: Any) -> None:
        for partition in (-1, *range(self.house.partitions)):
            kept = self._kept.setdefault(partition, {})
            bounds = log.range(partition)
            at = max(bounds.start, max(kept, default=-1) + 1)
            while at < bounds.end:
                records = log.read(partition, at, 1_000_000)
                kept |= {record.offset: record for record in records}
                at = records[-1].offset + 1

    def runs(self) -> list[dict[str, Any]]:
        """Every run with its fixed part and its journal, as JSON."""
        columns = [
            "no",
            "id",
            "workflow",
            "number",
            "definition",
            "grp",
            "places",
            "status",
            "reason",
            "created",
            "started",
            "ended",
        ]
        found = []
        for row in self.rows(f"SELECT {', '.join(columns)} FROM run ORDER BY no"):
            run = dict(zip(columns, row, strict=True))
            [(fixed, outputs)] = self.rows("SELECT data, outputs FROM run_fixed WHERE no = ?", run["no"])
            run |= {"fixed": msgspec.json.decode(fixed), "outputs": msgspec.json.decode(outputs or b"{}")}
            lines = self.rows("SELECT data FROM journal WHERE run = ? ORDER BY seq", run["no"])
            run["journal"] = [msgspec.json.decode(line) for (line,) in lines]
            events = 'SELECT partition, "offset", log_time, data FROM run_event JOIN event ON id = event WHERE run = ?'
            run["events"] = self.rows(events + " ORDER BY place", run["no"])
            inbox = "SELECT id, identity, late, kind, log_time, payload FROM inbox WHERE run = ? ORDER BY id"
            run["inbox"] = [
                dict(zip(("id", "identity", "late", "kind", "log_time", "payload"), item, strict=True))
                | {"payload": msgspec.json.decode(item[5])}
                for item in self.rows(inbox, run["id"])
            ]
            found.append(run)
        return found
