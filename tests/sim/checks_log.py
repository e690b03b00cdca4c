"""Promises about events: accepted, decided once, remembered as the log says, counted, said aloud."""

from __future__ import annotations

from collections import Counter, defaultdict
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import msgspec
from fold import chain_of, refold

from eventflow.model.event import ENGINE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stage import Stage


def acknowledged_events_are_in_the_log(stage: Stage) -> Iterator[str]:
    """Accepted is durable (G1): what a sender was told is safe lies in the log, all of it."""
    logged = defaultdict(list)
    for records in stage.log.values():
        for record in records:
            event = msgspec.json.decode(record.data)
            logged[event["source"], event["id"]].append(event.get("data"))
    for identity in stage.world.acked:
        if msgspec.json.decode(stage.world.sent[identity]).get("data") not in logged[identity]:
            yield f"{identity} was acknowledged and is not in the log"


def everything_is_decided(stage: Stage) -> Iterator[str]:
    """No record is left behind (G6): every partition stands at its end, its memory too after a drain."""
    found = stage.view.rows("SELECT partition, position, memory_at FROM partition")
    rows = {partition: (position, memory_at) for partition, position, memory_at in found}
    for partition, records in stage.log.items():
        end = records[-1].offset + 1 if records else 0
        position, memory_at = rows.get(partition, (0, 0))
        if position < end:
            yield f"partition {partition} stands at {position} of {end}"
        if stage.nodes[0].drained and memory_at != position:
            yield f"partition {partition} was drained at {position} with memory of {memory_at}"


def what_a_stateless_trigger_wants_runs_once(stage: Stage) -> Iterator[str]:
    """One event, one run (G2): for each event and each trigger without memory that wants it, and never a second."""
    made: Counter[tuple[str, str, str]] = Counter()
    for run in stage.runs:
        if "parent" in run["fixed"] or run["fixed"].get("rerun_of"):
            continue
        for _, _, _, data in run["events"]:
            made[run["workflow"], run["fixed"]["trigger"], _name(msgspec.json.decode(data))] += 1
    for what, number in made.items():
        if number > 1:
            yield f"{number} runs of {what}"
    for workflow, trigger in stage.always:
        wanted = [_name(event) for event in stage.events if fnmatchcase(event["type"], trigger.selector.event)]
        for event in wanted:
            if not made[workflow, trigger.id, event]:
                yield f"no run of {workflow}/{trigger.id} for {event}"


def _name(event: dict[str, str]) -> str:
    return f"{event['source']} {event['id']}"


def the_ledger_is_one_chain(stage: Stage) -> Iterator[str]:
    """Nobody commits past somebody else (W10): each commit follows the one before, and no other left a trace."""
    for partition, last in stage.view.rows("SELECT partition, last FROM partition"):
        tried, chain = stage.world.commits.get(partition, {}), chain_of(stage, partition, last)
        if not chain or chain[0].follows:
            yield f"partition {partition}: what {chain[0].id if chain else last} follows was committed by nobody"
        held = {commit.id for commit in chain}
        fired = {firing.run for commit in chain for firing in commit.firings}
        fired |= {rerun.run for commit in chain for rerun in commit.reruns}
        lost = {firing.run for id_, commit in tried.items() if id_ not in held for firing in commit.firings} - fired
        for run in stage.runs:
            if run["id"] in lost:
                yield f"partition {partition}: {run['id']} comes from a commit that the ledger does not have"


def state_is_a_fold_over_the_log(stage: Stage) -> Iterator[str]:
    """State equals a fold over the log (G3, W7): deciding everything from the beginning gives the same effects and
    the same memory, whatever crashed in between."""
    yield from refold(stage)


def every_firing_has_its_run(stage: Stage) -> Iterator[str]:
    """Nothing vanishes (G6): each firing that was committed is a run."""
    runs = {run["id"] for run in stage.runs}
    for partition, last in stage.view.rows("SELECT partition, last FROM partition"):
        for commit in chain_of(stage, partition, last):
            for firing in commit.firings:
                if firing.run not in runs:
                    yield f"{firing.workflow}/{firing.trigger} fired {firing.run}, and there is no such run"


def a_trigger_with_memory_counts_an_event_once(stage: Stage) -> Iterator[str]:
    """One event, one count (G2, W13): however often it was delivered, a trigger with memory fires once for it."""
    stateful = {(id_, trigger.id) for id_, trigger in stage.unchanged if trigger.stateful}
    for partition, last in stage.view.rows("SELECT partition, last FROM partition"):
        fired: Counter[str] = Counter()
        for commit in chain_of(stage, partition, last):
            fired.update(f.run for f in commit.firings if (f.workflow, f.trigger) in stateful)
        yield from (f"partition {partition}: {run} fired {number} times" for run, number in fired.items() if number > 1)


def reasons_sum_up(stage: Stage) -> Iterator[str]:
    """Every event that a trigger matched got exactly one reason (W14), forwarded ones theirs at the owner."""
    for workflow, trigger in stage.matching:
        reasons = stage.counts.get((workflow, trigger.id), {})
        given = sum(number for reason, number in reasons.items() if reason != "forwarded")
        matched = sum(fnmatchcase(event["type"], trigger.selector.event) for event in stage.arrived)
        if given != matched:
            yield f"{workflow}/{trigger.id} matched {matched} records and gave {given} reasons: {reasons}"


def what_was_said_is_in_the_log(stage: Stage) -> Iterator[str]:
    """What the engine says is published (W22): the end of every run, every event that a run emitted; nothing waits."""
    [(waiting,)] = stage.view.rows("SELECT count(*) FROM outbox")
    if waiting:
        yield f"{waiting} rows wait in the outbox"
    said = {event["id"] for event in stage.arrived if event["source"] == ENGINE}
    for run in stage.runs:
        if run["ended"] is not None and f"{run['id']}/{run['status']}" not in said:
            yield f"nobody said that {run['id']} is {run['status']}"
        ends = [entry.get("outputs", {}) for entry in run["journal"] if entry["t"] == "end"]
        emitted = [outputs["id"] for outputs in ends if outputs.get("source") == ENGINE]
        yield from (f"{run['id']} emitted {id_}, and it is not in the log" for id_ in emitted if id_ not in said)


ALL = (
    acknowledged_events_are_in_the_log, everything_is_decided, what_a_stateless_trigger_wants_runs_once,
    the_ledger_is_one_chain, state_is_a_fold_over_the_log, every_firing_has_its_run,
    a_trigger_with_memory_counts_an_event_once, reasons_sum_up,
    what_was_said_is_in_the_log,
)  # fmt: skip
