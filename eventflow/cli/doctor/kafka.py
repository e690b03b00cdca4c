"""Kafka, where it is the bus: `eventflow.kafka.doctor` looks, this prints. The positions come from the store's file."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from eventflow.cli.doctor.bench import Finding, fail
from eventflow.errors import EventflowError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from eventflow.cli.doctor.bench import Bench


def checks(bench: Bench) -> Iterator[Finding]:
    """What was found, or nothing where the bus is another."""
    if bench.settings is None or bench.settings.bus.type != "kafka":
        return
    from eventflow.app.rooms import kafka_of
    from eventflow.kafka.doctor import examine

    try:
        connection, wanted = kafka_of(bench.settings)
        with _silent():
            found = asyncio.run(examine(connection, wanted, _positions(bench.settings.data_dir / "store.db")))
    except EventflowError as error:
        yield fail("kafka", str(error), "see bus in the settings")
        return
    for one in found:
        yield Finding(one.level, "kafka", one.sentence, one.advice)


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """What aiokafka would say in the midst of the findings is in them."""
    logger = logging.getLogger("aiokafka")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(before)


def _positions(file: Path) -> dict[int, int]:
    """Partition → offset of the next record to decide; read beside whoever has the file open."""
    import apsw

    if not file.exists():
        return {}
    try:
        rows = apsw.Connection(f"file:{file}?mode=ro", flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI).execute(
            "SELECT partition, position FROM partition"
        )
        return {int(partition): int(position) for partition, position in rows}
    except apsw.Error:
        return {}
