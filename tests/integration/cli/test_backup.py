"""A backup of a house that runs under load, put in the place of its data directory: runs are found and go on."""

from __future__ import annotations

import shutil
import threading
from typing import TYPE_CHECKING

import pytest

from tests.integration.cli.test_verbs import waits

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.cli.seat import Seat


def restore(project: Seat, backup: Path) -> None:
    """As docs/howto/backup-and-restore.md says."""
    data = project.place / ".eventflow"
    data.rename(project.place / "lost")
    shutil.copytree(backup, data)


def test_a_backup_under_load_is_restored_and_goes_on(project: Seat) -> None:
    project.serve()
    project.run("emit", "order.created", "--id", "huge", "--subject", "bob", "--data", '{"total": 5000.0}')
    asking = waits(project)
    project.run("emit", "events/big_order.json")
    project.until(lambda: "succeeded after" in project.told("explain", "order-1"))
    lines = "\n".join(
        f'{{"specversion":"1.0","id":"n{n}","source":"load","type":"order.created","subject":"s{n}","data":{{"total":1e2}}}}'
        for n in range(3000)
    )
    (project.place / "many.ndjson").write_text(lines)
    under_load = threading.Thread(target=project.run_apart, args=("emit", "many.ndjson"))
    under_load.start()
    made = project.asked("backup", "kept/first")
    under_load.join()
    assert {"store.db", "tokens.json", "admin.token"} <= set(made["files"])
    assert [name for name in made["files"] if name.startswith("bus/")]
    loose = [path for path in (project.place / "kept/first").rglob("*") if path.stat().st_mode & 0o077]
    assert [path for path in loose if path.is_file()] == []
    assert not any((project.place / ".eventflow/backups").iterdir())
    assert "is whole" in project.told("backup", "kept/first", "--check")
    project.run("emit", "order.created", "--id", "after", "--subject", "eve", "--data", '{"total": 100.0}')
    assert project.stop() == 0

    restore(project, project.place / "kept/first")
    project.serve()
    assert project.asked("history", asking)["status"] == "waiting"
    assert "succeeded after" in project.told("explain", "order-1")
    assert "is in the log" in project.run("explain", "after", ends=1).stderr
    project.run("approve", asking, "ship_it")
    project.until(lambda: project.asked("history", asking)["status"] == "succeeded")
    project.run("emit", "order.created", "--id", "new", "--subject", "ann", "--data", '{"total": 100.0}')
    project.until(lambda: "succeeded after" in project.told("explain", "new"))
    page = project.asked("history", "--limit", "10000")["items"]
    assert len({run["id"] for run in page}) == len(page)
    kept = {run["event_ids"][0] for run in page if run["workflow"] == "orders/big_order"}
    assert len(kept) == len([run for run in page if run["workflow"] == "orders/big_order"]), "an event had two runs"


def test_a_backup_without_a_server(project: Seat) -> None:
    project.serve()
    project.run("emit", "events/big_order.json")
    project.until(lambda: "succeeded after" in project.told("explain", "order-1"))
    assert project.stop() == 0
    assert "backup made" in project.told("backup", "kept")
    restore(project, project.place / "kept")
    project.serve()
    assert "succeeded after" in project.told("explain", "order-1")


@pytest.mark.parametrize("harm", ["flip", "lose"])
def test_a_backup_that_is_not_whole_is_told(project: Seat, harm: str) -> None:
    project.serve()
    project.run("backup", "kept")
    store = project.place / "kept/store.db"
    if harm == "flip":
        data = bytearray(store.read_bytes())
        data[len(data) // 2] ^= 1
        store.write_bytes(data)
    else:
        store.unlink()
    assert "store.db is " in project.run("backup", "kept", "--check", ends=1).stderr
    assert "not empty" in project.run("backup", "kept", ends=1).stderr
