"""Single stages and engine records: what each refuses, and what it leaves behind."""

import msgspec
import pytest

from eventflow.model import control
from eventflow.model.control import record as engine_record
from eventflow.model.event import Event, from_micros, parse_time, to_micros
from eventflow.model.outcome import STAGES
from eventflow.model.record import CONTROL, Record
from eventflow.model.workflow import Action, Concurrency, Dedup, Limit, Loop, Parallel, Schedule, Step
from eventflow.route import keep
from eventflow.route.rules import Front, Rules, Waits
from eventflow.route.takeover import take_over
from tests.unit.route import house
from tests.unit.route.house import SECOND


def counts(memory, trigger="t", workflow="w"):
    return memory.triggers[workflow, trigger].counts


def said(type_, body, id_="c1", offset=0, at=0):
    return Record(CONTROL, offset, house.START + at, engine_record(type_, id_, house.START, body))


def one(front, *data, memory=None, gap=SECOND, **where):
    records = [house.record(n, line, n * gap) for n, line in enumerate(data)]
    return house.run(front, records, memory, **where)


# --- select ----------------------------------------------------------------------------------------------------------


def chained(id_, chain, hops=1):
    return Event(
        id=id_, source="test", type="test.thing", time=from_micros(house.START), subject="k", data={},
        extensions={"eventflowchain": chain, "eventflowhops": hops},
    ).encode()  # fmt: skip


@pytest.mark.parametrize(
    ("event", "fields", "stage"),
    [
        (chained("a", "x,w,y"), {}, "looped"),
        (chained("a", "x,w,y"), {"allow_loop": True}, None),
        (chained("a", "x,ww,y"), {}, None),
        (chained("a", "x", 17), {}, "looped"),
        (chained("a", "x", 16), {}, None),
    ],
)
def test_workflows_do_not_wake_themselves(event, fields, stage):
    effects = one(house.front(house.workflow(house.trigger(cooldown=SECOND), **fields)), event)
    assert [outcome.stage for outcome in effects.outcomes] == ([stage] if stage else [])
    assert len(effects.firings) == (stage is None)


def test_a_looped_event_is_not_counted_into_any_window():
    front = house.front(house.workflow(house.trigger(cooldown=60 * SECOND)))
    effects = one(front, chained("a", "w"), house.event("b"))
    assert len(effects.firings) == 1


def test_the_chain_of_a_firing_is_its_events():
    (firing,) = one(house.front(house.workflow(house.trigger())), chained("a", "x,y", 3)).firings
    assert (firing.chain, firing.hops) == (("x", "y"), 3)


def test_errors_are_never_false():
    front = house.front(
        house.workflow(house.trigger("f", filter_="event.data.x > 1"), house.trigger("k", key="event.data.x"))
    )
    memory = house.fresh(front)
    effects = one(front, house.event("a"), memory=memory)
    assert {(o.trigger, o.stage, o.reason) for o in effects.outcomes} == {
        ("f", "filtered", "filter_error"),
        ("k", "keyed", "key_error"),
    }
    assert counts(memory, "f") == {"filter_error": 1}


def test_a_record_that_is_no_event_is_a_dead_letter_and_the_next_is_decided():
    effects = one(house.front(house.workflow(house.trigger())), b"{]", house.event("a"))
    assert [letter.ref.offset for letter in effects.dead] == [0]
    assert len(effects.firings) == 1


def test_an_exception_is_a_dead_letter_of_its_trigger_and_its_state_is_put_back(monkeypatch):
    front = house.front(
        house.workflow(
            house.trigger("t", cooldown=SECOND, dedup=Dedup("event.data.key", 60 * SECOND)), house.trigger("u")
        )
    )
    memory = house.fresh(front)
    real = keep.firing.of_event

    def broken(rule, case, key, at):
        if rule.name[1] == "t" and case.event["id"] == "a":
            raise RuntimeError("a bug")
        return real(rule, case, key, at)

    monkeypatch.setattr(keep.firing, "of_event", broken)
    effects = one(front, house.event("a"), memory=memory)
    assert [(letter.trigger, letter.error) for letter in effects.dead] == [("t", "RuntimeError: a bug")]
    assert [firing.trigger for firing in effects.firings] == ["u"]
    monkeypatch.undo()
    again = house.run(front, [house.record(5, house.event("a"), 5 * SECOND)], memory)
    assert sorted(firing.trigger for firing in again.firings) == ["t", "u"]


