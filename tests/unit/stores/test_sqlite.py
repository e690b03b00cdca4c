"""What only the SQLite store promises: one sync for many, all or nothing wherever it dies, and it says so (W25)."""

import asyncio
from contextlib import asynccontextmanager

import apsw
import pytest

from eventflow import ports
from eventflow.errors import StorageDamaged, StorageError, StorageHeld
from eventflow.model.commit import Checkpoint, Delivery
from eventflow.model.run import Wait
from eventflow.model.workflow import Concurrency
from eventflow.plugin.registry import find
from eventflow.plugin.store import Append, Store
from eventflow.stores.sqlite import SqliteStore
from eventflow.testing.store.house import DEFINITIONS, T0, House, event, firing


class Killed(Exception):
    """The process is gone."""


class Watching(ports.RealWorld):
    """Counts the commits, and dies at one of them when asked to."""

    def __init__(self):
        super().__init__()
        self.passed = {}
        self.die_at = None
        self.store = None
        self.synced = []

    def failpoint(self, name):
        self.passed[name] = self.passed.get(name, 0) + 1
        if self.store is not None and name == "commit.before":
            self.synced.append(self.store._database.raw.execute("PRAGMA synchronous").get == 2)
        if name == self.die_at:
            raise Killed


@pytest.fixture
def world():
    with ports.use(Watching()) as world:
        yield world


@asynccontextmanager
async def house_at(place):
    store = SqliteStore(place / "store.db")
    await store.open()
    try:
        await store.activate(DEFINITIONS, T0)
        where = await store.recall(0)
        yield House(store, where.last, where.position.offset)
    finally:
        await store.close()


def test_it_is_found_by_its_name_and_keeps_the_contract(tmp_path):
    assert find("store", "sqlite", Store) is SqliteStore
    assert isinstance(SqliteStore(tmp_path / "store.db"), Store)


async def test_who_comes_in_one_turn_shares_one_commit(tmp_path, world):
    async with house_at(tmp_path) as house:
        await house.fire(*(firing(f"run_{n}", concurrency=Concurrency(max=64)) for n in range(33)))
        claims = list((await house.claim()).values())
        before = world.passed["commit.before"]
        appends = [house.append(claim, entries=(b"1",)) for claim in claims[:32]]
        await asyncio.gather(*appends, house.commit(), house.claim(), house.store.renew([claims[32].lease], T0 * 2))
        assert world.passed["commit.before"] == before + 1


async def test_only_claims_and_renewals_do_without_a_sync(tmp_path, world):
    async with house_at(tmp_path) as house:
        world.store = house.store
        await house.fire(firing("run_a"))
        claim = (await house.claim())["run_a"]
        await house.append(claim, entries=(b"1",))
        await house.store.renew([claim.lease], T0 * 2)
        await asyncio.gather(house.claim(), house.append(claim, entries=(b"2",)))
        await house.store.setting("n", "1")
        assert world.synced == [True, False, True, False, True, True]


async def _everything(house):
    """One commit with every kind of effect."""
    return house.commit_of(
        firings=(firing("run_new", events=(event(1),)), firing("run_shadow", shadow=True)),
        deliveries=(Delivery(kind="cancel", identity="c", log_time=T0, run="run_old"),),
        outbox=(b"{}",), checkpoint=Checkpoint({"slot": b"1"}, 1), id="everything",
    )  # fmt: skip


def _rows(place):
    db = apsw.Connection(str(place / "store.db"), flags=apsw.SQLITE_OPEN_READONLY)
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    found = {table: db.execute(f'SELECT * FROM "{table}"').fetchall() for table in tables}
    db.close()
    return found


@pytest.mark.parametrize("where", ["commit.before", "commit.after"])
async def test_a_commit_is_all_or_nothing_wherever_it_dies(tmp_path, world, where):
    async with house_at(tmp_path) as house:
        await house.started("run_old")
        commit, before = await _everything(house), _rows(tmp_path)
        world.die_at = where
        with pytest.raises(Killed):
            await house.store.commit(commit)
        world.die_at = None
        house.store._database.abandon()
        house.store._hold.release()
        if where == "commit.before":
            assert _rows(tmp_path) == before
    async with house_at(tmp_path) as house:
        done = await house.store.commit(commit)
        assert done.runs == {"run_new": "queued", "run_shadow": "suppressed"}
        assert len(await house.store.outbox(10)) == 2
        assert len(await house.store.inbox("run_old")) == 1
        assert (await house.store.recall(0)).slots == {"slot": b"1"}


async def test_a_second_store_on_the_same_file_is_refused(tmp_path):
    async with house_at(tmp_path):
        other = SqliteStore(tmp_path / "store.db")
        with pytest.raises(StorageHeld, match="process"):
            await other.open()
        await other.close()
    async with house_at(tmp_path):
        pass


async def test_it_cannot_be_used_after_its_end(tmp_path):
    async with house_at(tmp_path) as house:
        await house.store.close()
        with pytest.raises(StorageError):
            await house.fire(firing("run_a"))
        with pytest.raises(StorageError):
            await house.store.runs(1)


# --- a statement that touches another number of rows than it must is a fault (W25) -----------------------------------


@asynccontextmanager
async def tampered(house, *statements):
    """Somebody else changes the file, as a damaged disk or a fault of ours would."""
    db = house.store._database.raw
    for statement in statements:
        db.execute(statement)
    yield


async def test_the_end_of_a_run_whose_fixed_part_is_gone_is_a_fault(tmp_path):
    async with house_at(tmp_path) as house:
        claim = await house.started()
        async with tampered(house, "DELETE FROM run_fixed"):
            with pytest.raises(StorageDamaged):
                await house.append(claim, status="succeeded", outputs={"n": 1})
        assert (await house.store.outbox(10)) == []


