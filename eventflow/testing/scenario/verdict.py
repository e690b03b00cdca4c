"""What came of a test held against what its document expects: each difference with its place, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from eventflow.catalog import durations
from eventflow.catalog.fields import Fields
from eventflow.catalog.kinds import slug
from eventflow.catalog.nodes import Mapping, Node, Sequence
from eventflow.catalog.trials import RUN, moment
from eventflow.model.event import format_time, from_micros

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from eventflow.model.event import Micros
    from eventflow.testing.scenario.record import Call, Happened, Seen

SECOND: Final[Micros] = 1_000_000
NOTHING: Final = object()


class Difference(msgspec.Struct, frozen=True):
    """One expectation that was not met. `what` names it from `expect` on (`calls.page.with.severity`)."""

    line: int
    column: int
    what: str
    expected: str
    found: str
    why: str = ""


def differences(expect: Fields, happened: Happened) -> list[Difference]:
    """Everything that is other than expected, in the order of the document."""
    found = [*_fires(expect, happened), *_stages(expect, happened), *_emitted(expect, happened)]
    checked = any(expect.given(key) for key in RUN)
    wanted = expect.get("runs", ())
    if "runs" in expect.values:
        found += _number(expect, happened, len(wanted))
    if checked and not happened.runs and "runs" not in expect.values and not found:
        key = expect.given(*RUN)[0]
        at = expect.of(key)
        found.append(Difference(at.line, at.column, key, "a run", "no run started", why_none(happened)))
    for place, seen in enumerate(happened.runs):
        label = f" of run {place + 1}" if len(happened.runs) > 1 else ""
        found += _run(expect, seen, happened, label)
        if place < len(wanted):
            found += _run(wanted[place], seen, happened, f" of run {place + 1}")
    return sorted(found, key=lambda one: (one.line, one.column))


# --- how many runs, and where events stopped -------------------------------------------------------------------------


def _fires(expect: Fields, happened: Happened) -> Iterator[Difference]:
    wanted = expect.get("fires")
    started = [seen for seen in happened.runs if seen.run.status != "suppressed"]
    if wanted is None:
        return
    fits = len(started) == wanted if type(wanted) is int else bool(started) == wanted
    if not fits:
        shown = f"{wanted} run{'s' * (wanted != 1)}" if type(wanted) is int else ("a run" if wanted else "no run")
        found = f"{len(started)} run{'s' * (len(started) != 1)}" if started else "no run started"
        if len(started) > (wanted or 0) and started:
            found += ": " + "; ".join(
                f"{one.run.trigger} at {_at(one.run.fired_at, happened.start)}" for one in started
            )
        yield _different(expect.at("fires"), "fires", shown, found, why_none(happened) if not started else "")


def why_none(happened: Happened) -> str:
    """Why no run, or a run less, started: what the triggers said to the events, and what could not be decided."""
    said = []
    for number, outcomes in enumerate(happened.stages, 1):
        said += [f"event {number}, trigger {one.trigger}, stage {one.stage}: {one.sentence}"
                 for one in outcomes if one.reason != "fired"]  # fmt: skip
    said += [f"{seen.run.trigger} fired, but the run was suppressed: {seen.run.reason}" for seen in happened.runs
             if seen.run.status == "suppressed"]  # fmt: skip
    return "\n".join(said + happened.dead)


def stage_of(number: int, happened: Happened) -> tuple[str, str]:
    """Where an event stopped, by the trigger that got furthest, and the sentence; admission included."""
    outcomes = happened.stages[number]
    if not outcomes:
        return ("matched", "no event trigger looks at it")
    best = outcomes[0]
    if best.stage == "started":
        run = next((one.run for one in happened.runs if best.run is not None and one.run.id == best.run), None)
        if run is not None and run.status == "suppressed" and run.reason in {"concurrency", "breaker"}:
            return (run.reason, f"the run was suppressed: {run.reason}")
    return (best.stage, best.sentence)


def _stages(expect: Fields, happened: Happened) -> Iterator[Difference]:
    wanted, number = expect.get("stage"), len(happened.stages)
    if wanted is not None:
        stage, sentence = stage_of(number - 1, happened) if number else ("none", "no event was given")
        if stage != wanted:
            yield _different(expect.at("stage"), "stage", wanted, stage, sentence)
    for place, one in enumerate(expect.get("stages", ())):
        stage, sentence = stage_of(place, happened)
        if stage != one:
            yield _different(_item(expect.at("stages"), place), f"stages, event {place + 1}", one, stage, sentence)


def _emitted(expect: Fields, happened: Happened) -> Iterator[Difference]:
    wanted = expect.get("emitted")
    if wanted is None:
        return
    at = expect.at("emitted")
    if len(wanted) != len(happened.emitted):
        types = ", ".join(str(one.get("type")) for one in happened.emitted)
        yield _different(
            at, "emitted", f"{len(wanted)} events", f"{len(happened.emitted)}" + (f": {types}" * bool(types))
        )
        return
    for place, (one, event) in enumerate(zip(wanted, happened.emitted, strict=True)):
        yield from _within(_item(at, place), one, event, f"emitted[{place}]")


def _number(expect: Fields, happened: Happened, wanted: int) -> Iterator[Difference]:
    if len(happened.runs) != wanted:
        shown = "; ".join(f"{one.run.trigger} at {_at(one.run.fired_at, happened.start)}" for one in happened.runs)
        found = f"{len(happened.runs)}: {shown}" if shown else "none"
        yield _different(expect.of("runs"), "runs", f"{wanted} runs", found, why_none(happened))


# --- one run ---------------------------------------------------------------------------------------------------------


def _run(one: Fields, seen: Seen, happened: Happened, label: str) -> Iterator[Difference]:
    for key in one.given(*RUN):
        if key in one.values:
            yield from _CHECKS[key](one, seen, happened, label)


def _plain(what: str) -> Callable[..., Iterator[Difference]]:
    def check(one: Fields, seen: Seen, _happened: Happened, label: str) -> Iterator[Difference]:
        found = getattr(seen.run, what)
        if found != one.get(what):
            yield _different(one.at(what), what + label, str(one.get(what)), str(found))

    return check


def _part(what: str) -> Callable[..., Iterator[Difference]]:
    def check(one: Fields, seen: Seen, _happened: Happened, label: str) -> Iterator[Difference]:
        yield from _within(one.at(what), one.get(what), getattr(seen.run, what), what + label)

    return check


def _fired_at(one: Fields, seen: Seen, happened: Happened, label: str) -> Iterator[Difference]:
    wanted = moment(one.get("at"), happened.start)
    if abs(seen.run.fired_at - wanted) >= SECOND:
        yield _different(
            one.at("at"), "at" + label, _at(wanted, happened.start), _at(seen.run.fired_at, happened.start)
        )


def _outcome(one: Fields, seen: Seen, _happened: Happened, label: str) -> Iterator[Difference]:
    wanted, run = one.get("outcome"), seen.run
    whole = run.status + (f" ({run.reason})" if run.reason else "")
    if wanted not in {run.status, whole}:
        yield _different(one.at("outcome"), "outcome" + label, wanted, whole, _troubles(seen))


def _troubles(seen: Seen) -> str:
    lines = [f"{name}: {step['error']}: {step['message']}" for name, step in seen.steps.items() if step.get("error")]
    return "\n".join(lines)


def _path(one: Fields, seen: Seen, _happened: Happened, label: str) -> Iterator[Difference]:
    wanted = [slug(name) for name in one.get("path")]
    found = seen.path(frozenset(wanted))
    if found != wanted:
        first = next(
            (i for i, (a, b) in enumerate(zip(wanted, found, strict=False)) if a != b), min(len(wanted), len(found))
        )
        at = _item(one.at("path"), first) if first < len(wanted) else one.at("path")
        mark = f"differs from place {first + 1} on: expected {_nth(wanted, first)}, found {_nth(found, first)}"
        why = "\n".join(filter(None, (mark, _troubles(seen))))
        yield _different(at, "path" + label, " → ".join(wanted) or "nothing", " → ".join(found) or "nothing", why)


def _nth(names: list[str], place: int) -> str:
    return names[place] if place < len(names) else "the end"


def _steps(one: Fields, seen: Seen, _happened: Happened, label: str) -> Iterator[Difference]:
    for name, wanted in one.get("steps").items():
        found = seen.steps.get(slug(name), {"status": "pending", "outputs": {}})
        at, what = _value(one.at("steps"), name), f"steps.{name}"
        status = wanted.get("status") if isinstance(wanted, Fields) else wanted
        why = str(found.get("message") or "")
        if status is not None and status != found["status"]:
            place = wanted.at("status") if isinstance(wanted, Fields) else at
            yield _different(place, f"{what}.status{label}", status, found["status"], why)
        if not isinstance(wanted, Fields):
            continue
        for key, default in (("attempts", 0), ("error", None)):
            if key in wanted.values and wanted.get(key) != found.get(key, default):
                shown = str(found.get(key, default) or "none")
                yield _different(wanted.at(key), f"{what}.{key}{label}", str(wanted.get(key)), shown, why)
        if "outputs" in wanted.values:
            yield from _within(
                wanted.at("outputs"), wanted.get("outputs"), found.get("outputs", {}), f"{what}.outputs{label}", why
            )


def _calls(one: Fields, seen: Seen, happened: Happened, label: str) -> Iterator[Difference]:
    for name, wanted in one.get("calls").items():
        made = [call for call in seen.calls if call.step == slug(name)]
        at, what = _value(one.at("calls"), name), f"calls.{name}{label}"
        number = wanted if isinstance(wanted, int) else len(wanted)
        if len(made) != number:
            yield _different(
                at, what, f"{number} call{'s' * (number != 1)}", f"{len(made)}", _listed(made, happened.start)
            )
            continue
        for place, (call, fields) in enumerate(zip(made, wanted if not isinstance(wanted, int) else (), strict=False)):
            yield from _call(fields, call, happened, f"{what}[{place}]" if number > 1 else what)


def _listed(made: list[Call], start: Micros) -> str:
    return "\n".join(f"{_at(call.at, start)}  {call.uses}  {_shown(call.inputs)}" for call in made)


def _call(fields: Fields, call: Call, happened: Happened, what: str) -> Iterator[Difference]:
    if "at" in fields.values:
        wanted = moment(fields.get("at"), happened.start)
        if abs(wanted - call.at) >= SECOND:
            yield _different(fields.at("at"), f"{what}.at", _at(wanted, happened.start), _at(call.at, happened.start))
    if "with" in fields.values:
        yield from _within(fields.at("with"), fields.get("with"), call.inputs, f"{what}.with")


def _decisions(one: Fields, seen: Seen, _happened: Happened, label: str) -> Iterator[Difference]:
    for name, wanted in one.get("decisions").items():
        found = seen.decisions.get(slug(name))
        at, what = _value(one.at("decisions"), name), f"decisions.{name}{label}"
        if found is None:
            yield _different(at, what, "a decision", "it was not made", _troubles(seen))
            continue
        whole = wanted if isinstance(wanted, Fields) else Fields(Mapping(at.line, at.column), {"case": wanted})
        for key, value in whole.values.items():
            now = sorted(value) if key == "who" else value
            if found[key] != now:
                yield _different(whole.at(key), f"{what}.{key}", _shown(now), _shown(found[key]), found["reason"])


_CHECKS: Final[dict[str, Callable[..., Iterator[Difference]]]] = {
    "trigger": _plain("trigger"), "key": _plain("key"), "at": _fired_at, "inputs": _part("inputs"), "path": _path,
    "steps": _steps, "calls": _calls, "decisions": _decisions, "outcome": _outcome, "reason": _plain("reason"),
    "outputs": _part("outputs"),
}  # fmt: skip


# --- values ----------------------------------------------------------------------------------------------------------


def _within(at: Node, wanted: Any, found: Any, what: str, why: str = "") -> Iterator[Difference]:
    """Every key that is wanted must be there with its value; others may be there too. Lists must be equal in length."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for name, value in wanted.items():
            place, inner = _value(at, name), found.get(name, NOTHING)
            if inner is NOTHING:
                keys = f"there are: {', '.join(found)}" if found else "nothing"
                yield _different(place, f"{what}.{name}", _shown(value), keys, why)
            else:
                yield from _within(place, value, inner, f"{what}.{name}", why)
    elif isinstance(wanted, list) and isinstance(found, (list, tuple)) and len(wanted) == len(found):
        for number, (value, inner) in enumerate(zip(wanted, found, strict=True)):
            yield from _within(_item(at, number), value, inner, f"{what}[{number}]", why)
    elif wanted != found or isinstance(wanted, bool) != isinstance(found, bool):
        yield _different(at, what, _shown(wanted), _shown(found), why)


def _different(at: Node, what: str, expected: str, found: str, why: str = "") -> Difference:
    return Difference(at.line, at.column, what, expected, found, why)


def _value(node: Node, name: str) -> Node:
    return node.values.get(name, node) if isinstance(node, Mapping) else node


def _item(node: Node, place: int) -> Node:
    return node.items[place] if isinstance(node, Sequence) and place < len(node.items) else node


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= 300 else text[:299] + "…"


def _at(micros: Micros, start: Micros) -> str:
    time = format_time(from_micros(micros))
    return f"+{durations.show((micros - start) // 1000 * 1000)} ({time})" if micros >= start else time
