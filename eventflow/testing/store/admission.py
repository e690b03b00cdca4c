"""Admission in the store contract: who becomes a run, who waits, who does not start and why (W12, W13)."""
# ruff: noqa: D102 - a test's name is its sentence

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from eventflow.model.commit import Delivery, Rerun
from eventflow.model.record import Ref
from eventflow.model.run import Parent, run_event
from eventflow.model.workflow import Concurrency
from eventflow.testing.store.house import (
    MINUTE,
    OTHER,
    QUEUED,
    RESTART,
    SECOND,
    SINGLE,
    T0,
    WORKFLOW,
    House,
    StoreSuite,
    event,
    firing,
)  # fmt: skip

if TYPE_CHECKING:
    from pathlib import Path


class AdmissionTests(StoreSuite):
    """The firings of a commit and the runs they become."""

    async def test_a_firing_becomes_a_run_with_all_that_it_says(self, tmp_path: Path) -> None:
        parent = Parent("run_parent", "call", 2, 1)
        said = firing(
            "run_a", key="k", generation="replay", fired_at=T0 + 3, events=(event(1), event(2)),
            inputs={"n": [1, None]}, facts={"reason": "x"}, group="team/build/blue", start_by=T0 + MINUTE,
            chain=("team/first",), hops=2,
            parent=parent, by="anna", rerun_of="run_0", from_step="deploy",
        )  # fmt: skip
        async with self.house(tmp_path) as house:
            assert await house.fire(said) == {"run_a": "queued"}
            run = await house.store.run("run_a")
            assert (run.id, run.number, run.workflow, run.definition) == ("run_a", 1, WORKFLOW.id, WORKFLOW.hash)
            assert (run.trigger, run.key, run.generation, run.fired_at) == ("on", "k", "replay", T0 + 3)
            assert (run.status, run.reason, run.created, run.started, run.ended) == (
                "queued", None, house.now, None, None,
            )  # fmt: skip
            assert run.events == (Ref(0, 1), Ref(0, 2))
            assert (run.inputs, run.facts, run.outputs) == ({"n": [1, None]}, {"reason": "x"}, {})
            assert (run.group, run.start_by, run.wake_at) == ("team/build/blue", T0 + MINUTE, None)
            assert (run.chain, run.hops, run.parent, run.by) == (("team/first",), 2, parent, "anna")
            assert (run.rerun_of, run.from_step) == ("run_0", "deploy")
            assert await house.store.run_events("run_a") == [event(1), event(2)]

    async def test_numbers_count_the_runs_of_a_workflow_in_order(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            other = {"workflow": OTHER.id, "definition": OTHER.hash, "group": OTHER.id}
            await house.fire(firing("run_a"), firing("run_b", **other), firing("run_c", shadow=True))
            await house.fire(firing("run_a"), firing("run_d"), firing("run_e", **other))
            numbers = {run.id: run.number for run in await house.store.runs(10)}
            assert numbers == {"run_a": 1, "run_c": 2, "run_d": 3, "run_b": 1, "run_e": 2}

    async def test_a_known_run_is_skipped_whatever_became_of_it(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            claim = await house.started("run_a", inputs={"n": 1})
            assert await house.fire(firing("run_a", inputs={"n": 2})) == {"run_a": "duplicate"}
            await house.append(claim, status="failed", reason="step_failed")
            assert await house.fire(firing("run_a")) == {"run_a": "duplicate"}
            assert await house.fire(firing("run_s", shadow=True)) == {"run_s": "suppressed"}
            assert await house.fire(firing("run_s")) == {"run_s": "duplicate"}
            assert (await house.store.run("run_a")).inputs == {"n": 1}
            assert await house.status("run_s") == ("suppressed", "shadow")

    async def test_the_same_run_twice_in_one_commit_is_one(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            assert await house.fire(firing("run_a"), firing("run_a")) == {"run_a": "queued"}
            assert len(await house.store.runs(10)) == 1

    async def test_runs_share_copies_and_a_replaced_log_does_not_mix_them(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            await house.fire(firing("run_a", events=(event(1),)), firing("run_b", events=(event(1), event(1))))
            await house.fire(firing("run_c", events=(event(1, text="another log"),)))
            assert await house.store.run_events("run_b") == [event(1), event(1)]
            assert await house.store.run_events("run_a") == [event(1)]
            assert await house.store.run_events("run_c") == [event(1, text="another log")]

    async def test_a_suppressed_run_is_over_and_says_so(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            assert await house.fire(firing("run_a", shadow=True, events=(event(1),))) == {"run_a": "suppressed"}
            run = await house.store.run("run_a")
            assert (run.status, run.reason, run.created, run.ended) == ("suppressed", "shadow", house.now, house.now)
            assert [data for _, data in await house.store.outbox(10)] == [run_event(run, house.now)]
            assert await house.store.run_events("run_a") == [event(1)]
            assert await house.claim() == {}

    async def test_parallel_starts_up_to_its_maximum_lowest_number_first(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            two = Concurrency(max=2)
            await house.fire(*(firing(f"run_{n}", concurrency=two) for n in range(5)))
            first = await house.claim()
            assert list(first) == ["run_0", "run_1"]
            assert await house.claim() == {}
            await house.append(first["run_1"], status="waiting", release=True)
            assert await house.claim() == {}, "who waits keeps its place"
            await house.append(first["run_0"], status="succeeded")
            assert list(await house.claim()) == ["run_2"]

    async def test_groups_do_not_hold_each_other_up(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            one = Concurrency(max=1)
            await house.fire(*(firing(f"run_{n}", concurrency=one, group=f"g{n // 3}") for n in range(9)))
            assert set(await house.claim()) == {"run_0", "run_3", "run_6"}

    async def test_a_small_limit_comes_to_every_group(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            await house.fire(*(firing(f"run_{n}", group=f"g{n // 20}") for n in range(60)))
            seen = set()
            for _ in range(20):
                seen |= {claim.run.group for claim in (await house.claim(limit=1)).values()}
            assert seen == {"g0", "g1", "g2"}

    async def test_queue_max_counts_those_that_really_wait(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            how = Concurrency(max=2, queue_max=1)
            fired = await house.fire(*(firing(f"run_{n}", concurrency=how) for n in range(5)))
            assert list(fired.values()) == ["queued", "queued", "queued", "suppressed", "suppressed"]
            assert await house.status("run_3") == ("suppressed", "concurrency")
            claims = await house.claim()
            assert await house.fire(firing("run_5", concurrency=how)) == {"run_5": "suppressed"}
            await house.append(claims["run_0"], status="succeeded")
            await house.claim()
            assert await house.fire(firing("run_6", concurrency=how)) == {"run_6": "queued"}

    async def test_queue_max_0_means_now_or_never(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            how = Concurrency(mode="queued", queue_max=0)
            assert await house.fire(firing("run_a", concurrency=how)) == {"run_a": "queued"}
            assert await house.fire(firing("run_b", concurrency=how)) == {"run_b": "suppressed"}

    async def test_queued_runs_one_after_the_other(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            await house.fire(*(firing(f"run_{n}", concurrency=QUEUED) for n in range(3)))
            for n in range(3):
                claims = await house.claim()
                assert list(claims) == [f"run_{n}"]
                await house.append(claims[f"run_{n}"], status="succeeded")

    async def test_single_suppresses_while_one_is_open(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            fired = await house.fire(firing("run_a", concurrency=SINGLE), firing("run_b", concurrency=SINGLE))
            assert fired == {"run_a": "queued", "run_b": "suppressed"}
            assert await house.status("run_b") == ("suppressed", "concurrency")
            claim = (await house.claim())["run_a"]
            await house.append(claim, status="waiting")
            assert await house.fire(firing("run_c", concurrency=SINGLE)) == {"run_c": "suppressed"}
            await house.append(claim, status="succeeded")
            assert await house.fire(firing("run_d", concurrency=SINGLE)) == {"run_d": "queued"}

    async def test_single_can_signal_instead(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            how = Concurrency(mode="single", on_conflict="signal")
            claim = await house.started(concurrency=how)
            await house.append(claim, status="waiting", release=True)
            fired = await house.fire(firing("run_b", concurrency=how, events=(event(1), event(2))))
            assert fired == {"run_b": "suppressed"}
            woken = (await house.claim())["run_a"]
            assert [(item.kind, item.payload) for item in woken.inbox] == [
                ("signal", {"event": msgspec.json.decode(event(n).data)}) for n in (1, 2)
            ]

    async def test_restart_makes_room_for_the_newest(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            running = await house.started("run_a", concurrency=RESTART)
            await house.fire(firing("run_b", concurrency=RESTART))
            await house.fire(firing("run_c", concurrency=RESTART))
            assert await house.status("run_b") == ("suppressed", "superseded")
            assert await house.claim() == {}, "not before the cancelled one has let go"
            told = await house.append(running, inbox_seen=0)
            assert [(item.kind, item.payload["reason"]) for item in told.inbox] == [("cancel", "superseded")] * 2
            await house.append(running, status="cancelled", reason="superseded", inbox_seen=told.inbox[-1].id)
            assert list(await house.claim()) == ["run_c"]

    async def test_a_paused_run_has_no_place_and_comes_back_to_its_old_one(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            await house.fire(*(firing(f"run_{n}", concurrency=QUEUED) for n in range(3)))
            first = (await house.claim())["run_0"]
            await house.append(first, status="paused", reason="parked", release=True)
            second = (await house.claim())["run_1"]
            await self._resume(house, "run_0")
            assert await house.claim() == {}
            await house.append(second, status="succeeded")
            again = (await house.claim())["run_0"]
            assert again.run.started == first.run.started
            assert again.run.reason is None

    async def test_a_resumed_run_starts_at_once_where_there_is_room(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            await house.append(await house.started(concurrency=QUEUED), status="paused", release=True)
            await self._resume(house, "run_a")
            assert (await house.claim())["run_a"].run.status == "running"

    async def test_a_paused_run_does_not_block_single_or_restart(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            for how, name in ((SINGLE, "s"), (RESTART, "r")):
                claim = await house.started(f"run_{name}", concurrency=how, group=name)
                await house.append(claim, status="paused", release=True)
                await house.fire(firing(f"run_{name}2", concurrency=how, group=name))
                assert list(await house.claim()) == [f"run_{name}2"]
                assert await house.status(f"run_{name}") == ("paused", None)

    async def test_restart_tells_a_resumed_run_instead_of_suppressing_it(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            claim = await house.started(concurrency=RESTART)
            await house.append(claim, status="paused", release=True)
            await house.fire(firing("run_b", concurrency=RESTART))
            await self._resume(house, "run_a")
            await house.fire(firing("run_c", concurrency=RESTART))
            assert (await house.status("run_a"))[0] == "queued"
            assert [item.kind for item in await house.store.inbox("run_a")] == ["resume", "cancel"]

    async def test_a_start_that_comes_too_late_is_none(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            one = Concurrency(max=1)
            claim = await house.started(concurrency=one)
            by = house.now + 10 * SECOND
            await house.fire(*(firing(f"run_{n}", concurrency=one, start_by=by + n * SECOND) for n in range(3)))
            house.now = by
            assert await house.claim() == {}
            assert (await house.status("run_0"))[0] == "queued", "exactly at the deadline is in time"
            house.now = by + SECOND
            assert await house.claim() == {}, "whether there is room or not"
            run = await house.store.run("run_0")
            assert (run.status, run.reason, run.ended, run.started) == ("suppressed", "expired", house.now, None)
            assert run_event(run, house.now) in [data for _, data in await house.store.outbox(10)]
            await house.append(claim, status="succeeded")
            assert list(await house.claim()) == ["run_1"]
            house.now += 10 * MINUTE
            assert list(await house.claim()) == ["run_1"], "who has started does not expire"
            assert await house.status("run_2") == ("suppressed", "expired")

    async def test_a_rerun_is_a_new_run_of_the_same(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            what: dict[str, Any] = {
                "events": (event(1),),
                "inputs": {"n": 1},
                "facts": {"f": 2},
                "key": "k",
                "chain": ("c",),
                "hops": 1,
            }
            await house.append(await house.started(**what), status="failed", reason="step_failed")
            wanted = Rerun(run="run_b", of="run_a", from_step="deploy", by="anna", log_time=house.now)
            assert (await house.commit(reruns=(wanted,))).runs == {"run_b": "queued"}
            run, old = await house.store.run("run_b"), await house.store.run("run_a")
            assert (run.number, run.rerun_of, run.from_step, run.by) == (2, "run_a", "deploy", "anna")
            same = ("workflow", "definition", "trigger", "key", "events", "inputs", "facts", "group", "chain", "hops")
            assert [getattr(run, field) for field in same] == [getattr(old, field) for field in same]
            assert await house.store.run_events("run_b") == [event(1)]
            assert (await house.commit(reruns=(wanted,))).runs == {"run_b": "duplicate"}

    async def test_a_rerun_of_what_never_was_is_late(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            done = await house.commit(reruns=(Rerun(run="run_b", of="run_never", log_time=T0),))
            assert (done.runs, done.late) == ({}, 1)

    async def test_a_rerun_goes_through_admission(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            await house.started(concurrency=SINGLE)
            done = await house.commit(reruns=(Rerun(run="run_b", of="run_a", log_time=T0),))
            assert done.runs == {"run_b": "suppressed"}

    async def _resume(self, house: House, run: str) -> None:
        order = Delivery(kind="resume", identity=f"resume/{run}", log_time=T0, run=run)
        await house.commit(deliveries=(order,))
        claim = (await house.claim())[run]
        await house.append(claim, status="queued", inbox_seen=claim.inbox[-1].id, release=True)
