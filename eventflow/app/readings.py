"""What metrics read from the house when somebody asks: the truth as bus, store and router have it at that moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventflow.errors import StorageError

if TYPE_CHECKING:
    from eventflow.app.house import Eventflow
    from eventflow.observe.metrics import Reading


async def read(flow: Eventflow) -> list[Reading]:
    """Every reading of `eventflow.observe.metrics.METERS` but those of the listeners."""
    readings: list[Reading] = [
        ("partitions_halted", (), len(flow.halted)),
        ("runs_in_hand", (), flow.in_hand),
        ("commits_fenced", (), flow.fenced),
        ("questions", (), len(await flow.store.questions(10_000))),
        ("workflows", (), len(flow.catalogue.workflows)),
    ]
    if (measures := getattr(flow.bus, "measures", None)) is not None:
        readings += [("bus_publish_unclear", (), measures.unclear), ("bus_rebalances", (), measures.rebalances)]
    for partition, position in flow.positions.items():
        try:
            end = (await flow.bus.bounds(partition)).end
        except StorageError:
            continue  # a bus that does not answer is told by `trouble`
        name = "control" if partition < 0 else str(partition)
        readings += [
            ("log_end", (name,), end),
            ("records_decided", (name,), position),
            ("lag_records", (name,), end - position),
        ]
    readings += [("outcomes", names, count) for names, count in flow.counts.items()]
    beyond = await flow.store.dead_beyond()
    readings += [("dead_letters_beyond", (one.workflow, one.trigger), one.count) for one in beyond]
    # The store's own total, under "", would have everybody who sums count each run twice.
    readings += [("runs", names, count) for names, count in (await flow.store.counts()).items() if names[0]]
    for one in flow.detectors:
        of = (one.workflow, one.trigger)
        counts = (("learning", one.learning), ("normal", one.normal), ("alarm", one.alarms))
        readings += [("series", (*of, state), number) for state, number in counts]
    fits = flow.fits
    readings += [("fits", ("made",), fits.made), ("fits", ("failed",), fits.failed)]
    readings += [("fit_waits", (), fits.waits), ("fit_wait_seconds", (), fits.waited / 1_000_000)]
    readings += [("trouble", (check,), 1) for check in flow.trouble()]
    return readings