# --- keep ------------------------------------------------------------------------------------------------------------


def test_cooldown_ends_exactly_when_it_says():
    front = house.front(house.workflow(house.trigger(cooldown=2 * SECOND)))
    effects = one(front, *(house.event(str(n)) for n in range(5)))
    assert [firing.events[0].ref.offset for firing in effects.firings] == [0, 2, 4]


def test_limits_hold_in_every_stretch():
    front = house.front(house.workflow(house.trigger(limit=(Limit(2, 5 * SECOND),))))
    effects = one(front, *(house.event(str(n)) for n in range(12)))
    fired = [firing.events[0].ref.offset for firing in effects.firings]
    assert fired == [0, 1, 5, 6, 10, 11]


def test_dedup_refuses_what_came_within_the_window_of_the_last():
    front = house.front(house.workflow(house.trigger(dedup=Dedup("event.data.d", 3 * SECOND))))
    data = [
        house.event("0", d=1),
        house.event("1", d=1),
        house.event("2", d=2),
        house.event("3", d=1),
        house.event("4", d=2),
    ]
    effects = one(front, *data)
    assert [firing.events[0].ref.offset for firing in effects.firings] == [0, 2]
    late = house.run(
        front, [house.record(0, house.event("x", d=1), 0), house.record(1, house.event("y", d=1), 3 * SECOND)]
    )
    assert len(late.firings) == 2


def test_the_same_event_again_is_not_counted_again():
    front = house.front(house.workflow(house.trigger(cooldown=1)))
    memory = house.fresh(front)
    effects = one(front, house.event("a"), house.event("a"), memory=memory)
    assert len(effects.firings) == 1
    assert counts(memory) == {"fired": 1, "seen": 1}


def test_bad_inputs_charge_nothing():
    trigger = house.trigger(cooldown=60 * SECOND, inputs={"n": "${{ event.data.n }}"})
    front = house.front(house.workflow(trigger, inputs={"n": house.Input(type="integer")}))
    effects = one(front, house.event("a", n="x"), house.event("b", n=3))
    assert [firing.inputs for firing in effects.firings] == [{"n": 3}]
    assert [(outcome.stage, outcome.reason) for outcome in effects.outcomes] == [("inputs_valid", "inputs")]


def test_twenty_refusals_a_minute_are_kept_and_all_counted():
    front = house.front(house.workflow(house.trigger(cooldown=10**12)))
    memory = house.fresh(front)
    effects = one(front, *(house.event(str(n)) for n in range(121)), memory=memory)
    assert len(effects.outcomes) == 20 + 20 + 1
    assert counts(memory) == {"fired": 1, "cooldown": 120}
    assert {outcome.stage for outcome in effects.outcomes} <= set(STAGES)


def test_keys_are_bounded_and_idle_ones_make_room():
    front = house.front(house.workflow(house.trigger(key="event.data.key", cooldown=SECOND)))
    memory = house.fresh(front)
    memory.key_limit = 3
    one(front, *(house.event(str(n), key=str(n)) for n in range(5)), memory=memory)
    assert counts(memory) == {"fired": 3, "key_limit": 2}
    later = house.run(front, [house.record(9, house.event("z", key="z"), 2 * 86_400 * SECOND)], memory)
    assert len(later.firings) == 1
    assert len(memory.keys["w", "t"]) == 1