TRICKS = {
    "end of": ("CREATE TRIGGER x BEFORE UPDATE OF ended ON run BEGIN SELECT RAISE(IGNORE); END",),
    "append to": ("CREATE TRIGGER x BEFORE UPDATE OF wake_at ON run BEGIN SELECT RAISE(IGNORE); END",),
    "start of": ("CREATE TRIGGER x BEFORE UPDATE OF epoch ON run BEGIN SELECT RAISE(IGNORE); END",),
    "position of": ("CREATE TRIGGER x BEFORE UPDATE OF position ON partition BEGIN SELECT RAISE(IGNORE); END",),
    "checkpoint of": ("CREATE TRIGGER x BEFORE UPDATE OF memory_at ON partition BEGIN SELECT RAISE(IGNORE); END",),
    "inbox of": ("CREATE TRIGGER x BEFORE UPDATE OF inbox_last ON run BEGIN SELECT RAISE(IGNORE); END",),
    "vacancy of": ("CREATE TRIGGER x BEFORE DELETE ON vacancy BEGIN SELECT RAISE(IGNORE); END",),
}
"""Each makes one statement of the store touch nothing, without a word."""


@pytest.mark.parametrize("what", TRICKS)
async def test_a_write_of_no_rows_is_a_fault_and_writes_nothing_else(tmp_path, what):
    async with house_at(tmp_path) as house:
        claim = await house.started("run_held")
        await house.append(claim, status="waiting", waits=(Wait(path="a", visit=1, kind="answer"),))
        await house.fire(firing("run_b"))
        calls = {
            "end of": lambda: house.append(claim, entries=(b"x",), status="succeeded"),
            "append to": lambda: house.append(claim, entries=(b"x",), wake_at=T0),
            "start of": house.claim,
            "position of": lambda: house.fire(firing("run_c")),
            "checkpoint of": lambda: house.commit(checkpoint=Checkpoint({"a": b"1"}, 1), firings=(firing("run_c"),)),
            "inbox of": lambda: house.commit(
                deliveries=(Delivery(kind="cancel", identity="c", log_time=T0, run="run_b"),)
            ),
            "vacancy of": house.claim,
        }
        async with tampered(house, *TRICKS[what]):
            before = _rows(tmp_path)
            with pytest.raises(StorageDamaged, match=what):
                await calls[what]()
            assert _rows(tmp_path) == before


async def test_the_tally_is_what_a_count_gives(tmp_path):
    async with house_at(tmp_path) as house:
        await house.fire(*(firing(f"run_{n}", shadow=n % 3 == 0) for n in range(12)))
        for run, claim in (await house.claim()).items():
            await house.append(claim, status="succeeded" if run < "run_5" else "failed")
        house.now += 1
        await house.store.prune(house.now, house.now)
        await house.fire(firing("run_x", shadow=True))
        db = house.store._database.raw
        counted = db.execute(
            "SELECT workflow, status, count(*) FROM run WHERE ended IS NOT NULL GROUP BY 1, 2"
        ).fetchall()
        assert db.execute("SELECT workflow, status, runs FROM tally WHERE runs > 0").fetchall() == counted


# --- what a claim costs does not depend on who else is open -----------------------------------------------------------


async def _steps_of_a_claim(place, others):
    """Steps of SQLite's machine for claiming 8 runs and for `next_wake` beside so many that need nobody."""
    async with house_at(place) as house:
        one, many = Concurrency(max=1), Concurrency(max=10**6)
        for n in range(0, others, 4):
            await house.fire(
                firing(f"run_full{n}", group=f"full{n % 40}", concurrency=one),
                firing(f"run_line{n}", group=f"full{n % 40}", concurrency=one),
                firing(f"run_wait{n}", group="waiting", concurrency=many),
                firing(f"run_late{n}", group=f"late{n % 40}", concurrency=one, start_by=T0 * 2),
            )
        claims = (await house.claim(limit=others)).values()
        appends = [
            house.append(claim, status="waiting", wake_at=T0 * 2, release=True)
            for claim in claims
        ]  # fmt: skip
        await asyncio.gather(*appends)
        await house.claim(limit=others)
        await house.fire(*(firing(f"run_mine{n}", group="mine") for n in range(8)))
        steps = 0

        def step():
            nonlocal steps
            steps += 1
            return False

        db = house.store._database.raw
        db.set_progress_handler(step, 1)
        await house.store.claim("anna", 8, 10, house.now)
        await house.store.next_wake(house.now)
        db.set_progress_handler(None)
        assert len(await house.store.runs(10, status=["running"])) == 8
        return steps


async def test_a_claim_takes_no_more_steps_beside_many_open_runs(tmp_path):
    few, many = tmp_path / "few", tmp_path / "many"
    few.mkdir()
    many.mkdir()
    alone = await _steps_of_a_claim(few, 40)
    beside = await _steps_of_a_claim(many, 2000)
    assert beside <= alone * 1.1


async def test_append_and_claim_work_without_a_memory_of_the_run(tmp_path):
    """A store that has just opened ends a run that another process had claimed."""
    async with house_at(tmp_path) as house:
        claim = await house.started(inputs={"n": 1})
    async with house_at(tmp_path) as house:
        await house.store.append(claim.lease, Append(at=T0, status="succeeded"))
        assert (await house.store.run("run_a")).inputs == {"n": 1}
        assert b'"inputs":{"n":1}' in (await house.store.outbox(1))[0][1]
