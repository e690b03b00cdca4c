"""What a database promises while nothing is wrong, and what it refuses."""

import subprocess
import sys

import apsw
import pytest

from eventflow.disk import Database, Migration, read_migrations
from eventflow.errors import StorageBusy, StorageDamaged, StorageError

FIRST = Migration(1, "first", "CREATE TABLE thing (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;")
SECOND = Migration(2, "second", "ALTER TABLE thing ADD COLUMN age INTEGER; CREATE INDEX by_age ON thing(age);")


@pytest.fixture
def database(tmp_path):
    database = Database(tmp_path / "new" / "a.sqlite", [FIRST])
    database.open()
    yield database
    database.close()


def names(database):
    return [name for (name,) in database.rows("SELECT name FROM thing ORDER BY id")]


def test_a_transaction_is_there_after_opening_again(database):
    with database.transaction():
        database.execute("INSERT INTO thing VALUES (1, 'a')", changes=1)
    database.abandon()
    database.open()
    assert names(database) == ["a"]


def test_a_block_that_raises_leaves_nothing(database):
    with pytest.raises(KeyError), database.transaction():  # noqa: PT012 - the block is what is tested
        database.execute("INSERT INTO thing VALUES (1, 'a')")
        raise KeyError("x")
    assert names(database) == []
    with database.transaction():
        database.execute("INSERT INTO thing VALUES (1, 'b')")
    assert names(database) == ["b"]


def test_one_process_is_private_and_synced(database):
    assert (database.path.parent.stat().st_mode & 0o777, database.path.stat().st_mode & 0o777) == (0o700, 0o600)
    assert database.row("PRAGMA journal_mode") == ("wal",)
    assert database.row("PRAGMA synchronous") == (2,)
    assert database.row("PRAGMA trusted_schema") == (0,)


@pytest.mark.parametrize("statement", ["UPDATE thing SET name = 'z' WHERE id = 7", "DELETE FROM thing WHERE id < 3"])
def test_another_number_of_rows_is_a_fault_and_undone(database, statement):
    with database.transaction():
        database.execute_many("INSERT INTO thing VALUES (?, ?)", [(1, "a"), (2, "b")], changes=2)
    with pytest.raises(StorageDamaged, match="have touched 1"), database.transaction():  # noqa: PT012 - the block is tested
        database.execute("INSERT INTO thing VALUES (3, 'c')", changes=1)
        database.execute(statement, changes=1)
    assert names(database) == ["a", "b"]
    with pytest.raises(StorageDamaged, match="touched 0 rows"), database.transaction():
        database.execute_many("UPDATE thing SET name = 'q' WHERE id = ?", [(8,), (9,)], changes=2)


def test_a_savepoint_undoes_only_its_own(database):
    with database.transaction():
        database.execute("INSERT INTO thing VALUES (1, 'a')")
        with pytest.raises(ValueError, match="no"), database.savepoint():  # noqa: PT012 - the block is what is tested
            database.execute("INSERT INTO thing VALUES (2, 'b')")
            raise ValueError("no")
        database.execute("INSERT INTO thing VALUES (3, 'c')")
    assert names(database) == ["a", "c"]


def test_a_mistake_in_a_statement_stays_a_mistake(database):
    with pytest.raises(apsw.SQLError), database.transaction():
        database.execute("INSERT INTO nowhere VALUES (1)")
    with pytest.raises(apsw.ConstraintError), database.transaction():
        database.execute_many("INSERT INTO thing VALUES (?, ?)", [(1, "a"), (1, "b")])
    assert names(database) == []


def test_nothing_waits_inside_a_transaction(database):
    with database.transaction(), pytest.raises(StorageError, match="already open"), database.transaction():
        pass


def test_migrations_run_once_and_go_on(database):
    with database.transaction():
        database.execute("INSERT INTO thing VALUES (1, 'a')")
    database.close()
    for _ in range(2):
        newer = Database(database.path, [FIRST, SECOND])
        newer.open()
        assert newer.rows("SELECT id, age FROM thing") == [(1, None)]
        assert newer.rows("SELECT number, name FROM migration") == [(1, "first"), (2, "second")]
        newer.close()


