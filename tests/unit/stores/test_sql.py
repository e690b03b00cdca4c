"""The SQL texts: every statement is good, used, and finds its rows by an index."""

import re
from pathlib import Path

import apsw
import pytest

import eventflow.stores.sqlite as package
from eventflow.stores.sqlite.statements import folder, read

CODE = Path(package.__file__).parent
NAMES = sorted(file.name.removesuffix(".sql") for file in folder().iterdir() if not file.name[0].isdigit())
STATEMENTS = [(name, key, sql) for name in NAMES for key, sql in read(name).items()]

SCANS = {
    ("ledger", "partitions"): "as many rows as the bus has partitions",
    ("ledger", "open_definitions"): "an index of open runs, read at a reload",
    ("ledger", "outbox"): "the first rows of the primary key",
    ("journal", "leased_by"): "open runs, once at a start or a drain",
    ("history", "tally"): "one row for each workflow and status",
    ("history", "count_open"): "an index of open runs, for people",
    ("retention", "arrival_definitions"): "an index, at retention",
    ("dead", "kept"): "at most as many rows as are kept in all, where there is a dead letter to write",
    ("dead", "beyond"): "one row for each trigger that had too many, for people",
    ("retention", "forget_beyond"): "one row for each trigger that had too many, at retention",
    ("retention", "delete_definitions"): "definitions and an index of runs, at retention",
}
"""Statements that may read a table or an index from one end, and why that is short or seldom."""


@pytest.fixture
def db():
    connection = apsw.Connection(":memory:")
    for file in sorted(folder().iterdir(), key=lambda file: file.name):
        if file.name[0].isdigit():
            connection.execute(file.read_text())
    return connection


def plan(db, sql):
    count = len(set(re.findall(r"\?\d+", sql))) or sql.count("?")
    return [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", (None,) * count)]


@pytest.mark.parametrize(("name", "key", "sql"), STATEMENTS, ids=[f"{name}.{key}" for name, key, _ in STATEMENTS])
def test_a_statement_finds_its_rows_by_an_index(db, name, key, sql):
    scans = [step for step in plan(db, sql) if step.startswith("SCAN") and "CONSTANT ROW" not in step]
    scans = [step for step in scans if not re.fullmatch(r"SCAN \(subquery-\d+\)|SCAN t", step)]
    assert bool(scans) == ((name, key) in SCANS), scans


HOT = ["expired", "ready", "vacancies", "line_of_group", "head_of_group", "occupied", "next_wake", "held"]


@pytest.mark.parametrize("key", HOT)
def test_a_claim_sorts_nothing(db, key):
    assert not [step for step in plan(db, read("journal")[key]) if "TEMP B-TREE" in step]


@pytest.mark.parametrize(
    ("key", "index"),
    [
        ("expired", "run_start_by"), ("ready", "run_ready"), ("line_of_group", "run_queued"),
        ("head_of_group", "run_queued"), ("occupied", "run_occupying"), ("next_wake", "run_ready"),
        ("next_wake", "run_start_by"),
    ],
)  # fmt: skip
def test_a_claim_uses_the_index_made_for_it(db, key, index):
    assert any(index in step for step in plan(db, read("journal")[key]))


@pytest.mark.parametrize("status", ["queued", "running", "waiting", "paused", "failed", "cancelled", "suppressed"])
@pytest.mark.parametrize("key", ["runs", "runs_of_workflow"])
def test_lists_of_rare_statuses_do_not_read_the_others(db, key, status):
    from eventflow.stores.sqlite.history import _with_status

    [first, *_] = plan(db, _with_status(read("history")[key], status))
    assert re.search(r"run_(open|unhappy)\b", first), first


def test_every_statement_is_used_and_every_use_is_there():
    for name in NAMES:
        users = [file.read_text() for file in CODE.glob("*.py") if f'load("{name}")' in file.read_text()]
        used = {key for text in users for key in re.findall(r"SQL\.(\w+)", text)}
        assert used == set(read(name)), name


def test_names_are_unique_in_a_file():
    for name in NAMES:
        text = folder().joinpath(f"{name}.sql").read_text()
        assert len(re.findall(r"^-- name: ", text, re.MULTILINE)) == len(read(name)), name


def test_the_reference_tells_every_table(db):
    page = (Path(__file__).parents[3] / "docs/reference/store.md").read_text()
    told = set(re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", page, re.MULTILINE))
    names = {name for cell in told for name in re.findall(r"`(\w+)`", cell)}
    there = {name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    assert names == {name for name in there if not name.startswith("sqlite_")} | {"migration"}
