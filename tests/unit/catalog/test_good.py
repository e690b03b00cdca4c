"""Documents that must load: the brief's, the two examples of the format, the demo's, the shipped ones."""

from pathlib import Path

import pytest

from eventflow import settings
from eventflow.app.known import known
from eventflow.catalog import Known, check, check_detector, folders, load
from eventflow.model.workflow import Action, Decision, Parallel, decode, encode

FIXTURES = Path(__file__).parents[2] / "fixtures/documents/good"
BUILT_IN = {
    "debug.log", "http.request", "shell.run", "event.emit", "workflow.run", "wait.event", "wait.duration", "wait.until",
    "run.annotate",
}  # fmt: skip
KNOWN = Known(
    action=lambda name: name in BUILT_IN, detectors={"latency_forest"}, secrets={"deploys_token", "pagerduty_key"}
)


def read(name, path=None):
    return check((FIXTURES / f"{name}.yaml").read_bytes(), path or name, file=f"{name}.yaml", known=KNOWN)


def told(found):
    """Line, code, and what stands in quotes (the whole message of a note)."""
    return [(one.line, one.code, [*one.message.split("'"), ""][1] or one.message) for one in found.problems]


def test_the_document_of_the_brief():
    found = read("brief", "automation/code_maintenance/daily_review")
    assert told(found) == [
        (39, "N002", "taken for handlers: error_handler, fallback_step"),
        (62, "E900", "monitoring.alerts"),
        (64, "E211", "send_alert"),
    ]
    assert all(problem.severity != "error" for problem in found.problems)
    workflow = found.workflow
    assert (workflow.id, workflow.name) == ("automation/code_maintenance/daily_review", "Workflow Name")
    assert [step.name for step in workflow.steps] == ["step_name", "next_step", "error_handler", "fallback_step"]
    assert workflow.steps[0].conditions.failure == "error_handler"
    assert workflow.retry.max_attempts == 3
    assert workflow.fallback[0].action == "fallback_step"


def test_the_brief_without_what_is_not_run_yet_is_active():
    text = (FIXTURES / "brief.yaml").read_text().partition("  alerts:")[0]
    assert check(text.encode(), "brief", known=KNOWN).active


def test_the_first_example_has_exactly_the_problems_that_are_due():
    found = read("quality_gate", "pipelines/cicd/quality_gate")
    assert told(found) == [
        (48, "E211", "git.commit_status"),
        (52, "E211", "git.checkout"),
        (113, "E900", "ask.via"),
        (126, "E211", "git.commit_status"),
        (131, "E211", "git.commit_status"),
        (142, "E211", "slack.post"),
        (147, "E900", "monitoring.alerts"),
        (151, "E211", "slack.post"),
    ]
    workflow = found.workflow
    assert workflow.category == "pipeline"
    assert [trigger.id for trigger in workflow.triggers] == ["push", "nightly"]
    paths = {(line.path, line.ignore): line.values for line in workflow.triggers[0].selector.match}
    assert paths == {
        ("event.data.branch", False): ("main", "release/**"),
        ("event.data.changed", True): ("docs/**", "*.md"),
    }
    assert workflow.concurrency.mode == "restart"
    checks = workflow.steps[2].do
    assert isinstance(checks, Parallel)
    assert list(checks.branches) == ["lint", "test", "audit"]
    waiver = workflow.steps[4].do
    assert isinstance(waiver, Decision)
    assert (waiver.by, waiver.default, waiver.timeout) == ("human", "reject", 4 * 3_600_000_000)
    assert decode(encode(workflow)) == workflow


def test_the_second_example_has_exactly_the_problems_that_are_due():
    found = read("latency_incident", "orchestration/incident_response/latency_incident")
    assert {line for line in told(found) if line[1] not in {"E900", "E211", "N002"}} == set()
    assert [what for _, code, what in told(found) if code == "E900"] == [
        "unless", "ask.via", "ask.form", "remind_after", "feedback", "compensate", "run.compensate",
        "circuit_breaker", "monitoring.metrics with a value of its own", "monitoring.alerts",
    ]  # fmt: skip
    assert [what for _, code, what in told(found) if code == "E211"] == [
        "slack.post", "k8s.list", "pagerduty.trigger", "slack.post", "slack.post",
    ]  # fmt: skip
    verify = found.workflow.steps[5].do
    assert isinstance(verify, Action)
    assert verify.with_ == {
        "event": "detector.cleared",
        "filter": "event.subject == inputs.service",
        "timeout": "15m",
        "source": ["eventflow"],
    }


