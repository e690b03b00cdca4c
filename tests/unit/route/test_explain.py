"""`explain` names the first stage that said no, with what it saw."""

import pytest

from eventflow.model.workflow import Match, Selector
from eventflow.route.explain import explain
from tests.unit.route import house

DAY = 86_400 * house.SECOND


def told(trigger, data, verdicts=None, **fields):
    record = house.record(0, data, 0)
    (found,) = explain(record, house.catalogue(house.workflow(trigger, **fields)), verdicts)
    return found


@pytest.mark.parametrize(
    ("trigger", "stage", "reason", "says"),
    [
        (house.trigger(event_="git.*"), "matched", "selector", "git.*"),
        (house.trigger(filter_="event.data.n > 5"), "filtered", "filter_false", "event.data.n is 1"),
        (house.trigger(filter_="event.data.gone > 5"), "filtered", "filter_error", "gone"),
        (house.trigger(key="event.data.gone"), "keyed", "key_error", "gone"),
        (house.trigger(inputs={"n": "ten"}), "inputs_valid", "inputs", "'n' must be an integer"),
        (house.trigger(), "started", "fired", "fired"),
        (house.trigger(enabled=False), "disabled", "disabled", "disabled"),
    ],
)
def test_the_first_stage_that_said_no(trigger, stage, reason, says):
    found = told(trigger, house.event("a", n=1), inputs={"n": house.Input(type="integer")})
    assert (found.stage, found.reason) == (stage, reason)
    assert says in found.sentence


def test_a_match_line_shows_what_it_saw():
    trigger = house.trigger()
    selector = Selector(match=(Match("event.data.branch", ("main", "release/*")),))
    trigger = type(trigger)(id="t", type="event", selector=selector)
    found = told(trigger, house.event("a", branch="dev"))
    assert found.values == {"event.data.branch": "dev"}
    assert '"main" or "release/*"' in found.sentence


def test_what_memory_said_comes_from_the_ring():
    trigger = house.trigger(key="event.data.key", cooldown=DAY)
    front = house.front(house.workflow(trigger))
    records = [house.record(0, house.event("a"), 0), house.record(1, house.event("b"), 1)]
    memory = house.fresh(front)
    house.run(front, records, memory)

    def verdicts(workflow, trigger, key):
        return memory.keys[workflow, trigger][key].verdicts

    catalogue = house.catalogue(house.workflow(trigger))
    assert [explain(record, catalogue, verdicts)[0].reason for record in records] == ["fired", "cooldown"]
    assert explain(records[0], catalogue)[0].reason == "selected"
