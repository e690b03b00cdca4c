"""Folders: identities, doubles, what is held back, files that cannot be read."""

from pathlib import Path

import pytest

from eventflow.catalog import Known, folders, load, resolve, shipped
from eventflow.catalog.detectors import Answer
from eventflow.catalog.locate import documents

GOOD = "steps: [{name: a, uses: debug.log}]\n"


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_identity_is_the_path_unless_the_document_says_another(tmp_path):
    write(tmp_path, {"pipelines/cicd/build.yaml": GOOD, "x.yml": "metadata: {id: triggers/other}\n" + GOOD})
    loaded = load([tmp_path])
    assert {id_: workflow.category for id_, workflow in loaded.workflows.items()} == {
        "pipelines/cicd/build": "pipeline",
        "triggers/other": "automation",
    }
    assert loaded.files["triggers/other"] == tmp_path / "x.yml"
    assert loaded.problems == []


def test_of_two_with_one_id_the_first_folder_counts(tmp_path):
    first = write(tmp_path / "one", {"a.yaml": "metadata: {name: First}\n" + GOOD})
    second = write(tmp_path / "two", {"a.yaml": "metadata: {name: Second}\n" + GOOD})
    loaded = load([first, second])
    assert loaded.workflows["a"].name == "First"
    [problem] = loaded.errors
    assert problem.code == "E222"
    assert str(first / "a.yaml") in problem.message


def test_ones_own_document_takes_the_place_of_a_shipped_one(tmp_path):
    id_ = "triggers/event_handlers/git_webhook"
    write(tmp_path, {f"{id_}.yaml": "metadata: {name: Mine}\n" + GOOD})
    loaded = load(folders("workflows", [tmp_path]))
    assert loaded.workflows[id_].name == "Mine"
    assert loaded.files[id_] == tmp_path / f"{id_}.yaml"
    assert len(loaded.workflows) > 1
    assert loaded.errors == []


def test_a_shipped_detector_whose_extra_is_missing_is_no_mistake_until_it_is_used(tmp_path):
    ready = shipped("detectors")
    name = "anomalies/service-health"
    lacks = Known(judge=lambda _: Answer(refused=("needs numpy",)))
    assert load([], lacks, detectors=[ready]).problems == []
    own = write(tmp_path, {"d/mine.yaml": (ready / f"{name}.yaml").read_text()})
    assert {one.code for one in load([], lacks, detectors=[own / "d"]).problems} == {"E236"}
    trigger = f"{{type: condition, config: {{watch: {{event: m}}, detector: {name}}}}}"
    write(tmp_path, {"w/a.yaml": f"triggers: [{trigger}]\n" + GOOD})
    used = load([tmp_path / "w"], lacks, detectors=[ready]).problems
    assert [(one.code, "eventflow validate" in one.suggestion) for one in used if one.holds] == [("E210", True)]


def test_the_same_folder_twice_is_one(tmp_path):
    write(tmp_path, {"a.yaml": GOOD})
    assert [
        path for path in folders("workflows", [tmp_path, tmp_path / "." / "", tmp_path / "no"]) if path == tmp_path
    ] == [tmp_path]


def test_a_broken_file_does_not_keep_the_others_out(tmp_path):
    write(tmp_path, {"a.yaml": GOOD, "b.yaml": "steps: [", "c.yaml": "access: {run: 'user:x'}\n" + GOOD})
    loaded = load([tmp_path])
    assert set(loaded.workflows) == {"a"}
    assert {id_: [problem.code for problem in problems] for id_, problems in loaded.held.items()} == {
        "b": ["E106"],
        "c": ["E900"],
    }
    assert [problem.severity for problem in loaded.problems] == ["error", "warning"]


@pytest.mark.parametrize("metadata", ["metadata: {id: other, name: x}\n", "metadata:\n  name: x\n  id: 'other'\n"])
def test_a_file_that_cannot_be_read_any_more_keeps_its_id(tmp_path, metadata):
    write(tmp_path, {"a.yaml": metadata + GOOD})
    assert set(load([tmp_path]).workflows) == {"other"}
    write(tmp_path, {"a.yaml": metadata + "steps: ["})
    assert set(load([tmp_path]).held) == {"other"}


