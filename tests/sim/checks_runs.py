"""Promises about runs: they end, once; attempts, timers and calls are as the journal says; answers and events count."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec

from eventflow.model.event import ENGINE
from eventflow.model.record import CONTROL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sink import Call
    from stage import Stage

Visit = tuple[str, int]


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
        over: set[Visit] = set()
        for entry in run["journal"]:
            if "path" in entry and entry["t"] != "hear":
                if visit_of(entry) in over:
                    yield f"{run['id']}: {entry['t']} of {visit_of(entry)} after its end"
                over |= {visit_of(entry)} if entry["t"] == "end" else set()


def attempts_count_up(stage: Stage) -> Iterator[str]:
    """Attempts of a visit are written before the call and count up one by one; no two are the same, and an action that
    must not be repeated is not (W18)."""
    for run in stage.runs:
        seen: dict[Visit, tuple[int, int]] = {}
        for entry in run["journal"]:
            if entry["t"] != "try":
                continue
            n, rep = seen.get(visit_of(entry), (0, 0))
            now = (entry.get("n", 1), entry.get("rep", 0))
            if now not in {(n + 1, 0), (n, rep + 1)} or (n == 0 and now != (1, 0)):
                yield f"{run['id']}: attempt {now} of {visit_of(entry)} after {(n, rep)}"
            if now[1] and entry["uses"] == "sim.once":
                yield f"{run['id']}: {visit_of(entry)} was repeated and must not be"
            seen[visit_of(entry)] = now


def timers_keep_their_time(stage: Stage) -> Iterator[str]:
    """A timer belongs to its visit and is never early (W18): a wait, a retry, a round."""
    for run in stage.runs:
        due: dict[Visit, int] = {}
        for entry in run["journal"]:
            if "path" not in entry:
                continue
            kind, visit = entry["t"], visit_of(entry)
            if kind in {"retry", "round"} or (kind == "wait" and entry["kind"] == "timer"):
                if entry["at"] < due.pop(visit, 0):
                    yield f"{run['id']}: {kind} of {visit} came before its time"
                due[visit] = entry.get("due", 0)
            elif (kind == "try" or (kind == "end" and entry["status"] == "success")) and entry["at"] < due.pop(
                visit, 0
            ):
                yield f"{run['id']}: {kind} of {visit} came before its time"


def calls_have_one_key_per_visit(stage: Stage) -> Iterator[str]:
    """All tries of a visit carry one key, and no other visit has it (G4, W19)."""
    keys: dict[str, tuple[str, str, int]] = {}
    for call in stage.world.calls:
        if call.key != f"{call.run}/{call.path}/{call.visit}" or keys.setdefault(call.key, call.place) != call.place:
            yield f"{call} came with the key {call.key}"


def calls_are_written_first_and_repeated_for_cause(stage: Stage) -> Iterator[str]:
    """Each call stands in the journal, each success had a call, what went well is repeated only after a crash (G4)."""
    calls = defaultdict(list)
    for call in stage.world.calls:
        calls[call.place].append(call)
    for run in stage.runs:
        for visit, tries in _calling(run).items():
            made = calls.pop((run["id"], *visit), [])
            if len(made) > tries:
                yield f"{run['id']}: {visit} has {tries} attempts in its journal, and {len(made)} calls came"
            if visit in _succeeded(run) and not any(call.outcome == "ok" for call in made):
                yield f"{run['id']}: {visit} succeeded, and its calls were {made}"
            for call, following in pairwise(made):
                if call.outcome in {"ok", "open"} and not _cause(stage, call, following):
                    yield f"{call} was repeated although nothing had happened to it"
    yield from (f"{made[0]} stands in no journal" for made in calls.values() if made)


def _calling(run: dict[str, Any]) -> Counter[Visit]:
    """Visit → its attempts, of steps that call the sink."""
    entries = [entry for entry in run["journal"] if entry["t"] == "try" and entry["uses"].startswith("sim.")]
    return Counter(visit_of(entry) for entry in entries)


def _succeeded(run: dict[str, Any]) -> set[Visit]:
    return {visit_of(e) for e in run["journal"] if e["t"] == "end" and e["status"] == "success"}


def _cause(stage: Stage, call: Call, following: Call) -> bool:
    """Whether the caller was killed before it could write down what came back, or one of the two was frozen for longer
    than its lease and did not know it when it called or wrote."""
    killed, frozen = call.node.partition("#")[0], {one.node.partition("#")[0] for one in (call, following)}
    return any(
        (what in {"kill", "end"} and node == killed and call.at <= at <= following.at)
        or (what in {"freeze", "thaw"} and node in frozen and call.at - 15_000_000 <= at <= following.at)
        for at, node, what in stage.world.causes
    )


def answers_in_time_win(stage: Stage) -> Iterator[str]:
    """A timeout does not overtake an answer (W21): the first one logged by the deadline decides, a later one is kept
    as late."""
    answers = defaultdict(list)
    for record in stage.log[CONTROL]:
        event = msgspec.json.decode(record.data)
        if event["type"] == "eventflow.run.answer":
            told = event["data"]
            answers[told["run"], told["path"], told["visit"]].append((record.log_time, event))
    for run in stage.runs:
        kept = {item["identity"] for item in run["inbox"]}
        for wait, end in _waits(run, "answer"):
            given = answers.get((run["id"], *visit_of(wait)), [])
            if end.get("status") == "success":
                yield from _judge_answers(run["id"], wait, end, given)
            for _, event in given:
                if f"{ENGINE}/{event['id']}" not in kept:
                    yield f"{run['id']}: answer {event['id']} is recorded nowhere"


def _judge_answers(run: str, wait: dict[str, Any], end: dict[str, Any], given: list[Any]) -> Iterator[str]:
    in_time = [event["data"]["case"] for log_time, event in given if log_time <= wait["deadline"]]
    if in_time and (end.get("by") != "human" or end.get("case") != in_time[0]):
        yield f"{run} {visit_of(wait)}: {in_time} came in time, decided was {end.get('case')} by {end.get('by')}"
    if not in_time and end.get("by") != "timeout":
        yield f"{run} {visit_of(wait)}: nobody answered in time, decided was {end.get('case')} by {end.get('by')}"
    if end.get("by") == "timeout" and end["at"] <= wait["deadline"]:
        yield f"{run} {visit_of(wait)}: timed out before its deadline"


def waits_take_the_first_that_fits(stage: Stage) -> Iterator[str]:
    """A wait gets the first event that fits, logged between the run's own event and the deadline, wherever the run was
    when it came (W20); without one it times out. (For workflows whose step `x` waits for `order.x` of its subject.)"""
    came = [(record.log_time, msgspec.json.decode(record.data)) for record in stage.log[0]]
    for run in stage.runs:
        for wait, end in _waits(run, "event"):
            fitting = [event["id"] for at, event in came if _fits(wait, at, event)]
            taken = [end["outputs"]["event"]["id"]] if end.get("status") == "success" else []
            if end and end["status"] != "cancelled" and taken != fitting[:1]:
                yield f"{run['id']} waited for {wait['path']} and took {taken} of {fitting}"


def _fits(wait: dict[str, Any], at: int, event: dict[str, Any]) -> bool:
    in_time = wait["since"] <= at <= wait["deadline"]
    asked = event["type"] == f"order.{wait['path']}" and event["subject"] == wait["key"]
    return in_time and asked and (event["type"] == "order.paid" or event["data"]["n"] > 0)


def _waits(run: dict[str, Any], kind: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each wait of this kind with the end of its visit, which may be lacking."""
    ends = {visit_of(entry): entry for entry in run["journal"] if entry["t"] == "end"}
    for entry in run["journal"]:
        if entry["t"] == "wait" and entry["kind"] == kind:
            yield entry, ends.get(visit_of(entry), {})


def visit_of(entry: dict[str, Any]) -> Visit:
    return (entry["path"], entry.get("visit", 1))


ALL = (
    runs_come_to_their_end, nothing_follows_the_end, attempts_count_up, timers_keep_their_time,
    calls_have_one_key_per_visit, calls_are_written_first_and_repeated_for_cause, answers_in_time_win,
)  # fmt: skip
