"""Kafka, where it is the bus or a source: `eventflow.kafka.doctor` looks, this prints.

The positions come from the store's file.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from eventflow.cli.doctor.bench import Finding, fail, ok
from eventflow.errors import EventflowError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from eventflow.cli.doctor.bench import Bench
    from eventflow.settings import Settings, SourceSettings


def checks(bench: Bench) -> Iterator[Finding]:
    """What was found, or nothing where neither the bus nor a source is Kafka."""
    if bench.settings is None:
        return
    if bench.settings.bus.type == "kafka":
        yield from _bus(bench.settings)
    for name, source in bench.settings.sources.items():
        if source.type == "kafka":
            yield _source(name, source)


def _bus(settings: Settings) -> Iterator[Finding]:
    from eventflow.app.rooms import kafka_of
    from eventflow.kafka.doctor import examine

    try:
        connection, wanted = kafka_of(settings)
        with _silent():
            found = asyncio.run(examine(connection, wanted, _positions(settings.data_dir / "store.db")))
    except EventflowError as error:
        yield fail("kafka", str(error), "see bus in the settings")
        return
    for one in found:
        yield Finding(one.level, "kafka", one.sentence, one.advice)


def _source(name: str, settings: SourceSettings) -> Finding:
    """Whether its topics can be read, by the way that the source itself takes; nothing is committed."""
    from eventflow.plugin import SourceContext
    from eventflow.sources.kafka import Kafka

    async def look() -> None:
        try:
            await source.open()
        finally:
            await source.close()

    try:
        source = Kafka(SourceContext(name, settings.given(), settings.secrets()))
        with _silent():
            asyncio.run(look())
    except EventflowError as error:
        return fail("kafka", f"source {name}: {error}", "it is waited for; the rest of eventflow runs without it")
    return ok("kafka", f"source {name} reaches its topics")


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