def test_the_concurrency_group_and_start_within():
    workflow = house.workflow(
        house.trigger(), concurrency=Concurrency(group="${{ event.data.key }}", mode="single"), start_within=5 * SECOND
    )
    (firing,) = one(house.front(workflow), house.event("a", key="eu")).firings
    assert firing.group.startswith("w")
    assert firing.group.endswith("eu")
    assert firing.start_by == house.START + 5 * SECOND
    (plain,) = one(house.front(house.workflow(house.trigger())), house.event("a")).firings
    assert plain.group == "w"


# --- forwards --------------------------------------------------------------------------------------------------------


def forwarded(front, id_="a", n=0, partitions=3):
    """A forward of an event that partition 0 does not own, and its owner."""
    for key in "abcdefgh":
        effects = house.run(front, [house.record(n, house.event(id_, key=key), n * SECOND)], partitions=partitions)
        if effects.forwards:
            return effects.forwards[0]
    raise AssertionError("every key is owned by partition 0")


def test_a_forward_counts_once_with_its_own_time():
    front = house.front(house.workflow(house.trigger(key="event.data.key", cooldown=SECOND)))
    entry = forwarded(front)
    where = {"partition": entry.partition, "partitions": 3}
    memory = house.fresh(front, **where)
    records = [Record(entry.partition, n, house.START + 99 * SECOND, entry.data) for n in range(2)]
    effects = house.run(front, records, memory, **where)
    (firing,) = effects.firings
    assert (firing.events[0].ref, firing.fired_at) == ((firing.events[0].ref.__class__)(0, 0), house.START)
    assert counts(memory) == {"fired": 1}


def test_a_forward_by_newer_rules_waits_for_them():
    workflow = house.workflow(house.trigger(key="event.data.key", cooldown=SECOND))
    entry = forwarded(house.front(workflow, number=2))
    where = {"partition": entry.partition, "partitions": 3}
    records = [Record(entry.partition, n, house.START, data) for n, data in enumerate([house.event("b"), entry.data])]
    effects = house.run(house.front(workflow), records, **where)
    assert effects.wants == 2
    assert effects.last.offset == 0


def test_a_forward_by_older_rules_is_selected_again():
    before = house.workflow(house.trigger(key="event.data.key", cooldown=SECOND))
    entry = forwarded(house.front(before))
    where = {"partition": entry.partition, "partitions": 3}
    record = Record(entry.partition, 0, house.START, entry.data)
    for now, reason in [
        (house.trigger(key="event.data.key", cooldown=SECOND, filter_="event.id == 'b'"), "filter_false"),
        (house.trigger(key="'" + _not_of(entry.partition) + "'", cooldown=SECOND), "rule_changed"),
        (house.trigger(key="event.data.key", cooldown=2 * SECOND), "fired"),
    ]:
        front = house.front(house.workflow(now), number=2)
        memory = house.fresh(front, **where)
        house.run(front, [record], memory, **where)
        assert counts(memory) == {reason: 1}


def _not_of(partition):
    return next(key for key in "abcdefgh" if house.partition_of(key, 3) != partition)


# --- control ---------------------------------------------------------------------------------------------------------


def test_people_start_workflows_with_checked_inputs():
    front = house.front(house.workflow(inputs={"n": house.Input(type="integer", required=True)}))
    records = [
        said(control.START, control.Start("w", {"n": "7"}, "ann"), "a", 0),
        said(control.START, control.Start("w", {}, "ann"), "b", 1),
        said(control.START, control.Start("nowhere"), "c", 2),
    ]
    effects = house.run(front, records, partition=CONTROL)
    assert [(f.trigger, f.inputs, f.by) for f in effects.firings] == [("manual", {"n": 7}, "ann")]
    assert [(o.stage, o.reason) for o in effects.outcomes] == [("inputs_valid", "inputs"), ("matched", "disabled")]


