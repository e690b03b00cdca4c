"""Condition triggers one by one: edges, noise words, repeats, values that are none, detectors that raise, reloads."""

import msgspec
import pytest

from eventflow.model.detection import Bounds
from eventflow.model.event import Event, from_micros
from eventflow.model.workflow import Input, Limit
from eventflow.route.explain import explain
from eventflow.route.memory import Memory
from eventflow.route.panel import Spoiled
from eventflow.route.takeover import stale, take_over
from tests.unit.route import house, judging
from tests.unit.route.judging import MINUTE, SECOND, condition


def records(*values, key="k", gap=SECOND):
    return [judging.sample(n, key, value, n * gap) for n, value in enumerate(values)]


def counts(memory, name="t"):
    return memory.triggers["w", name].counts


@pytest.mark.parametrize(("fire_on", "rows"), [("raise", [1, 4]), ("clear", [3, 5]), ("both", [1, 3, 4, 5])])
def test_edges_fire_and_the_engine_says_both(fire_on, rows):
    front = judging.front(condition(fire_on=fire_on))
    effects = judging.decide(front, records(1, 20, 30, 5, 20, 1), house.fresh(front))
    assert [firing.events[0].ref.offset for firing in effects.firings] == rows
    said = [msgspec.json.decode(event) for event in effects.outbox]
    assert [event["type"] for event in said] == ["detector.raised", "detector.cleared"] * 2
    assert {event["subject"] for event in said} == {"k"}
    assert said[0]["data"] | {"since": "", "reason": ""} == {
        "workflow": "w", "trigger": "t", "key": "k", "detector": "threshold", "state": "alarm", "value": 20.0,
        "score": 2.0, "rarity": None, "expected": None, "low": None, "high": 10.0, "since": "", "reason": "",
    }  # fmt: skip


def test_the_verdict_reaches_the_workflow():
    inputs = {"why": "${{ trigger.reason }}", "value": "${{ trigger.value }}", "host": "${{ trigger.key }}"}
    declared = {"why": Input(), "value": Input(type="number"), "host": Input()}
    front = judging.front(condition(inputs=inputs), inputs=declared)
    (fired,) = judging.decide(front, records(20), house.fresh(front)).firings
    assert fired.inputs == {"why": "20 is above 10", "value": 20.0, "host": "k"}


def test_noise_words_count_per_key():
    front = judging.front(condition(cooldown=10 * SECOND, limit=(Limit(2, 60 * SECOND),)))
    memory = house.fresh(front)
    values = [20, 1, 20, 1, *[1] * 8, 20, 1, *[1] * 10, 20, 1]
    effects = judging.decide(front, records(*values), memory)
    assert [firing.events[0].ref.offset for firing in effects.firings] == [0, 12]
    assert counts(memory)["cooldown"] == 1
    assert counts(memory)["limit"] == 1


def test_bad_inputs_are_a_refusal_and_the_alarm_is_open_all_the_same():
    front = judging.front(condition(inputs={"n": "${{ trigger.value }}"}), inputs={"n": Input(type="number", max=5)})
    memory = house.fresh(front)
    effects = judging.decide(front, records(20, 20), memory)
    assert effects.firings == []
    assert counts(memory) == {"inputs": 1, "open": 1}
    assert len(effects.outbox) == 1


def test_the_last_32_events_of_a_key_count_once():
    front = judging.front(condition("t", "adaptive"))
    memory = house.fresh(front)
    rows = [judging.sample(n, "k", 1.0, n * SECOND, id_=f"e{n % 33}") for n in range(66)]
    judging.decide(front, [*rows, judging.sample(66, "k", 1.0, 67 * SECOND, id_="e32")], memory)
    assert counts(memory) == {"learning": 66, "seen": 1}


def test_events_of_the_engine_are_remembered_like_everybody_does():
    front = judging.front(condition("t", event="eventflow.run.*", key=None))
    memory = house.fresh(front)

    def told(offset, id_):
        one = Event(
            id=id_, source="eventflow", type="eventflow.run.finished", time=from_micros(house.START), data={"v": 1.0}
        )
        return house.record(offset, one.encode(), offset * SECOND)

    judging.decide(front, [told(n, f"e{n}") for n in range(40)], memory)
    again = judging.loaded(judging.keep(memory, {}))
    judging.decide(front, [told(40, "e0"), told(41, "e41")], again)
    assert counts(again) == {"normal": 41, "seen": 1}


