"""The executor's side of the store contract: claims, leases, appends, ends, parents and children (W18, W22)."""
# ruff: noqa: D102 - a test's name is its sentence

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from eventflow.errors import Conflict, Fenced, NotFound, Unread
from eventflow.model.commit import Delivery
from eventflow.model.run import Parent, run_event
from eventflow.model.workflow import encode
from eventflow.plugin.store import Append, Claim, Lease
from eventflow.testing.store.house import (
    DAY,
    LEASE,
    MINUTE,
    QUEUED,
    SECOND,
    SINGLE,
    T0,
    WORKFLOW,
    StoreSuite,
    event,
    firing,
)  # fmt: skip

if TYPE_CHECKING:
    from pathlib import Path


class JournalTests(StoreSuite):
    """`Journal`, but for deliveries and waits."""

    async def test_a_claim_hands_over_all_that_is_known(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            claim = await house.started(events=(event(1), event(2)))
            assert claim.admitted
            assert (claim.lease.run, claim.lease.worker) == ("run_a", "anna")
            assert claim.run == await house.store.run("run_a")
            assert (claim.run.status, claim.run.started) == ("running", house.now)
            assert (claim.lines, claim.inbox, claim.events) == ((), (), (event(1), event(2)))
            assert claim.definition == encode(WORKFLOW)
            await house.append(claim, entries=(b"1", b"2"))
            await house.append(claim, entries=(b"3",), release=True)
            again = (await house.claim())["run_a"]
            assert [line.data for line in again.lines] == [b"1", b"2", b"3"]
            assert [line.seq for line in again.lines] == sorted({line.seq for line in again.lines})
            assert list(again.lines) == await house.store.read("run_a")
            assert again.run.started == claim.run.started

    async def test_a_lease_keeps_others_away_until_it_is_over(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            held = await house.started()
            house.now += LEASE - 1
            assert await house.claim(worker="bert") == {}
            house.now += 1
            taken = (await house.claim(worker="bert"))["run_a"]
            assert taken.lease != held.lease
            with pytest.raises(Fenced):
                await house.append(held, entries=(b"late",))
            await house.append(taken, entries=(b"mine",))
            assert [line.data for line in await house.store.read("run_a")] == [b"mine"]

    async def test_the_same_worker_is_fenced_by_its_own_newer_claim(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            old = await house.started()
            house.now += LEASE
            new = (await house.claim())["run_a"]
            with pytest.raises(Fenced):
                await house.append(old, entries=(b"late",))
            await house.append(new, entries=(b"mine",))

    async def test_renewing_holds_on_and_tells_what_is_lost(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            await house.fire(firing("run_a"), firing("run_b"), firing("run_c"))
            claims = await house.claim()
            held = {run: claim.lease for run, claim in claims.items()}
            await house.append(claims["run_c"], status="succeeded")
            strange = Lease("run_a", "bert", 1)
            until = house.now + 2 * LEASE
            lost = await house.store.renew([held["run_a"], held["run_c"], strange], until)
            assert lost == [held["run_c"], strange]
            house.now += LEASE
            assert list(await house.claim(worker="bert")) == ["run_b"]
            house.now = until
            assert list(await house.claim(worker="bert", limit=1)) == ["run_a"]
            assert await house.store.renew([held["run_a"]], until + LEASE) == [held["run_a"]]

    async def test_release_gives_back_what_a_worker_holds(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            await house.fire(*(firing(f"run_{n}") for n in range(4)))
            mine = await house.claim(limit=2)
            theirs = await house.claim(worker="bert")
            await house.store.release("anna")
            assert set(await house.claim(worker="carl")) == set(mine)
            for claim in mine.values():
                with pytest.raises(Fenced):
                    await house.append(claim, entries=(b"late",))
            for claim in theirs.values():
                await house.append(claim, entries=(b"mine",))

    async def test_after_a_crash_the_same_worker_starts_over_with_release(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            await house.append(await house.started(), entries=(b"1",))
            await self.crash(house.store)
        async with self.house(tmp_path) as house:
            await house.store.release("anna")
            claim = (await house.claim())["run_a"]
            assert [line.data for line in claim.lines] == [b"1"]

    async def test_what_a_listener_is_told_of_can_be_claimed_and_survives_once_the_commit_has_returned(
        self, tmp_path: Path
    ) -> None:
        """A store may tell nobody; then only the rest is asked of it."""
        claiming: list[asyncio.Future[dict[str, Claim]]] = []
        async with self.house(tmp_path) as house:
            house.store.listen("anna", lambda: claiming.append(asyncio.ensure_future(house.claim())))
            assert await house.fire(firing("run_a")) == {"run_a": "queued"}
            taken = await asyncio.gather(*claiming)
            assert all("run_a" in claims for claims in taken[:1])
            house.store.listen("anna", None)
            told = len(claiming)
            await house.fire(firing("run_b"))
            assert len(claiming) == told
            await self.crash(house.store)
        async with self.house(tmp_path) as house:
            await house.store.release("anna")
            assert set(await house.claim()) == {"run_a", "run_b"}

    async def test_an_append_after_giving_back_is_fenced(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            claim = await house.started()
            await house.append(claim, release=True)
            with pytest.raises(Fenced):
                await house.append(claim, entries=(b"late",))

    async def test_a_lease_of_no_run_is_fenced(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            with pytest.raises(Fenced):
                await house.store.append(Lease("run_never", "anna", 1), Append(at=T0))

    @pytest.mark.parametrize("status", ["succeeded", "failed", "cancelled"])
    async def test_the_end_is_written_and_nothing_follows_it(self, tmp_path: Path, status: str) -> None:
        async with self.house(tmp_path) as house:
            claim = await house.started()
            house.now += SECOND
            await house.append(
                claim, entries=(b"end",), status=status, reason="timeout", outputs={"n": [1]}, wake_at=T0, release=True
            )
            run = await house.store.run("run_a")
            assert (run.status, run.reason, run.ended, run.outputs) == (status, "timeout", house.now, {"n": [1]})
            assert [data for _, data in await house.store.outbox(10)] == [run_event(run, house.now)]
            with pytest.raises(Fenced):
                await house.append(claim, entries=(b"more",))
            with pytest.raises(Fenced):
                await house.append(claim, status="running")
            assert [line.data for line in await house.store.read("run_a")] == [b"end"]
            house.now += DAY
            assert await house.claim() == {}
            assert await house.store.next_wake(house.now) is None

    async def test_status_and_reason_stay_unless_said(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            claim = await house.started()
            await house.append(claim, status="paused", reason="parked")
            await house.append(claim, entries=(b"1",))
            assert await house.status("run_a") == ("paused", "parked")

    async def test_who_waits_is_claimed_when_its_time_has_come(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            for status in ("waiting", "paused"):
                claim = await house.started(f"run_{status}")
                wake_at = house.now + MINUTE
                await house.append(claim, status=status, wake_at=wake_at, release=True)
                assert (await house.store.run(f"run_{status}")).wake_at == wake_at
                assert await house.store.next_wake(house.now) == wake_at
                house.now = wake_at - 1
                assert await house.claim() == {}
                house.now = wake_at
                woken = (await house.claim())[f"run_{status}"]
                assert woken.run.status == status
                await house.append(woken, release=True, status=status)
                assert await house.claim() == {}, "no time is given: never"
                assert await house.store.next_wake(house.now) is None

    async def test_a_lease_goes_before_the_time_to_wake(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            claim = await house.started()
            await house.append(claim, status="waiting", wake_at=house.now + SECOND)
            house.now += SECOND
            assert await house.claim(worker="bert") == {}
            assert await house.store.next_wake(house.now) == house.now - SECOND + LEASE
            house.now += LEASE
            assert list(await house.claim(worker="bert")) == ["run_a"]

    async def test_next_wake_knows_leases_and_late_starts(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            assert await house.store.next_wake(house.now) is None
            await house.started(concurrency=QUEUED)
            assert await house.store.next_wake(house.now) == house.now + LEASE
            by = house.now + SECOND
            await house.fire(firing("run_b", concurrency=QUEUED, start_by=by))
            at = await house.store.next_wake(house.now)
            assert at is not None
            assert by < at < house.now + LEASE
            house.now = at
            assert await house.claim() == {}
            assert (await house.status("run_b"))[1] == "expired"

    async def test_only_a_claim_starts_a_run(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            claim = await house.started()
            await house.append(claim, status="paused")
            for status in ("running", "waiting"):
                with pytest.raises(Conflict):
                    await house.append(claim, status=status, entries=(b"x",))
            assert await house.store.read("run_a") == []

    async def test_a_child_is_admitted_with_the_append(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            parent = await house.started()
            child = firing("run_child", parent=Parent("run_a", "call", 1, 2), group="children")
            await house.append(parent, entries=(b"call",), children=(child,), status="waiting", release=True)
            claim = (await house.claim())["run_child"]
            assert claim.run.parent == Parent("run_a", "call", 1, 2)
            await house.append(claim, status="failed", reason="timeout", outputs={"x": 1})
            woken = (await house.claim())["run_a"]
            assert [(item.kind, item.payload) for item in woken.inbox] == [
                ("child", {"path": "call", "visit": 1, "attempt": 2, "run": "run_child", "status": "failed",
                           "reason": "timeout", "outputs": {"x": 1}}),
            ]  # fmt: skip

    async def test_a_suppressed_child_tells_its_parent_at_once(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            parent = await house.started()
            child = firing("run_child", parent=Parent("run_a", "call", 1, 1), group="c", concurrency=SINGLE)
            told = await house.append(parent, children=(firing("run_first", group="c", concurrency=SINGLE), child))
            assert [(item.kind, item.payload["status"], item.payload["reason"]) for item in told.inbox] == [
                ("child", "suppressed", "concurrency")
            ]

    async def test_an_expired_child_tells_its_parent(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            parent = await house.started()
            child = firing("run_child", parent=Parent("run_a", "call", 1, 1), group=WORKFLOW.id, start_by=house.now)
            await house.append(parent, children=(child,), status="waiting", release=True)
            house.now += SECOND
            woken = await house.claim()
            assert "run_child" not in woken
            assert [item.payload["reason"] for item in woken["run_a"].inbox] == ["expired"]

    async def test_nobody_is_told_of_a_child_that_nobody_waits_for(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            parent = await house.started()
            loose = Parent("run_a", "call", 1, 1, wait=False)
            await house.append(parent, children=(firing("run_child", parent=loose),))
            child = (await house.claim())["run_child"]
            await house.append(parent, status="succeeded")
            assert await house.store.inbox("run_child") == []
            await house.append(child, status="succeeded")
            assert await house.store.inbox("run_a") == []

    async def test_the_end_of_a_parent_cancels_its_open_children(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            parent = await house.started()
            children = [firing(f"run_{n}", parent=Parent("run_a", "call", n, 1)) for n in range(3)]
            await house.append(parent, children=tuple(children))
            claims = await house.claim()
            await house.append(claims["run_0"], status="succeeded")
            await house.append(parent, status="failed", reason="timeout")
            assert await house.store.inbox("run_0") == []
            told = [item for run in ("run_1", "run_2") for item in await house.store.inbox(run)]
            assert [(item.kind, item.payload["reason"]) for item in told] == [("cancel", "parent")] * 2
            await house.append(claims["run_1"], status="cancelled", reason="parent", inbox_seen=told[0].id)
            assert [item.payload["run"] for item in await house.store.inbox("run_a")] == ["run_0", "run_1"]

    async def test_a_known_child_is_not_made_twice(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            parent = await house.started()
            child = firing("run_child", parent=Parent("run_a", "call", 1, 1))
            await house.append(parent, children=(child,))
            await house.append(parent, children=(child,))
            assert len(await house.store.runs(10)) == 2

    async def test_a_refused_append_writes_nothing(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            claim = await house.started()
            with pytest.raises(NotFound):
                await house.append(
                    claim, entries=(b"x",), outbox=(b"{}",), children=(firing("run_c", definition="0" * 32),)
                )
            assert await house.store.read("run_a") == []
            assert await house.store.outbox(10) == []

    async def test_calls_at_once_share_no_fate(self, tmp_path: Path) -> None:
        """Many commits and appends in one turn: who is refused is refused alone, and everybody else is written."""
        async with self.house(tmp_path) as house:
            await house.fire(*(firing(f"run_{n:02}") for n in range(16)))
            claims = list((await house.claim()).values())
            stale = [Lease(claim.lease.run, "bert", 9) for claim in claims]
            bad = firing("run_bad", definition="0" * 32)
            calls = [house.append(claim, entries=(b"good",)) for claim in claims]
            calls += [house.store.append(lease, Append(entries=(b"bad",), at=T0)) for lease in stale]
            calls += [house.append(claim, entries=(b"worse",), children=(bad,)) for claim in claims[:3]]
            calls.append(house.store.commit(house.commit_of(firings=(firing("run_x"),))))  # type: ignore[arg-type]
            calls.append(house.store.commit(house.commit_of(follows="x", firings=(firing("run_y"),), id="y")))  # type: ignore[arg-type]
            done = await asyncio.gather(*calls, return_exceptions=True)
            kinds = [type(one).__name__ for one in done]
            assert kinds == ["Appended"] * 16 + ["Fenced"] * 16 + ["NotFound"] * 3 + ["Admitted", "Fenced"]
            for claim in claims:
                assert [line.data for line in await house.store.read(claim.run.id)] == [b"good"]
            assert {run.id for run in await house.store.runs(100)} == {claim.run.id for claim in claims} | {"run_x"}

    async def test_a_decision_on_an_old_inbox_is_refused(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            claim = await house.started()
            await house.commit(deliveries=(Delivery(kind="cancel", identity="c", log_time=T0, run="run_a"),))
            with pytest.raises(Unread):
                await house.append(claim, entries=(b"end",), status="succeeded", decisive=True)
            assert (await house.status("run_a"))[0] == "running"
            assert await house.store.read("run_a") == []
            told = await house.append(claim, entries=(b"1",))
            [item] = told.inbox
            await house.append(claim, status="cancelled", inbox_seen=item.id, decisive=True)