@pytest.mark.parametrize(
    ("type_", "body", "kind"),
    [
        (control.ANSWER, control.Answer("run_a", "approve", by="ann"), "answer"),
        (control.CANCEL, control.Order(workflow="w"), "cancel"),
        (control.PAUSE, control.Order(run="run_a"), "pause"),
        (control.RESUME, control.Order(run="run_a", mode="skip"), "resume"),
        (control.SIGNAL, control.Order(run="run_a"), "signal"),
    ],
)
def test_what_people_say_is_delivered(type_, body, kind):
    (delivery,) = house.run(house.front(), [said(type_, body)], partition=CONTROL).deliveries
    assert delivery.kind == kind
    assert (delivery.run, delivery.workflow) == (body.run, getattr(body, "workflow", ""))
    assert delivery.identity.endswith("c1")


def test_running_again_makes_one_new_run_per_order():
    records = [said(control.RERUN, control.Rerun("run_a", "build", "ann"), id_) for id_ in ("x", "x", "y")]
    reruns = house.run(house.front(), records, partition=CONTROL).reruns
    assert len({rerun.run for rerun in reruns}) == 2
    assert {(rerun.of, rerun.from_step) for rerun in reruns} == {("run_a", "build")}


@pytest.mark.parametrize("body", [b'{"nothing":1}', b'{"run":5,"case":[]}', b"null"])
def test_an_order_that_cannot_be_read_is_a_dead_letter(body):
    record = said(control.ANSWER, msgspec.Raw(body))
    effects = house.run(house.front(), [record], partition=CONTROL)
    assert len(effects.dead) == 1


def test_orders_on_a_data_partition_do_nothing():
    effects = one(house.front(house.workflow()), said(control.START, control.Start("w")).data)
    assert not effects.firings
    assert len(effects.dead) == 1


def test_engine_alarms_are_decided_on_control_only():
    front = house.front(
        house.workflow(house.trigger(event_=control.LAG, cooldown=SECOND), house.trigger("all", event_="*"))
    )
    alarm = engine_record(control.LAG, "l", house.START, control.Order())
    on_control = house.run(front, [Record(CONTROL, 0, house.START, alarm)], partition=CONTROL)
    on_data = one(front, alarm)
    assert [firing.trigger for firing in on_control.firings] == ["t"]
    assert [firing.trigger for firing in on_data.firings] == ["all"]


def test_cron_fires_by_the_wall_of_a_tick_and_once():
    front = house.front(house.workflow(house.trigger(schedule=Schedule(cron="0 3 * * *", timezone="Europe/Berlin"))))
    memory = house.fresh(front, partition=CONTROL)
    due = to_micros(parse_time("2027-01-16T03:00:00+01:00"))
    walls = [due - 1, due, due + SECOND, due - 3600 * SECOND, due + 86_399 * SECOND, due + 86_400 * SECOND]
    fired = []
    for n, wall in enumerate(walls):
        effects = house.run(front, [said(control.TICK, control.Tick(wall), str(n), n)], memory, partition=CONTROL)
        fired += [(n, firing.fired_at) for firing in effects.firings]
        for firing in effects.firings:
            assert msgspec.json.decode(firing.events[0].data)["type"] == "eventflow.schedule.tick"
    assert fired == [(1, due), (5, due + 86_400 * SECOND)]


def test_timers_fire_before_the_record_that_is_later_and_in_order():
    front = house.front(
        house.workflow(house.trigger("b", schedule=Schedule(every=2 * SECOND)), house.trigger("e"), id_="w1"),
        house.workflow(house.trigger("a", schedule=Schedule(every=SECOND, missed="all")), id_="w0"),
    )
    memory = house.fresh(front)
    effects = house.run(front, [house.record(0, house.event("x"), 2 * SECOND)], memory)
    assert [(f.workflow, f.trigger) for f in effects.firings] == [("w0", "a"), ("w1", "e")]
    effects = house.run(front, [house.record(1, house.event("y"), 2 * SECOND + 1)], memory)
    assert [(f.workflow, f.trigger) for f in effects.firings] == [("w0", "a"), ("w1", "b"), ("w1", "e")]