@pytest.mark.parametrize(
    ("missing", "reasons"),
    [("ignore", {"no_value": 2, "normal": 1}), ("zero", {"normal": 3}), ("previous", {"no_value": 1, "normal": 2})],
)
def test_what_an_event_without_a_value_counts_as(missing, reasons):
    front = judging.front(condition(spec={"missing": missing}))
    memory = house.fresh(front)
    judging.decide(front, records(None, 5.0, None), memory)
    assert counts(memory) == reasons


def test_a_value_that_is_no_number_is_a_refusal_with_its_reason():
    front = judging.front(condition())
    memory = house.fresh(front)
    effects = judging.decide(front, records("high", True), memory)
    assert counts(memory) == {"value_error": 2}
    assert "must be a number" in effects.outcomes[0].values["error"]


def test_more_keys_than_there_may_be_are_refused():
    front = judging.front(condition())
    memory = house.fresh(front)
    memory.key_limit = 3
    judging.decide(front, [judging.sample(n, str(n), 20.0, n) for n in range(5)], memory)
    assert counts(memory) == {"fired": 3, "key_limit": 2}


def test_a_series_that_is_forgotten_within_a_batch_is_whole_for_its_earlier_rows():
    front = judging.front(condition("t", "adaptive"))
    week = 8 * 24 * 60 * MINUTE
    rows = [judging.sample(n, f"s{n % 5}", float(n), n) for n in range(20)]
    rows += [judging.sample(20 + n, f"n{n % 7}", float(n), week + n) for n in range(20)]
    memory, apart = house.fresh(front), house.fresh(front)
    whole = house.run(front, rows, memory)
    for row in rows:
        house.run(front, [row], apart)
    assert set(memory.watched.series["w", "t"]) == {f"n{n}" for n in range(7)}
    assert judging.image(memory) == judging.image(apart)
    assert whole.dead == []


# --- detectors that raise (W17) --------------------------------------------------------------------------------------


class Picky:
    """Raises at 13, half way through changing itself."""

    name = "picky"

    def __init__(self) -> None:
        self.sum = 0.0

    def update(self, value: float) -> float:
        self.sum += value
        if value == 13.0:
            raise ValueError("thirteen")
        return self.sum


def picky():
    return judging.front(condition("t", "picky"), condition("other"), find=lambda name: judging.named(name, Picky))


def test_a_row_that_a_detector_cannot_bear_is_a_dead_letter_and_leaves_no_trace():
    front, good = picky(), records(1, 2, 3, 13, 5, 13, 7)
    spoiled = house.fresh(front)
    with pytest.raises(Spoiled) as raised:
        judging.decide(front, good, spoiled)
    assert raised.value.name == ("w", "t")
    memory = house.fresh(front)
    memory.watched.guarded = frozenset({("w", "t")})
    effects = judging.decide(front, good, memory)
    assert [(letter.trigger, letter.ref.offset) for letter in effects.dead] == [("t", 3), ("t", 5)]
    assert counts(memory) == {"learning": 5, "failed": 2}
    assert counts(memory, "other")["fired"] == 2
    without = house.fresh(front)
    judging.decide(front, [row for n, row in enumerate(good) if n not in {3, 5}], without)
    of = {name: data for name, data in judging.image(without).items() if name.startswith("x")}
    assert {name: data for name, data in judging.image(memory).items() if name.startswith("x")} == of


# --- reloads (W11) ---------------------------------------------------------------------------------------------------


def taken(memory, front):
    take_over(memory, front.rules, partition=0, partitions=1, now=house.START, wall=house.START)


def test_state_is_kept_unless_selector_key_value_or_detector_changed():
    before = judging.front(condition("t", "adaptive"))
    memory = house.fresh(before)
    judging.decide(before, judging.noisy(1, 50), memory)
    judged = condition("t", "adaptive", judging={"sensitivity": 9.0}, for_=MINUTE, cooldown=MINUTE)
    taken(memory, judging.front(judged, number=2))
    assert len(memory.watched.series["w", "t"]) == 3
    taken(memory, judging.front(condition("t", "adaptive", config={"level": 0.2}), number=3))
    assert "t" not in {name[1] for name in memory.watched.series}
    slots = memory.dump()
    assert {slot for slot, data in slots.items() if data is not None and slot[0] in "sx"} == set()


