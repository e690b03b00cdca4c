"""What every trigger makes of one stored event: the first stage that said no, with the values it saw (W14).

Select is worked out again from the stored event and a catalogue. What the stages with memory said is read from the kept
refusals, or from the ring of last verdicts that the owner keeps per key; when it is in neither any more, that is said,
not guessed. The sentences of the stages are those of `told`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from eventflow.match import EvaluationError
from eventflow.match.atoms import fits, read
from eventflow.model.event import decode
from eventflow.model.identity import run_id
from eventflow.model.outcome import REASONS, STAGES
from eventflow.model.record import CONTROL, Ref
from eventflow.route import firing, told
from eventflow.route.case import Case
from eventflow.route.decide import HOPS
from eventflow.route.inputs import BadInputs
from eventflow.route.keep import text_of
from eventflow.route.rules import Rules
from eventflow.route.states import Sampled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from eventflow.match import Program
    from eventflow.model.outcome import Outcome
    from eventflow.model.record import Record
    from eventflow.model.workflow import Catalogue
    from eventflow.route.rules import Rule
    from eventflow.route.states import Verdict

    Ring = Callable[[str, str, str], Sequence[Verdict]]


_STAGES: Final = ("disabled", *STAGES)


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """One trigger's answer. `sentence` is for people; `values` are what the stage looked at, JSON values only.

    `run` is the run that this event starts by this trigger, whether or not there is one.
    """

    workflow: str
    trigger: str
    stage: str
    reason: str
    key: str | None = None
    sentence: str
    values: dict[str, Any] = {}
    run: str | None = None


def explain(
    record: Record,
    catalogue: Catalogue,
    verdicts: Ring | None = None,
    zone: str = "UTC",
    *,
    kept: Iterable[Outcome] = (),
    rules: Rules | None = None,
) -> list[Explained]:
    """What each event trigger of the catalogue makes of `record`, those that got furthest first.

    `verdicts(workflow, trigger, key)` reads the ring of a key (see `Router.verdicts`), `kept` are the refusals that the
    store kept of this record; without both only select is explained. `rules` are those of the catalogue, where somebody
    has them already: making them takes long for many triggers.
    """
    rules = rules if rules is not None else Rules(catalogue, zone)
    case = Case(Ref(record.partition, record.offset), record.log_time, record.data, decode(record.data).view())
    refusals = {(one.workflow, one.trigger): one for one in kept}
    found = [_one(rules, number, case, verdicts, refusals) for number in range(len(rules.events))]
    found += list(_disabled(catalogue, rules))
    return sorted(found, key=lambda one: (-_STAGES.index(one.stage), one.workflow, one.trigger))


def _one(
    rules: Rules, number: int, case: Case, verdicts: Ring | None, refusals: dict[tuple[str, str], Outcome]
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
            return _said(rule, "keyed", "key_error", f"The key {rule.key.text.strip()} cannot be worked out: {error}")
    ring = verdicts(*rule.name, key or "") if verdicts is not None and rule.stateful else ()
    if (refusal := refusals.get(rule.name)) is not None:
        sentence, values = told.of_stage(rule, refusal.reason, case, key, ring, refusal.values)
        return _said(rule, refusal.stage, refusal.reason, sentence, key=key, **values)
    if rule.stateful:
        return _kept(rule, key, case, ring)
    try:
        firing.of_event(rule, case, key, case.log_time)
    except (BadInputs, EvaluationError) as error:
        return _said(rule, "inputs_valid", "inputs", told.inputs(str(error)), key=key)
    return _fired(rule, case, key)


def _selected(rules: Rules, number: int, case: Case) -> Explained | None:
    """The select stage that said no."""
    rule, entry = rules.events[number], rules.entries[number]
    if rule.on_control != (case.ref.partition == CONTROL):
        return _said(rule, "matched", "selector", REASONS["selector"])
    groups = [group for group in entry.any_of if not any(fits(one, read(case.event, one.path)) for one in group)]
    missing = [told.of_group(case.event, group) for group in groups]
    missing += [told.of_atom(case.event, atom) for atom in entry.atoms if not fits(atom, read(case.event, atom.path))]
    if missing:
        values = {name: value for _, seen in missing for name, value in seen.items()}
        return _said(rule, "matched", "selector", "; ".join(sentence for sentence, _ in missing), **values)
    if entry.program is not None:
        try:
            if not entry.program.test({"event": case.event}):
                return _filter_false(rule, entry.program, case)
        except EvaluationError as error:
            return _said(rule, "filtered", "filter_error", _filter_error(entry.program, case, error))
    if not rule.workflow.allow_loop and rule.workflow.id in case.chain:
        way = " → ".join((*case.chain, rule.workflow.id))
        sentence = f"The workflow would wake itself: {way}. Say `allow_loop: true` if it is meant to."
        return _said(rule, "looped", "loop", sentence, chain=list(case.chain))
    if case.hop > HOPS:
        return _said(rule, "looped", "hops", REASONS["hops"], hops=case.hop)
    return None


def _filter_false(rule: Rule, program: Program, case: Case) -> Explained:
    """The filter's deciding atoms, as `match` tells them."""
    said = program.explain({"event": case.event})
    values = {seen.text: _json(seen.value) for atom in said.decided for seen in atom.seen if not seen.absent}
    return _said(rule, "filtered", "filter_false", said.sentence, **values)