def test_jitter_holds_a_timer_back_and_names_the_run_by_the_time_without_it():
    plan = Schedule(every=60 * SECOND, jitter=50 * SECOND)
    front = house.front(house.workflow(house.trigger(schedule=plan)))
    memory = house.fresh(front)
    due = house.START + 60 * SECOND
    fires = memory.due
    assert due < fires < due + 50 * SECOND
    early = house.run(front, [Record(0, 0, fires, house.event("a"))], memory)
    late = house.run(front, [Record(0, 1, fires + 1, house.event("b"))], memory)
    assert (early.firings, [firing.fired_at for firing in late.firings]) == ([], [due])


# --- waits -----------------------------------------------------------------------------------------------------------


def waiting(name, **with_):
    return Step(name=name, do=Action(uses="wait.event", with_=with_))


def test_events_that_waits_chose_arrive_with_their_key():
    steps = (
        waiting("keyed", event="test.*", filter="event.data.n > 1 && event.data.key == inputs.key"),
        Step(name="p", do=Parallel(branches={"x": (Step(name="l", do=Loop(steps=(waiting("deep", source="te*"),))),)})),
        waiting("other", event="git.*"),
    )
    workflow = house.workflow(steps=steps)
    front = Front(Rules(house.catalogue()), Waits({workflow.hash: house.encode(workflow)}))
    effects = one(front, house.event("a", key="eu", n=2), house.event("b", key="us", n=1), house.event("c"))
    assert [(a.selector, a.key, a.ref.offset) for a in effects.arrivals] == [
        ("keyed", "eu", 0), ("deep", None, 0), ("deep", None, 1), ("deep", None, 2),
    ]  # fmt: skip
    assert {arrival.definition for arrival in effects.arrivals} == {workflow.hash}


# --- taking over a catalogue -----------------------------------------------------------------------------------------


def taken(memory, *workflows, number=2, at=0):
    front = house.front(*workflows, number=number)
    now = house.START + at
    take_over(memory, front.rules, partition=0, partitions=1, now=now, wall=now)
    return front


def test_a_trigger_keeps_its_state_unless_selector_or_key_changed():
    def flow(**fields):
        return house.workflow(house.trigger(**{"key": "event.data.key", "cooldown": 60 * SECOND, **fields}))

    for change, fires in [
        ({}, False),
        ({"inputs": {}, "limit": (Limit(9, SECOND),)}, False),
        ({"filter_": "true"}, True),
        ({"key": "event.data.key + ''"}, True),
    ]:
        memory = house.fresh(house.front(flow()))
        one(house.front(flow()), house.event("a"), memory=memory)
        front = taken(memory, flow(**change))
        later = house.run(front, [house.record(1, house.event("b"), SECOND)], memory)
        assert bool(later.firings) == fires, change


def test_a_trigger_that_is_gone_leaves_nothing():
    memory = house.fresh(house.front(house.workflow(house.trigger(cooldown=SECOND))))
    front = house.front(house.workflow(house.trigger(cooldown=SECOND)))
    one(front, house.event("a"), memory=memory)
    slots = {name for name, data in memory.dump().items() if data is not None}
    taken(memory, house.workflow(id_="other"))
    gone = {name for name, data in memory.dump().items() if data is None}
    assert {name for name in slots if not name.startswith("seen/")} == gone


def test_a_schedule_goes_on_over_a_reload_and_starts_anew_when_switched_on():
    every = Schedule(every=10 * SECOND)
    memory = house.fresh(house.front(house.workflow(house.trigger(schedule=every))))
    taken(memory, house.workflow(house.trigger(schedule=every)), at=7 * SECOND)
    assert memory.due == house.START + 10 * SECOND
    taken(memory, house.workflow(house.trigger(schedule=every, enabled=False)), at=8 * SECOND)
    assert memory.due > house.START + 10**12
    taken(memory, house.workflow(house.trigger(schedule=every)), at=900 * SECOND)
    assert memory.due == house.START + 910 * SECOND
