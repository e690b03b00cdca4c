"""The router's side of the store contract: positions, memory, fences, catalogues, outbox (W10, W11, W22)."""
# ruff: noqa: D102 - a test's name is its sentence

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from eventflow.errors import Fenced, NotFound, Outdated
from eventflow.model.commit import Checkpoint
from eventflow.model.control import DEAD_LETTERS_LIMIT
from eventflow.model.event import decode as decode_event
from eventflow.model.outcome import DeadCount, DeadLetter, Outcome
from eventflow.model.record import CONTROL, Position, Ref
from eventflow.model.run import Parent, Wait
from eventflow.model.workflow import Concurrency, Workflow, encode
from eventflow.plugin.store import DEAD_LETTERS, Append
from eventflow.testing.store.house import (
    DAY,
    DEFINITIONS,
    LEASE,
    MINUTE,
    OTHER,
    SECOND,
    T0,
    WORKFLOW,
    StoreSuite,
    event,
    firing,
)  # fmt: skip

if TYPE_CHECKING:
    from pathlib import Path


class LedgerTests(StoreSuite):
    """`Ledger`, but for admission and deliveries."""

    async def test_a_partition_never_seen_stands_at_0(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            found = await house.store.recall(7)
            assert (found.position, found.memory_at, found.last) == (Position(), Position(), "")
            assert (found.catalogue, found.log_time, found.slots) == (0, 0, {})
            assert await house.store.partitions() == {}

    async def test_a_commit_moves_the_position_and_only_a_checkpoint_the_memory(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            await house.commit(offset=5, checkpoint=Checkpoint({"a": b"1", "b": b"2", "c": b"3"}, 1))
            await house.commit(offset=9)
            found = await house.store.recall(0)
            assert (found.position, found.memory_at) == (Position(9, b"mark9"), Position(5, b"mark5"))
            assert (found.last, found.catalogue, found.log_time) == ("commit-9", 1, house.now)
            await house.commit(offset=12, checkpoint=Checkpoint({"a": None, "b": b"20", "d": b"4", "never": None}, 2))
            found = await house.store.recall(0)
            assert (found.memory_at, found.catalogue) == (Position(12, b"mark12"), 2)
            assert found.slots == {"b": b"20", "c": b"3", "d": b"4"}

    async def test_a_commit_may_set_the_position_back(self, tmp_path: Path) -> None:
        """A person has let the partition go on in another log (`eventflow.route.loss`); what was read stays read."""
        async with self.house(tmp_path) as house:
            await house.commit(offset=9, checkpoint=Checkpoint({"a": b"1"}, 1))
            back = house.commit_of(offset=2, checkpoint=Checkpoint({"era": b"1"}, 1), log_time=T0, id="back")
            await house.store.commit(back)
            found = await house.store.recall(0)
            assert (found.position, found.memory_at, found.last) == (back.position, back.position, "back")
            assert (found.slots, found.log_time) == ({"a": b"1", "era": b"1"}, house.now)
            with pytest.raises(Fenced):
                await house.store.commit(house.commit_of(offset=10, follows="commit-9", id="late"))

    async def test_partitions_are_apart(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            await house.commit(offset=3, checkpoint=Checkpoint({"a": b"0"}, 1), log_time=T0 + 1)
            await house.store.commit(
                house.commit_of(partition=CONTROL, follows="", offset=8, checkpoint=Checkpoint({"a": b"c"}, 1), id="k")
            )
            assert (await house.store.recall(0)).slots == {"a": b"0"}
            assert (await house.store.recall(CONTROL)).slots == {"a": b"c"}
            assert await house.store.partitions() == {0: (3, 3, T0 + 1), CONTROL: (8, 8, house.now)}

    @pytest.mark.parametrize("follows", ["", "commit-0", "commit-2"])
    async def test_a_commit_that_follows_another_one_is_fenced_and_writes_nothing(
        self, tmp_path: Path, follows: str
    ) -> None:
        async with self.house(tmp_path) as house:
            await house.commit(checkpoint=Checkpoint({"a": b"1"}, 1))
            before = await house.store.recall(0)
            late = house.commit_of(
                follows=follows, firings=(firing("run_a"),), checkpoint=Checkpoint({"a": b"2"}, 1), outbox=(b"{}",)
            )
            with pytest.raises(Fenced):
                await house.store.commit(late)
            assert await house.store.recall(0) == before
            assert await house.store.runs(10) == []
            assert await house.store.outbox(10) == []

    async def test_the_first_commit_of_a_partition_follows_nothing(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            with pytest.raises(Fenced):
                await house.store.commit(house.commit_of(follows="something"))

    async def test_a_repeated_commit_is_done_and_does_nothing_twice(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            commit = house.commit_of(
                firings=(firing("run_a"), firing("run_b", shadow=True)), outbox=(b'{"n":1}',),
                checkpoint=Checkpoint({"a": b"1"}, 1),
            )  # fmt: skip
            first = await house.store.commit(commit)
            said = await house.store.outbox(10)
            assert (await house.store.commit(commit)).runs == first.runs == {"run_a": "queued", "run_b": "suppressed"}
            assert await house.store.outbox(10) == said
            assert len(await house.store.runs(10)) == 2

    async def test_everything_survives_a_crash(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            await house.commit(firings=(firing("run_a", events=(event(1),)),), checkpoint=Checkpoint({"a": b"1"}, 1))
            found, run = await house.store.recall(0), await house.store.run("run_a")
            await self.crash(house.store)
        async with self.house(tmp_path) as house:
            assert await house.store.recall(0) == found
            assert await house.store.run("run_a") == run
            assert await house.store.run_events("run_a") == [event(1)]

    async def test_a_firing_of_a_definition_that_is_not_kept_writes_nothing(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            with pytest.raises(NotFound):
                await house.fire(firing("run_a"), firing("run_b", definition="0" * 32))
            assert await house.store.runs(10) == []
            assert (await house.store.recall(0)).last == ""

    async def test_the_outbox_is_in_order_and_ids_come_once(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            await house.commit(outbox=(b"1", b"2", b"3"))
            found = await house.store.outbox(2)
            assert [data for _, data in found] == [b"1", b"2"]
            ids = [id_ for id_, _ in await house.store.outbox(10)]
            await house.store.outbox_done(ids)
            assert await house.store.outbox(10) == []
            await house.commit(outbox=(b"4",))
            await house.store.outbox_done(ids)  # repeated after an unclear answer
            assert [data for _, data in await house.store.outbox(10)] == [b"4"]

    async def test_refusals_and_dead_letters_are_kept(self, tmp_path: Path) -> None:
        refused = Outcome(
            ref=Ref(0, 4), log_time=T0, workflow="team/build", trigger="on", stage="filtered", reason="filter_false",
            values={"data.branch": "main"},
        )  # fmt: skip
        dead = [DeadLetter(ref=Ref(0, n), log_time=T0, error=f"e{n}", data=b"{}") for n in range(5)]
        async with self.house(tmp_path) as house:
            await house.commit(outcomes=(refused,), dead=tuple(dead))
            assert await house.store.outcomes(Ref(0, 4)) == [refused]
            assert await house.store.outcomes(Ref(0, 5)) == []
            page = await house.store.dead(2)
            assert [letter for _, letter in page] == [dead[4], dead[3]]
            rest = await house.store.dead(10, after=page[-1][0])
            assert [letter for _, letter in rest] == [dead[2], dead[1], dead[0]]
            with pytest.raises(NotFound):
                await house.store.dead(10, after="nonsense")

    async def test_dead_letters_beyond_the_bound_are_counted_and_told_once(self, tmp_path: Path) -> None:
        flood = [DeadLetter(ref=Ref(0, n), log_time=T0 + n, error=f"e{n}") for n in range(DEAD_LETTERS + 60)]
        mine = DeadLetter(ref=Ref(0, 9), log_time=T0, workflow="team/build", trigger="on", error="mine", data=b"{}")
        lost = DeadLetter(ref=Ref(0, 10), log_time=T0, error="lost", data=b"{}", always=True)
        async with self.house(tmp_path) as house:
            for start in range(0, len(flood), 265):
                await house.commit(dead=tuple(flood[start : start + 265]))
            await house.commit(dead=(mine, flood[0], lost))
            await house.commit(dead=(mine,))
            kept = [letter for _, letter in await house.store.dead(2 * DEAD_LETTERS)]
            assert [letter.error for letter in kept[:3]] == ["mine", "lost", "mine"]
            assert kept[3:] == flood[DEAD_LETTERS - 1 :: -1]
            assert await house.store.dead_beyond() == [DeadCount("", "", 61, T0 + DEAD_LETTERS, T0 + len(flood) - 1)]
            told = [decode_event(data) for _, data in await house.store.outbox(10)]
            assert [(one.type, one.data["limit"]) for one in told] == [(DEAD_LETTERS_LIMIT, DEAD_LETTERS)]

    async def test_a_dead_letter_does_not_copy_a_large_record(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            letters = [DeadLetter(ref=Ref(0, n), log_time=T0, error="no event", data=b"x" * (n << 16)) for n in (1, 2)]
            await house.commit(dead=tuple(letters))
            [(_, large), (_, small)] = await house.store.dead(2)
            assert small == letters[0]
            assert (large.data, large.error) == (b"", "no event (its 131,072 bytes are in the log only)")

    async def test_retention_makes_room_for_dead_letters(self, tmp_path: Path) -> None:
        flood = tuple(DeadLetter(ref=Ref(0, n), log_time=T0) for n in range(DEAD_LETTERS + 1))
        later = DeadLetter(ref=Ref(0, 5), log_time=T0 + DAY)
        async with self.house(tmp_path) as house:
            await house.commit(dead=flood)
            await house.store.prune(T0 + 1, house.now)
            assert await house.store.dead_beyond() == []
            await house.commit(dead=(later,))
            assert [letter for _, letter in await house.store.dead(5)] == [later]
            await house.commit(dead=flood)
            assert len(await house.store.outbox(10)) == 2, "what begins anew is told anew"

    async def test_a_commit_without_the_waits_that_another_partition_has_taken_over_is_outdated(
        self, tmp_path: Path
    ) -> None:
        async with self.house(tmp_path) as house:
            await house.commit(waits=1)
            await house.store.activate({}, T0)
            await house.commit(waits=1, firings=(firing("run_a"),))  # nobody decides by the newest yet
            taken = house.commit_of(partition=1, follows="", id="k", waits=2, checkpoint=Checkpoint({}, 2))
            await house.store.commit(taken)
            before = await house.store.recall(0)
            with pytest.raises(Outdated):
                await house.store.commit(house.commit_of(waits=1, firings=(firing("run_b"),)))
            assert await house.store.recall(0) == before
            assert [run.id for run in await house.store.runs(10)] == ["run_a"]
            await house.commit(waits=2, firings=(firing("run_b"),))

    async def test_an_outdated_commit_that_was_written_before_is_done(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            written = house.commit_of(waits=1, firings=(firing("run_a"),))
            await house.store.commit(written)
            await house.store.commit(
                house.commit_of(partition=1, follows="", id="k", waits=2, checkpoint=Checkpoint({}, 2))
            )
            assert (await house.store.commit(written)).runs == {"run_a": "queued"}

    async def test_a_child_brings_the_newest_waits_into_force(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            await house.commit(waits=1, firings=(firing("run_a"),))
            await house.store.activate({}, T0)
            (claim,) = await house.store.claim("anna", 1, LEASE, house.now)
            await house.store.append(
                claim.lease, Append(at=house.now, children=(firing("run_b", parent=Parent("run_a", "call", 1, 1)),))
            )
            newest = (await house.store.catalogue())[0]
            with pytest.raises(Outdated):
                await house.store.commit(house.commit_of(waits=newest - 1))
            await house.commit(waits=newest)

    async def test_the_catalogue_gets_a_new_number_when_it_changes(self, tmp_path: Path) -> None:
        store = self.make_store(tmp_path)
        await store.open()
        try:
            assert await store.catalogue() == (0, {})
            assert await store.activate(DEFINITIONS, T0) == 1
            assert await store.activate(dict(reversed(DEFINITIONS.items())), T0 + 1) == 1
            fewer = {WORKFLOW.id: DEFINITIONS[WORKFLOW.id]}
            assert await store.activate(fewer, T0 + 2) == 2
            assert await store.catalogue() == (2, fewer)
            assert await store.catalogue(1) == (1, DEFINITIONS)
            assert await store.activate(DEFINITIONS, T0 + 3) == 3
            assert await store.activate({}, T0 + 4) == 4
            assert await store.activate({}, T0 + 5) == 4
            with pytest.raises(NotFound):
                await store.catalogue(5)
        finally:
            await store.close()

    async def test_definitions_of_open_runs_are_kept(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            assert await house.store.open_definitions() == {}
            claim = await house.started()
            assert await house.store.open_definitions() == {WORKFLOW.hash: encode(WORKFLOW)}
            edited = Workflow(id=WORKFLOW.id, name="edited")
            await house.store.activate({WORKFLOW.id: encode(edited)}, T0)
            await house.commit(checkpoint=Checkpoint({}, 2))
            await house.store.prune(house.now, house.now)
            assert await house.store.definition(WORKFLOW.hash) == encode(WORKFLOW)
            assert await house.store.open_definitions() == {WORKFLOW.hash: encode(WORKFLOW)}
            with pytest.raises(NotFound):
                await house.store.definition(OTHER.hash)
            await house.append(claim, status="succeeded")
            await house.store.prune(house.now + 1, house.now)
            with pytest.raises(NotFound):
                await house.store.definition(WORKFLOW.hash)
            assert await house.store.definition(edited.hash) == encode(edited)

    async def test_the_catalogue_of_a_memory_is_kept(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            await house.commit(checkpoint=Checkpoint({}, 1))
            await house.store.activate({}, T0)
            await house.store.activate({OTHER.id: encode(OTHER)}, T0)
            await house.store.prune(house.now, house.now)
            assert await house.store.catalogue(1) == (1, DEFINITIONS)
            assert await house.store.catalogue(2) == (2, {})  # somebody may just be taking it over
            await house.commit(checkpoint=Checkpoint({}, 2))
            await house.store.prune(house.now, house.now)
            with pytest.raises(NotFound):
                await house.store.catalogue(1)
            assert await house.store.catalogue(2) == (2, {})
            assert await house.store.catalogue() == (3, {OTHER.id: encode(OTHER)})

    async def test_a_setting_is_fixed_at_the_first_start(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            assert await house.store.setting("partitions", "3") == "3"
        async with self.house(tmp_path) as house:
            assert await house.store.setting("partitions", "5") == "3"
            assert await house.store.setting("key", "x") == "x"

    async def test_a_lease_has_one_holder_until_its_end(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            take = house.store.lease
            assert await take("outbox", "anna", MINUTE, T0)
            assert not await take("outbox", "bert", MINUTE, T0 + MINUTE - 1)
            assert await take("outbox", "anna", MINUTE, T0 + 30 * SECOND)
            assert not await take("outbox", "bert", MINUTE, T0 + MINUTE)
            assert await take("mail", "bert", MINUTE, T0)
            assert await take("outbox", "bert", MINUTE, T0 + 90 * SECOND)
            assert not await take("outbox", "anna", MINUTE, T0 + 90 * SECOND)

    async def test_the_earliest_deadline_is_of_waits_and_of_starts(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            assert await house.store.earliest_deadline() is None
            one = Concurrency(max=1)
            claim = await house.started(concurrency=one)
            wait = Wait(path="ask", visit=1, kind="answer", deadline=T0 + DAY)
            await house.append(claim, waits=(wait, Wait(path="more", visit=1, kind="event", deadline=T0 + 2 * DAY)))
            assert await house.store.earliest_deadline() == T0 + DAY
            await house.append(claim, withdraw=(("ask", 1),))
            assert await house.store.earliest_deadline() == T0 + 2 * DAY
            await house.fire(firing("run_b", concurrency=one, start_by=T0 + MINUTE))
            assert await house.store.earliest_deadline() == T0 + MINUTE
            await house.append(claim, status="failed", reason="timeout")
            await house.claim()
            assert await house.store.earliest_deadline() is None

    async def test_retention_takes_what_ended_before_and_only_that(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            shared = event(1)
            old, new, open_ = [
                await house.started(run, events=(shared, event(n)))
                for n, run in enumerate(("run_a", "run_b", "run_c"), 2)
            ]
            await house.append(old, entries=(b"1",), status="succeeded")
            house.now += DAY
            await house.append(new, entries=(b"2",), status="succeeded")
            await house.append(open_, entries=(b"3",))
            assert await house.store.prune(house.now, house.now) > 0
            assert [run.id for run in await house.store.runs(10)] == ["run_c", "run_b"]
            with pytest.raises(NotFound):
                await house.store.read("run_a")
            assert await house.store.run_events("run_b") == [shared, event(3)]
            assert [line.data for line in await house.store.read("run_c")] == [b"3"]
            assert (await house.store.counts())[WORKFLOW.id, "succeeded"] == 1
            assert await house.store.prune(house.now, house.now) == 0

    async def test_retention_takes_all_there_is_in_one_call(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            letters = tuple(DeadLetter(ref=Ref(0, n), log_time=T0, workflow=f"w{n % 2}") for n in range(1300))
            await house.commit(firings=tuple(firing(f"run_{n}", shadow=True) for n in range(1300)), dead=letters)
            assert await house.store.prune(house.now + 1, house.now) == 2600
            assert await house.store.runs(10) == []
            assert await house.store.dead(10) == []

    async def test_a_pruned_run_cannot_start_again(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            await house.append(await house.started(), status="succeeded")
            await house.store.prune(house.now + 1, house.now + 1)
            assert await house.fire(firing("run_a")) == {"run_a": "duplicate"}
            await house.store.prune(house.now, house.now + 8 * DAY)
            assert await house.fire(firing("run_a")) == {"run_a": "duplicate"}

    async def test_a_store_closes_twice(self, tmp_path: Path) -> None:
        store = self.make_store(tmp_path)
        await store.open()
        await store.close()
        await store.close()