def test_a_trigger_that_is_gone_takes_series_and_detector_along():
    before = judging.front(condition("t", "adaptive"), judging.forest())
    memory = house.fresh(before)
    judging.decide(before, judging.noisy(1, 200), memory)
    slots = judging.keep(memory, {})
    assert {slot[0] for slot in slots} >= {"s", "x"}
    again = judging.loaded(slots)
    taken(again, judging.front(condition("another"), number=2))
    left = {slot for slot in judging.keep(again, slots) if slot[0] in "sxtk"}
    assert left == {"t\x1fw\x1fanother"}


def test_another_version_of_a_detector_begins_anew():
    class Newer(Picky):
        version = 2

    before = picky()
    memory = house.fresh(before)
    judging.decide(before, records(1, 2, 3), memory)
    slots = judging.keep(memory, {})
    after = judging.front(condition("t", "picky"), condition("other"), find=lambda name: judging.named(name, Newer))
    again = judging.loaded(slots)
    judging.decide(after, [judging.sample(3, "k", 4.0, 4 * SECOND)], again)
    assert stale(again, after.rules)
    taken(again, after)
    assert not stale(again, after.rules)
    assert ("w", "t") not in again.watched.series


def test_a_detector_that_cannot_be_made_is_named():
    broken = house.front(house.workflow(condition("t", "nonesuch")), find=judging.find_detector)
    assert "no detector 'nonesuch'" in broken.rules.broken["w", "t"]
    wrong = house.front(house.workflow(condition("t", config={"abve": 3})), find=judging.find_detector)
    assert "abve" in wrong.rules.broken["w", "t"]


# --- models (W16) ----------------------------------------------------------------------------------------------------


def test_without_a_model_the_warm_up_judges():
    class Never(judging.find_detector("isolation_forest")):
        name = "never"

        @classmethod
        def fit(cls, job):
            raise ValueError("nothing to learn from")

    front = judging.front(
        condition("t", "never", config={"train": {"window": 64, "min_samples": 20, "retrain_every": 40}},
                  judging={"warmup": Bounds(above=90.0)}),
        find=lambda name: Never,
    )  # fmt: skip
    memory = house.fresh(front)
    values = [float(n % 7) for n in range(300)]
    values[250] = 99.0
    effects = judging.decide(front, records(*values, gap=MINUTE), memory)
    assert [firing.events[0].ref.offset for firing in effects.firings] == [250]


# --- explain (W14) ---------------------------------------------------------------------------------------------------


def test_explain_reads_the_ring_of_the_series():
    trigger = condition()
    catalogue = house.catalogue(house.workflow(trigger))
    front = judging.front(trigger)
    memory = house.fresh(front)
    rows = records(1, 20, 30, 5)
    judging.decide(front, rows, memory)

    def verdicts(workflow, name, key):
        return memory.watched.verdicts((workflow, name), key)

    found = [explain(row, catalogue, verdicts, rules=front.rules)[0] for row in rows]
    assert [(one.stage, one.reason) for one in found] == [
        ("raised", "normal"), ("started", "fired"), ("raised", "open"), ("raised", "cleared"),
    ]  # fmt: skip
    assert found[1].values == {"value": 20.0, "score": 2.0}
    judging.decide(front, [judging.sample(4, "k", 40, MINUTE)], memory)
    (last,) = explain(judging.sample(4, "k", 40, MINUTE), catalogue, verdicts, rules=front.rules)
    assert last.sentence == "The trigger fired. 40 is above 10."
    assert last.values["high"] == 10.0


def test_explain_tells_how_far_the_learning_is():
    trigger = condition("t", "adaptive")
    front = judging.front(trigger)
    memory = house.fresh(front)
    rows = judging.noisy(1, 30, keys="k", spikes=0.0)
    judging.decide(front, rows, memory)
    (found,) = explain(
        rows[-1], house.catalogue(house.workflow(trigger)), lambda w, t, k: memory.watched.verdicts((w, t), k),
        rules=front.rules,
    )  # fmt: skip
    assert found.reason == "learning"
    assert "it judges from 100 on" in found.sentence


def test_memory_of_a_partition_is_loaded_with_all_of_it():
    front = judging.front(condition(), judging.forest())
    memory = house.fresh(front)
    judging.decide(front, judging.noisy(4, 300), memory)
    slots = judging.keep(memory, {})
    again = Memory()
    again.load(slots)
    assert again.dump() == {}
    assert len(again.watched.series["w", "t"]) == 3