def test_an_unreadable_file_is_told(tmp_path):
    (tmp_path / "a.yaml").symlink_to(tmp_path / "nothing")
    [problem] = load([tmp_path]).problems
    assert (problem.code, problem.severity) == ("E100", "error")


def test_a_path_that_is_no_id_is_told(tmp_path):
    write(tmp_path, {"My Flow.yaml": GOOD, "other one.yaml": "metadata: {id: other}\n" + GOOD})
    assert [problem.code for problem in load([tmp_path]).problems] == ["E206"]


def test_hidden_and_foreign_files_and_links_that_lead_out_are_passed_over(tmp_path):
    outside = write(tmp_path / "outside", {"secret.yaml": GOOD})
    root = write(
        tmp_path / "root",
        {
            "a.yaml": GOOD,
            ".hidden.yaml": GOOD,
            "_part.yaml": GOOD,
            ".git/x.yaml": GOOD,
            "readme.md": "",
            "sub/b.yml": GOOD,
        },
    )
    (root / "out.yaml").symlink_to(outside / "secret.yaml")
    (root / "folder").symlink_to(outside)
    assert [path for _, path in documents(root)] == ["a", "sub/b"]


def test_detector_names_come_from_their_folder(tmp_path):
    write(tmp_path / "d", {"thresholds/cpu.yaml": "detector: {type: threshold, config: {above: 5}}\n"})
    text = "triggers: [{type: condition, config: {watch: {event: m}, value: event.data.v, detector: %s}}]\n" + GOOD
    write(tmp_path / "w", {"a.yaml": text % "thresholds/cpu", "b.yaml": text % "thresholds/cpo"})
    loaded = load([tmp_path / "w"], detectors=[tmp_path / "d"])
    assert [(problem.code, Path(problem.file).name) for problem in loaded.problems if problem.code != "E900"] == [
        ("E210", "b.yaml")
    ]
    assert "did you mean 'thresholds/cpu'?" in str(loaded.errors[0])


def test_a_workflow_that_starts_one_that_is_not_there(tmp_path):
    text = "steps: [{name: a, uses: workflow.run, with: {workflow: %s}}]\n"
    write(tmp_path, {"a.yaml": text % "b", "b.yaml": text % "c", "d.yaml": GOOD})
    [problem] = load([tmp_path]).problems
    assert (problem.code, problem.severity, Path(problem.file).name) == ("W234", "warning", "b.yaml")


def test_actions_are_asked_for_once_each(tmp_path):
    asked = []
    write(tmp_path, {f"w{n}.yaml": GOOD for n in range(5)})
    load([tmp_path], Known(action=lambda name: not asked.append(name)))
    assert asked == ["debug.log"]


IDS = [
    "automation/code_maintenance/daily_review",
    "automation/infrastructure/health_monitoring",
    "orchestration/deployment_orchestration/blue_green",
    "pipelines/cicd/build_pipeline",
    "pipelines/data_processing/etl_pipeline",
    "pipelines/data_processing/backup_pipeline",
    "triggers/cicd/build_pipeline",
    "build_pipeline",
]


@pytest.mark.parametrize(
    ("address", "verb", "meant"),
    [
        ("automation/code_maintenance/daily_review", "execute", IDS[0]),
        ("deployment_orchestration/blue_green", "orchestrate", IDS[2]),
        ("cicd/build_pipeline", "pipeline", IDS[3]),
        ("automation/health_monitoring", "execute", IDS[1]),
        ("automation/daily_review", "execute", IDS[0]),
        ("daily_review", "execute", IDS[0]),
        ("build_pipeline", "execute", IDS[7]),
        ("workflows/automation/code_maintenance/daily_review.yaml", "execute", IDS[0]),
        ("cicd/build_pipeline", "execute", [IDS[3], IDS[6]]),
        ("data_processing", "pipeline", [IDS[5], IDS[4]]),
        ("health_monitoring/automation", "execute", []),
        ("nothing", "execute", []),
    ],
)
def test_addresses_as_the_brief_writes_them(address, verb, meant):
    assert resolve(address, IDS, verb) == meant
