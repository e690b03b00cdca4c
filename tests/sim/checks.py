"""What must be true when all faults are over: one function per promise, its docstring is the promise.

A check looks at the log, the store and what the outside saw, and gives a sentence for each broken promise.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from fold import refold

from eventflow.model.event import ENGINE
from eventflow.model.record import CONTROL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sink import Call
    from stage import Stage


class Check(Protocol):
    """A promise."""

    __name__: str

    def __call__(self, stage: Stage) -> Iterator[str]: ...


def acknowledged_events_are_in_the_log(stage: Stage) -> Iterator[str]:
    """Accepted is durable (G1): what a sender was told is safe lies in the log, byte for byte."""
    logged = {record.data for records in stage.log.values() for record in records}
    for identity in stage.world.acked:
        if stage.world.sent[identity] not in logged:
            yield f"{identity} was acknowledged and is not in the log"


def everything_is_decided(stage: Stage) -> Iterator[str]:
    """No record is left behind (G6): every partition stands at its end, its memory too after a drain."""
    found = stage.view.rows("SELECT partition, position, memory_at FROM partition")
    rows = {p: (at, memory) for p, at, memory in found}
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
            event = msgspec.json.decode(data)
            made[run["workflow"], run["fixed"]["trigger"], f"{event['source']} {event['id']}"] += 1
    for what, number in made.items():
        if number > 1:
            yield f"{number} runs of {what}"
    for workflow, trigger in stage.always:
        for event in stage.events:
            if fnmatchcase(event["type"], trigger.selector.event):
                if not made[workflow, trigger.id, f"{event['source']} {event['id']}"]:
                    yield f"no run of {workflow}/{trigger.id} for {event['source']} {event['id']}"


def the_ledger_is_one_chain(stage: Stage) -> Iterator[str]:
    """Nobody commits past somebody else (W10): each commit follows the one before, and no other left a trace."""
    for partition, last in stage.view.rows("SELECT partition, last FROM partition"):
        tried = stage.world.commits.get(partition, {})
        chain, at = set(), last
        while at:
            if at not in tried:
                yield f"partition {partition}: commit {at} was made by nobody"
                break
            chain.add(at)
            at = tried[at].follows
        fired = {firing.run for id_ in chain for firing in tried[id_].firings}
        fired |= {rerun.run for id_ in chain for rerun in tried[id_].reruns}
        lost = {firing.run for id_, commit in tried.items() if id_ not in chain for firing in commit.firings} - fired
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
        tried = stage.world.commits.get(partition, {})
        while last in tried:
            commit = tried[last]
            for firing in commit.firings:
                if firing.run not in runs:
                    yield f"{firing.workflow}/{firing.trigger} fired {firing.run}, and there is no such run"
            last = commit.follows


def reasons_sum_up(stage: Stage) -> Iterator[str]:
    """Every event that a trigger matched got exactly one reason (W14), forwarded ones theirs at the owner."""
    if not stage.counts:
        return
    for workflow, trigger in stage.matching:
        reasons = stage.counts.get((workflow, trigger.id), {})
        given = sum(number for reason, number in reasons.items() if reason != "forwarded")
        matched = sum(fnmatchcase(event["type"], trigger.selector.event) for event in stage.arrived)
        if given != matched:
            yield f"{workflow}/{trigger.id} matched {matched} records and gave {given} reasons: {reasons}"


def runs_come_to_their_end(stage: Stage) -> Iterator[str]:
    """It always comes back (G7): every run is over, and its row says what its journal says."""
    for run in stage.runs:
        if run["ended"] is None:
            yield f"{run['id']} of {run['workflow']} is {run['status']}"
        elif run["status"] == "suppressed":
            if any(entry["t"] == "try" for entry in run["journal"]):
                yield f"{run['id']} is suppressed and has acted"
        elif not run["journal"] or run["journal"][-1]["t"] != "finish":
            yield f"{run['id']} is {run['status']} and its journal has no end: {run['journal'][-1:]}"
        elif run["journal"][-1]["status"] != run["status"]:
            yield f"{run['id']} is {run['status']}, its journal says {run['journal'][-1]['status']}"


def nothing_follows_the_end(stage: Stage) -> Iterator[str]:
    """Terminal states absorb (W18): nothing in a journal after the end of the run, or of a visit."""
    for run in stage.runs:
        kinds = [entry["t"] for entry in run["journal"]]
        if kinds.count("finish") > 1 or ("finish" in kinds and kinds[-1] != "finish"):
            yield f"{run['id']} goes on after its end: {kinds}"
        if kinds.count("begin") > 1:
            yield f"{run['id']} begins {kinds.count('begin')} times"
        over: set[tuple[str, int]] = set()
        for entry in run["journal"]:
            if "path" not in entry or entry["t"] == "hear":
                continue
            visit = (entry["path"], entry.get("visit", 1))
            if visit in over:
                yield f"{run['id']}: {entry['t']} of {visit} after its end"
            if entry["t"] == "end":
                over.add(visit)


def attempts_count_up(stage: Stage) -> Iterator[str]:
    """Attempts of a visit are written before the call and count up one by one; no two are the same (W18)."""
    for run in stage.runs:
        seen: dict[tuple[str, int], tuple[int, int]] = {}
        for entry in run["journal"]:
            if entry["t"] != "try":
                continue
            visit, now = (entry["path"], entry.get("visit", 1)), (entry.get("n", 1), entry.get("rep", 0))
            n, rep = seen.get(visit, (0, 0))
            if now not in {(n + 1, 0), (n, rep + 1)} or (n == 0 and now != (1, 0)):
                yield f"{run['id']}: attempt {now} of {visit} after {(n, rep)}"
            seen[visit] = now


def timers_keep_their_time(stage: Stage) -> Iterator[str]:
    """A timer belongs to its visit and is never early (W18): a wait, a retry, a round."""
    for run in stage.runs:
        due: dict[tuple[str, int], int] = {}
        for entry in run["journal"]:
            if "path" not in entry:
                continue
            visit = (entry["path"], entry.get("visit", 1))
            if entry["t"] == "retry" or (entry["t"] == "wait" and entry["kind"] == "timer"):
                due[visit] = entry["due"]
            elif entry["t"] == "try" or (entry["t"] == "end" and entry["status"] == "success"):
                if entry["at"] < due.pop(visit, 0):
                    yield f"{run['id']}: {entry['t']} of {visit} came before its time"


def calls_have_one_key_per_visit(stage: Stage) -> Iterator[str]:
    """All tries of a visit carry one key, and no other visit has it (G4, W19)."""
    keys: dict[str, tuple[str, str, int]] = {}
    for call in stage.world.calls:
        if call.key != f"{call.run}/{call.path}/{call.visit}" or keys.setdefault(call.key, call.place) != call.place:
            yield f"{call} came with the key {call.key}"


def calls_are_written_first_and_repeated_for_cause(stage: Stage) -> Iterator[str]:
    """Each call stands in the journal, each success had a call, and what went well is repeated only after a crash (G4)."""
    calls = defaultdict(list)
    for call in stage.world.calls:
        calls[call.place].append(call)
    for run in stage.runs:
        tries = Counter[tuple[str, int]]()
        for entry in run["journal"]:
            place = (entry.get("path", ""), entry.get("visit", 1))
            if entry["t"] == "try":
                tries[place] += entry["uses"].startswith("sim.")
            elif entry["t"] == "end" and tries[place]:
                made = calls[run["id"], *place]
                if entry["status"] == "success" and not any(call.outcome == "ok" for call in made):
                    yield f"{run['id']}: {place} succeeded, and its calls were {made}"
        for place, number in tries.items():
            made = calls.pop((run["id"], *place), [])
            if len(made) > number:
                yield f"{run['id']}: {place} has {number} attempts in its journal, and {len(made)} calls came"
            for call, following in zip(made, made[1:], strict=False):
                if call.outcome in {"ok", "open"} and not _cause(stage, call, following):
                    yield f"{call} was repeated although nothing had happened to it"
    yield from (f"{made[0]} stands in no journal" for made in calls.values() if made)


def _cause(stage: Stage, call: Call, following: Call) -> bool:
    """Whether the caller was killed before it could write down what came back, or one of the two was frozen for longer
    than its lease and did not know it when it called or wrote."""
    killed, frozen = call.node.partition("#")[0], {one.node.partition("#")[0] for one in (call, following)}
    return any(
        (what in {"kill", "end"} and node == killed and call.at <= at <= following.at)
        or (what in {"freeze", "thaw"} and node in frozen and call.at - 15_000_000 <= at <= following.at)
        for at, node, what in stage.world.causes
    )


def what_was_said_is_in_the_log(stage: Stage) -> Iterator[str]:
    """What the engine says is published (W22): the end of every run, every event that a run emitted; nothing waits."""
    [(waiting,)] = stage.view.rows("SELECT count(*) FROM outbox")
    if waiting:
        yield f"{waiting} rows wait in the outbox"
    said = {event["id"] for event in stage.arrived if event["source"] == ENGINE}
    for run in stage.runs:
        if run["ended"] is not None and f"{run['id']}/{run['status']}" not in said:
            yield f"nobody said that {run['id']} is {run['status']}"
        for entry in run["journal"]:
            if entry["t"] == "end" and entry["status"] == "success" and entry.get("outputs", {}).get("source") == ENGINE:
                if entry["outputs"]["id"] not in said:
                    yield f"{run['id']} emitted {entry['outputs']['id']}, and it is not in the log"


def answers_in_time_win(stage: Stage) -> Iterator[str]:
    """A timeout does not overtake an answer (W21): the first one logged by the deadline decides, a later one is
    recorded as late."""
    answers = defaultdict(list)
    for record in stage.log[CONTROL]:
        event = msgspec.json.decode(record.data)
        if event["type"] == "eventflow.run.answer":
            answers[event["data"]["run"], event["data"]["path"], event["data"]["visit"]].append((record.log_time, event))
    for run in stage.runs:
        ends = {(e["path"], e.get("visit", 1)): e for e in run["journal"] if e["t"] == "end"}
        for entry in run["journal"]:
            if entry["t"] != "wait" or entry["kind"] != "answer":
                continue
            visit = (entry["path"], entry.get("visit", 1))
            end, given = ends.get(visit, {}), answers.get((run["id"], *visit), [])
            if end.get("status") != "success":
                continue
            yield from _judge_answers(run, visit, entry, end, given)
            kept = {item["identity"] for item in run["inbox"]}
            for _, event in given:
                if f"{ENGINE}/{event['id']}" not in kept:
                    yield f"{run['id']}: answer {event['id']} is recorded nowhere"


def _judge_answers(run: Any, visit: Any, wait: Any, end: Any, given: Any) -> Iterator[str]:
    in_time = [event["data"]["case"] for log_time, event in given if log_time <= wait["deadline"]]
    if in_time and (end.get("by") != "human" or end.get("case") != in_time[0]):
        yield f"{run['id']} {visit}: {in_time} came in time, decided was {end.get('case')} by {end.get('by')}"
    if not in_time and end.get("by") != "timeout":
        yield f"{run['id']} {visit}: nobody answered in time, decided was {end.get('case')} by {end.get('by')}"
    if end.get("by") == "timeout" and end["at"] <= wait["deadline"]:
        yield f"{run['id']} {visit}: timed out before its deadline"


ALL: tuple[Check, ...] = (
    acknowledged_events_are_in_the_log, everything_is_decided, what_a_stateless_trigger_wants_runs_once,
    the_ledger_is_one_chain, state_is_a_fold_over_the_log, every_firing_has_its_run, reasons_sum_up,
    runs_come_to_their_end, nothing_follows_the_end, attempts_count_up, timers_keep_their_time,
    calls_have_one_key_per_visit, calls_are_written_first_and_repeated_for_cause, what_was_said_is_in_the_log,
    answers_in_time_win,
)  # fmt: skip
