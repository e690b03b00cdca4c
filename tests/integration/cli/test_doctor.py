"""What `doctor` finds, and that it finds nothing where all is well."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

from eventflow.cli.doctor import bench, examine, place
from eventflow.cli.doors import Door

if TYPE_CHECKING:
    from tests.integration.cli.seat import Seat


def levels(found: list[dict[str, str]]) -> dict[str, str]:
    return {one["check"]: one["level"] for one in found}


def looked(seat: Seat, ends: int = 0) -> list[dict[str, str]]:
    found: list[dict[str, str]] = seat.asked("doctor", ends=ends)["findings"]
    return found


def test_all_is_well_before_and_while_it_runs(project: Seat) -> None:
    before = looked(project)
    assert {one["check"] for one in before} >= {
        "settings", "tokens", "data_dir", "room", "sync", "clock", "system", "sqlite", "extras", "open files", "ports",
        "workflows",
    }  # fmt: skip
    assert [one for one in before if one["level"] == "fail"] == []
    project.serve()
    running = looked(project)
    assert levels(running)["holder"] == levels(running)["server"] == "ok"
    assert "fail" not in project.told("doctor")
    project.stop()
    assert [one["sentence"] for one in looked(project) if one["check"] == "holder"] == [
        "nobody holds it; eventflow is not running here"
    ]


@pytest.mark.parametrize(
    ("settings", "check", "says"),
    [
        ("listne: {}", "settings", "did you mean 'listen'"),
        (
            "sources: {hub: {type: github, auth: {secrets: ['env:HOME']}, config: {x: 1}}}",
            "settings",
            "has no settings",
        ),
        ("secrets: {pager: 'env:NOT_THERE_AT_ALL'}", "secrets", "NOT_THERE_AT_ALL"),
        ("data_dir: eventflow.yaml", "data_dir", "is no directory"),
    ],
)
def test_what_is_wrong_is_found(project: Seat, settings: str, check: str, says: str) -> None:
    (project.place / "eventflow.yaml").write_text(settings + "\n")
    found = [one for one in looked(project, ends=1) if one["level"] == "fail"]
    assert check in {one["check"] for one in found}
    assert any(says in one["sentence"] and one["advice"] for one in found), found


def test_a_port_that_somebody_has(project: Seat) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (project.place / "eventflow.yaml").write_text(
            f'listen: {{public: "127.0.0.1:{port}", private: "127.0.0.1:0"}}\n'
        )
        found = looked(project, ends=1)
    assert f"listen.public: 127.0.0.1:{port}: address already in use" in {one["sentence"] for one in found}


def test_a_workflow_that_is_held_back_and_files_that_others_can_read(project: Seat) -> None:
    file = project.place / "workflows/orders/big_order.yaml"
    file.write_text(file.read_text().replace("debug.log", "debug.lgo"))
    project.run("token", "create", "ci", "--scope", "events:write")
    (project.place / ".eventflow/tokens.json").chmod(0o644)
    (project.place / ".eventflow").chmod(0o755)
    found = looked(project, ends=1)
    assert any("E211" in one["sentence"] and one["advice"] == "eventflow docs E211" for one in found)
    assert any(one["check"] == "tokens" and "chmod 600" in one["advice"] for one in found)
    assert levels(found)["data_dir"] == "warn"
    assert not any(line.startswith("ok") for line in project.told("doctor", "--quiet", ends=1).splitlines())


def test_a_holder_that_does_not_answer(project: Seat) -> None:
    import fcntl

    (project.place / ".eventflow").mkdir(mode=0o700)
    with (project.place / ".eventflow/lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        [found] = [one for one in looked(project, ends=1) if one["check"] == "holder"]
    assert "holds it and does not answer" in found["sentence"]


def test_little_room_and_slow_syncs(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(place, "TOO_LITTLE", 1 << 60)
    monkeypatch.setattr(place, "SLOW", -1.0)
    (tmp_path / "eventflow.yaml").write_text("data_dir: data\n")
    found = {one.check: one.level for one in examine(bench.Bench(Door(str(tmp_path / "eventflow.yaml"))))}
    assert (found["room"], found["sync"]) == ("fail", "warn")


def test_a_check_that_breaks_is_a_finding(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(place, "_room", lambda _: 1 / 0)
    (tmp_path / "eventflow.yaml").write_text("data_dir: data\n")
    found = list(examine(bench.Bench(Door(str(tmp_path / "eventflow.yaml")))))
    assert any(one.check == "place" and "ZeroDivisionError" in one.sentence for one in found)
    assert any(one.check == "workflows" for one in found)