def test_a_half_done_migration_leaves_nothing_and_is_done_again(database):
    database.close()
    broken = Migration(2, "second", "ALTER TABLE thing ADD COLUMN age INTEGER; INSERT INTO nowhere VALUES (1);")
    with pytest.raises(apsw.SQLError):
        Database(database.path, [FIRST, broken]).open()
    after = Database(database.path, [FIRST, SECOND])
    after.open()
    assert after.rows("SELECT number FROM migration") == [(1,), (2,)]
    after.close()


def test_a_newer_database_is_refused_in_one_line(database):
    database.close()
    newer = Database(database.path, [FIRST, SECOND])
    newer.open()
    newer.close()
    with pytest.raises(StorageDamaged, match=r"a\.sqlite: written by a newer eventflow \(schema 2, .* knows 1\)"):
        database.open()


def test_an_edited_migration_is_refused(database):
    database.close()
    edited = Migration(1, "first", FIRST.sql + " -- a word")
    with pytest.raises(StorageDamaged, match="0001 first is not the one"):
        Database(database.path, [edited]).open()


def test_somebody_elses_file_is_refused(tmp_path):
    path = tmp_path / "a.sqlite"
    apsw.Connection(str(path)).execute("CREATE TABLE t (a)")
    with pytest.raises(StorageDamaged, match="not one of eventflow's"):
        Database(path, [FIRST]).open()
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(StorageDamaged, match="not what was written"):
        Database(path, [FIRST]).open()


def test_a_locked_file_is_busy_and_then_goes_on(database):
    code = (
        "import apsw,sys; c=apsw.Connection(sys.argv[1]); c.execute('BEGIN IMMEDIATE'); print('held', flush=1); input()"
    )
    command = [sys.executable, "-c", code, str(database.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(StorageBusy, match="nothing was written"), database.transaction():
            database.execute("INSERT INTO thing VALUES (1, 'a')")
        assert names(database) == []
        other.stdin.write("\n")
        other.stdin.flush()
        other.wait()
    with database.transaction():
        database.execute("INSERT INTO thing VALUES (1, 'a')", changes=1)


def test_an_exclusive_file_has_no_shared_memory_and_no_guests(tmp_path):
    database = Database(tmp_path / "a.sqlite", [FIRST], exclusive=True)
    database.open()
    with database.transaction():
        database.execute("INSERT INTO thing VALUES (1, 'a')")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.sqlite", "a.sqlite-wal"]
    code = "import apsw,sys; apsw.Connection(sys.argv[1]).execute('SELECT * FROM thing').fetchall()"
    guest = subprocess.run(
        [sys.executable, "-c", code, str(database.path)], capture_output=True, text=True, check=False
    )
    assert "BusyError" in guest.stderr
    database.close()


def test_the_log_is_copied_and_does_not_grow(tmp_path):
    database = Database(tmp_path / "a.sqlite", [FIRST], checkpoint_pages=20)
    database.open()
    largest = 0
    for number in range(300):
        with database.transaction():
            database.execute("INSERT INTO thing VALUES (?, ?)", (number, "x" * 3000))
        largest = max(largest, (tmp_path / "a.sqlite-wal").stat().st_size)
    assert largest < 40 * 4200
    assert database.path.stat().st_size > 300 * 3000 * 0.9
    database.close()


def test_migrations_are_read_in_order_and_without_a_hole(tmp_path):
    (tmp_path / "0002_b.sql").write_text("SELECT 2;")
    (tmp_path / "0001_a.sql").write_text("SELECT 1;")
    (tmp_path / "readme.md").write_text("no migration")
    assert [(m.number, m.name, m.sql) for m in read_migrations(tmp_path)] == [
        (1, "a", "SELECT 1;"),
        (2, "b", "SELECT 2;"),
    ]
    (tmp_path / "0004_d.sql").write_text("SELECT 4;")
    with pytest.raises(StorageError, match="without a hole"):
        read_migrations(tmp_path)


def test_a_statement_is_planned_once_whatever_its_values(database):
    planned = []

    def plans(*what):
        planned.append(what)
        return apsw.SQLITE_OK

    with database.transaction():
        database.execute("CREATE INDEX named ON thing (name) WHERE name IS NOT NULL")
    query = (
        "SELECT one.id FROM thing AS one JOIN thing AS other USING (id) WHERE one.name = ? AND other.name = one.name"
    )
    database.raw.authorizer = plans
    database.rows(query, ("",))
    assert planned
    planned.clear()
    for name in "abcdefghij":
        database.rows(query, (name,))
    assert planned == []