def _filter_error(program: Program, case: Case, error: EvaluationError) -> str:
    said = program.explain({"event": case.event})
    absent = [seen.text for atom in said.decided for seen in atom.seen if seen.absent]
    about = told.missing(case.event, absent)
    return f"The filter cannot be worked out, which is never taken for false: {said.sentence or error}{about}"


def _kept(rule: Rule, key: str | None, case: Case, ring: Sequence[Verdict]) -> Explained:
    for one in reversed(ring):
        partition, offset, _, stage, reason = one
        if (partition, offset) == (case.ref.partition, case.ref.offset):
            seen = one.values if isinstance(one, Sampled) else {}
            if reason == "fired":
                return _fired(rule, case, key, seen)
            sentence, values = told.of_stage(rule, reason, case, key, ring, seen)
            return _said(rule, stage, reason, sentence, key=key, **values)
    sentence = "It was selected; what the stages with memory said is not remembered for this event any more."
    return _said(rule, "keyed", "selected", sentence, key=key, run=_run(rule, case))


def _fired(rule: Rule, case: Case, key: str | None, seen: Mapping[str, Any] | None = None) -> Explained:
    sentence, values = told.judged("fired", seen) if seen else (REASONS["fired"], {})
    return _said(rule, "started", "fired", sentence, key=key, run=_run(rule, case), **values)


def _run(rule: Rule, case: Case) -> str:
    return run_id(*rule.name, ((case.event["source"], case.event["id"]),))


def _disabled(catalogue: Catalogue, rules: Rules) -> Iterator[Explained]:
    for workflow in catalogue.workflows.values():
        for trigger in workflow.triggers:
            name = (workflow.id, trigger.id)
            if trigger.selector is not None and name not in rules.by_name:
                reason = "disabled" if name not in rules.broken else "failed"
                what = "trigger" if workflow.enabled else "workflow"
                sentence = rules.broken.get(name, f"The {what} is disabled: its file says `enabled: false`.")
                yield Explained(
                    workflow=workflow.id, trigger=trigger.id, stage="disabled", reason=reason, sentence=sentence
                )


def _said(
    rule: Rule, stage: str, reason: str, sentence: str, key: str | None = None, run: str | None = None, **values: Any
) -> Explained:
    return Explained(
        workflow=rule.name[0], trigger=rule.name[1], stage=stage, reason=reason, key=key, sentence=sentence,
        values=values, run=run,
    )  # fmt: skip


def _json(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, bool, list, dict)) else None
