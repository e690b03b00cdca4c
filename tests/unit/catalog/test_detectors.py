"""Detectors in documents: by name or inline, common keys apart from the own ones, all of it in the workflow's hash."""

import pytest

from eventflow.app.known import known
from eventflow.catalog import check, load
from eventflow.model.detection import AtMost, Bounds, Floor, Judging
from eventflow.settings import given

KNOWN = known(given({}))
WORKFLOW = """
triggers:
  - type: condition
    config:
      watch: {event: metric.*, key: event.data.host}
      value: event.data.value
      detector: %s
steps: [{name: a, uses: debug.log}]
"""


def checked(detector, *, value=True):
    text = WORKFLOW % detector
    return check((text if value else text.replace("      value: event.data.value\n", "")).encode(), known=KNOWN)


def condition(detector, **options):
    found = checked(detector, **options)
    assert found.problems == ()
    (trigger,) = found.workflow.triggers
    assert trigger.key == "event.data.host"
    return trigger.condition


def test_the_judge_gets_its_keys_and_the_type_the_others():
    spec = condition(
        "{type: adaptive, config: {level: 0.2, sensitivity: 1 in 5_000, quiet: 2h, at_most: {max: 3, per: 1d}, "
        "at_least: 3 of 5, direction: up, ignore_below: {relative: 0.1}, min_value: 5, memory: 7d, missing: zero, "
        "warmup: {type: threshold, config: {above: 9, clear_below: 8}}, per_key: true}}"
    ).detector
    hour = 3_600_000_000
    assert spec.config == {"level": 0.2}
    assert (spec.missing, spec.per_key, spec.group) == ("zero", True, None)
    assert spec.judging == Judging(
        sensitivity=5000.0, quiet=2 * hour, at_most=AtMost(3, 24 * hour), at_least=(3, 5), direction="up",
        ignore_below=Floor(relative=0.1), min_value=5.0, memory=7 * 24 * hour,
        warmup=Bounds(above=9.0, clear_below=8.0),
    )  # fmt: skip


def test_an_alarm_rate_is_a_sensitivity_and_features_replace_the_value():
    detector = "{type: isolation_forest, config: {features: {a: event.data.a}, alarm_rate: 0.01, warmup: {above: 1}}}"
    found = condition(detector, value=False)
    assert (found.value, found.detector.features) == (None, {"a": "event.data.a"})
    assert found.detector.judging.sensitivity == 100.0


@pytest.mark.parametrize(
    ("detector", "code"),
    [
        ("{type: threshold, config: {}}", "E236"),
        ("{type: threshold, config: {abve: 5}}", "E236"),
        ("{type: threshold, config: {above: 5, sensitivity: 1 in 10}}", "E207"),
        ("{type: adaptive, config: {sensitivity: often}}", "E200"),
        ("{type: adaptive, config: {sensitivity: 1 in 10, alarm_rate: 0.1}}", "E207"),
        ("{type: adaptive, config: {at_least: 6 of 5}}", "E200"),
        ("{type: adaptive, config: {features: {a: event.data.a, b: event.data.b}}}", "E236"),
        ("{type: isolation_forest}", "E202"),
        ("{type: season}", "E900"),
        ("{type: seson}", "E210"),
    ],
)
def test_what_is_wrong_is_told(detector, code):
    assert code in {problem.code for problem in checked(detector).problems}


def documents(folder, texts):
    for name, text in texts.items():
        path = folder / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def loaded(tmp_path, detector, name="hosts/cpu"):
    documents(tmp_path / "w", {"a": WORKFLOW % name})
    documents(tmp_path / "d", {"hosts/cpu": f"detector: {detector}\n"})
    return load([tmp_path / "w"], KNOWN, detectors=[tmp_path / "d"])


def test_a_named_detector_is_part_of_the_workflow(tmp_path):
    before = loaded(tmp_path, "{type: threshold, config: {above: 5}}").workflows["a"]
    same = loaded(tmp_path, "{type: threshold, config: {above: 5}}  # the same", name="cpu").workflows["a"]
    edited = loaded(tmp_path, "{type: threshold, config: {above: 6}}").workflows["a"]
    assert before.triggers[0].condition.detector.name == "hosts/cpu"
    assert before.hash == same.hash
    assert before.hash != edited.hash


def test_a_detector_with_mistakes_holds_the_workflows_that_name_it(tmp_path):
    found = loaded(tmp_path, "{type: threshold, config: {abve: 5}}")
    assert found.workflows == {}
    assert {problem.code for problem in found.problems} == {"E236", "E210"}


def test_a_type_that_needs_no_settings_can_be_named(tmp_path):
    found = loaded(tmp_path, "{type: threshold, config: {above: 5}}", name="adaptive")
    assert found.workflows["a"].triggers[0].condition.detector.type == "adaptive"
