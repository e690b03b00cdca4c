"""What every trigger makes of one stored event: the first stage that said no, with the values it saw (W14).

Select is worked out again from the stored event and a catalogue. What the stages with memory said is read from the ring
of last verdicts that the owner keeps per key; when it is not there any more, that is said, not guessed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from eventflow.match import EvaluationError
from eventflow.match.atoms import fits, read
from eventflow.model.event import decode
from eventflow.model.outcome import REASONS, STAGES
from eventflow.model.record import CONTROL, Ref
from eventflow.route import firing
from eventflow.route.case import Case
from eventflow.route.decide import HOPS
from eventflow.route.inputs import BadInputs
from eventflow.route.keep import text_of
from eventflow.route.rules import Rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from eventflow.match import Atom, Program
    from eventflow.model.record import Record
    from eventflow.model.workflow import Catalogue
    from eventflow.route.rules import Rule
    from eventflow.route.states import Verdict


_STAGES: Final = ("disabled", *STAGES)
_WORDS: Final = {"glob": "like", "in": "one of", "eq": "equal to", "prefix": "beginning with"}


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """One trigger's answer. `sentence` is for people; `values` are what the stage looked at, JSON values only."""

    workflow: str
    trigger: str
    stage: str
    reason: str
    key: str | None = None
    sentence: str
    values: dict[str, Any] = {}


def explain(
    record: Record,
    catalogue: Catalogue,
    verdicts: Callable[[str, str, str], Sequence[Verdict]] | None = None,
    zone: str = "UTC",
) -> list[Explained]:
    """What each event trigger of the catalogue makes of `record`, those that got furthest first.

    `verdicts(workflow, trigger, key)` reads the ring of a key (see `Router.verdicts`); None: only select is explained.
    """
    rules = Rules(catalogue, zone)
    case = Case(Ref(record.partition, record.offset), record.log_time, record.data, decode(record.data).view())
    found = [_one(rules, number, case, verdicts) for number in range(len(rules.events))]
    found += list(_disabled(catalogue, rules))
    return sorted(found, key=lambda one: (-_STAGES.index(one.stage), one.workflow, one.trigger))


def _one(
    rules: Rules, number: int, case: Case, verdicts: Callable[[str, str, str], Sequence[Verdict]] | None
) -> Explained:
    rule = rules.events[number]
    refused = _selected(rules, number, case)
    if refused is not None:
        return refused
    key = None
    if rule.key is not None:
        try:
            key = text_of(rule.key, case)
        except EvaluationError as error:
            return _said(rule, "keyed", "key_error", f"key {rule.key.text.strip()}: {error}", error=str(error))
    if rule.stateful:
        return _kept(rule, key, case, verdicts)
    try:
        firing.of_event(rule, case, key, case.log_time)
    except (BadInputs, EvaluationError) as error:
        return _said(rule, "inputs_valid", "inputs", str(error), key=key)
    return _said(rule, "started", "fired", REASONS["fired"], key=key)


def _selected(rules: Rules, number: int, case: Case) -> Explained | None:
    """The select stage that said no."""
    rule, entry = rules.events[number], rules.entries[number]
    if rule.on_control != (case.ref.partition == CONTROL):
        return _said(rule, "matched", "selector", REASONS["selector"])
    missing = [atom for atom in entry.atoms if not fits(atom, read(case.event, atom.path))]
    for group in entry.any_of:
        if not any(fits(atom, read(case.event, atom.path)) for atom in group):
            missing.extend(group)
    if missing:
        values = {_path(atom): _json(read(case.event, atom.path)) for atom in missing}
        wanted = "; ".join(f"{_path(atom)} is {values[_path(atom)]!r}, wanted {_wanted(atom)}" for atom in missing)
        return _said(rule, "matched", "selector", wanted, **values)
    if entry.program is not None:
        try:
            if not entry.program.test({"event": case.event}):
                return _filter_false(rule, entry.program, case)
        except EvaluationError as error:
            return _said(rule, "filtered", "filter_error", f"the filter could not be evaluated: {error}")
    if not rule.workflow.allow_loop and rule.workflow.id in case.chain:
        return _said(rule, "looped", "loop", REASONS["loop"], chain=list(case.chain))
    if case.hop > HOPS:
        return _said(rule, "looped", "hops", REASONS["hops"], hops=case.hop)
    return None


def _filter_false(rule: Rule, program: Program, case: Case) -> Explained:
    """The filter's deciding atoms, as `match` tells them."""
    told = program.explain({"event": case.event})
    values = {seen.text: _json(seen.value) for atom in told.decided for seen in atom.seen}
    return _said(rule, "filtered", "filter_false", told.sentence, **values)


def _kept(
    rule: Rule, key: str | None, case: Case, verdicts: Callable[[str, str, str], Sequence[Verdict]] | None
) -> Explained:
    ring = verdicts(*rule.name, key or "") if verdicts is not None else ()
    for partition, offset, _, stage, reason in reversed(ring):
        if (partition, offset) == (case.ref.partition, case.ref.offset):
            return _said(rule, stage, reason, REASONS[reason], key=key)
    sentence = "It was selected; what the stages with memory said is not remembered for this event any more."
    return _said(rule, "keyed", "selected", sentence, key=key)


def _disabled(catalogue: Catalogue, rules: Rules) -> Iterator[Explained]:
    for workflow in catalogue.workflows.values():
        for trigger in workflow.triggers:
            name = (workflow.id, trigger.id)
            if trigger.selector is not None and name not in rules.by_name:
                reason = "disabled" if name not in rules.broken else "failed"
                sentence = rules.broken.get(name, REASONS["disabled"])
                yield Explained(
                    workflow=workflow.id, trigger=trigger.id, stage="disabled", reason=reason, sentence=sentence
                )


def _said(rule: Rule, stage: str, reason: str, sentence: str, key: str | None = None, **values: Any) -> Explained:
    return Explained(
        workflow=rule.name[0],
        trigger=rule.name[1],
        stage=stage,
        reason=reason,
        key=key,
        sentence=sentence,
        values=values,
    )


def _path(atom: Atom) -> str:
    return "event." + ".".join(atom.path)


def _json(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, bool, list, dict)) else None


def _wanted(atom: Atom) -> str:
    no, word = ("not ", atom.op[4:]) if atom.op.startswith("not_") else ("", atom.op)
    values = atom.value if isinstance(atom.value, tuple) else (atom.value,)
    return f"{no}{_WORDS.get(word, word)} {' or '.join(map(str, values))}"