def test_the_detector_of_the_second_example():
    found = check_detector((FIXTURES / "latency_forest.yaml").read_bytes(), file="latency_forest.yaml")
    assert [(problem.line, problem.code) for problem in found] == [(15, "E900")]  # feedback


def test_what_is_shipped_and_shown_loads_without_errors():
    demo = Path(__file__).parents[3] / "eventflow/cli/demo/workflows"
    loaded = load(folders("workflows", [demo]), known(settings.given({})), detectors=folders("detectors", []))
    assert [str(problem) for problem in loaded.errors] == []
    assert {"alerts/page", "delivery/deploy", "review/pull_request"} <= set(loaded.workflows)


def test_all_that_is_read_comes_back_from_its_text():
    demo = Path(__file__).parents[3] / "eventflow/cli/demo/workflows"
    for workflow in load([demo], KNOWN).workflows.values():
        assert decode(encode(workflow)) == workflow
        assert decode(encode(workflow)).hash == workflow.hash


def test_whole_numbers_and_fractions_are_the_same_definition():
    text = """
error_handling: {retry_strategy: {factor: %s}}
inputs: {n: {type: number, min: %s}}
steps: [{name: a, uses: x.y}]
"""
    one, other = check((text % ("2", "1")).encode()).workflow, check((text % ("2.0", "1.0")).encode()).workflow
    assert one.hash == other.hash == decode(encode(one)).hash


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("true", "true"),
        ("false", "false"),
        ("${{ event.data.ok }}", "event.data.ok"),
        ('"event.data.ok"', "event.data.ok"),
    ],
)
def test_an_expression_may_be_a_boolean_or_wrapped(written, meant):
    found = check(f"steps:\n  - name: a\n    if: {written}\n    uses: debug.log\n".encode())
    assert found.problems == ()
    assert found.workflow.steps[0].if_ == meant


@pytest.mark.parametrize(
    ("written", "mode"), [("cancel_in_progress: true", "restart"), ("mode: queued", "queued"), ("max: 3", "parallel")]
)
def test_words_for_concurrency(written, mode):
    found = check(f"concurrency: {{{written}}}\nsteps: [{{name: a, uses: debug.log}}]\n".encode())
    assert found.problems == ()
    assert found.workflow.concurrency.mode == mode


def test_a_free_name_is_slugged_wherever_it_is_used():
    text = """
steps:
  - {name: 'Build it!', uses: debug.log, conditions: {success: 'Tell All'}}
  - {name: Tell All, uses: debug.log}
"""
    found = check(text.encode())
    assert [problem.code for problem in found.problems] == ["N001", "N001"]
    assert [(step.name, step.title) for step in found.workflow.steps] == [
        ("build_it", "Build it!"),
        ("tell_all", "Tell All"),
    ]
    assert found.workflow.steps[0].conditions.success == "tell_all"


def test_uses_may_stand_in_config_or_on_the_step():
    short = check(b"steps: [{name: a, uses: shell.run, with: {argv: [ls]}}]").workflow
    long = check(b"steps: [{name: a, type: action, config: {uses: shell.run, with: {argv: [ls]}}}]").workflow
    assert short == long


def test_a_handler_may_lead_on_from_where_the_failure_was():
    text = """
steps:
  - {name: a, uses: http.request, conditions: {failure: mend}}
  - {name: b, uses: debug.log}
  - {name: mend, uses: debug.log, conditions: {success: %s}}
"""
    assert [problem.code for problem in check((text % "b").encode()).problems] == ["N002"]
    assert [problem.code for problem in check((text % "continue").encode()).problems] == ["N002"]
    assert [problem.code for problem in check((text % "a").encode()).problems] == ["N002", "E214"]


def test_high_risk_wants_a_person_and_a_limit_of_time():
    known = Known(risky={"shell.run"})
    text = """
triggers: [{type: event, config: {event: alert.firing}}]
steps:
  - name: choose
    type: decision
    ai_assisted: true
    config:
      cases: [{name: restart, when: "true", then: restart}, {name: leave, then: end}]
      default: leave
  - {name: restart, uses: shell.run, with: {argv: [restart]}}
"""
    assert [problem.code for problem in check(text.encode(), known=known).problems] == ["W331", "W340"]
    careful = text.replace("then: restart", "then: ask").replace("triggers:", "start_within: 15m\ntriggers:")
    careful = careful.replace(
        "  - {name: restart",
        """  - name: ask
    type: decision
    config: {by: human, cases: [{name: 'yes', then: restart}, {name: 'no', then: end}], default: 'no'}
  - {name: restart""",
    )
    assert [problem.code for problem in check(careful.encode(), known=known).problems] == []
