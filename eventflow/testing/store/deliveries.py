"""What reaches runs, in the store contract: deliveries, arrivals, waits, late answers (W20, W21)."""
# ruff: noqa: D102 - a test's name is its sentence

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from eventflow.errors import NotFound
from eventflow.model.commit import Arrival, Delivery
from eventflow.model.run import Wait
from eventflow.testing.store.house import DAY, OTHER, QUEUED, SECOND, T0, WORKFLOW, StoreSuite, event, firing

if TYPE_CHECKING:
    from pathlib import Path


def delivery(identity: str, **different: Any) -> Delivery:
    """A cancel for run_a; everything can be said differently."""
    plain: dict[str, Any] = {"kind": "cancel", "identity": identity, "log_time": T0, "run": "run_a"}
    return Delivery(**(plain | different))


def arrival(offset: int, **different: Any) -> Arrival:
    """An event that the step `wait` of the workflow may take."""
    copy = event(offset)
    plain: dict[str, Any] = {
        "definition": WORKFLOW.hash, "selector": "wait", "key": "k", "ref": copy.ref, "log_time": copy.log_time,
        "data": copy.data,
    }  # fmt: skip
    return Arrival(**(plain | different))


def wait(**different: Any) -> Wait:
    """A wait for such an event."""
    plain: dict[str, Any] = {"path": "wait", "visit": 1, "kind": "event", "selector": "wait", "key": "k"}
    return Wait(**(plain | different))


class DeliveryTests(StoreSuite):
    """Inboxes and waits."""

    async def test_a_delivery_wakes_its_run(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            for status in ("waiting", "paused"):
                run = f"run_{status}"
                await house.append(await house.started(run), status=status, release=True)
                assert await house.claim() == {}
                done = await house.commit(deliveries=(delivery(run, run=run, payload={"by": "anna"}),))
                assert done.late == 0
                claim = (await house.claim())[run]
                [item] = claim.inbox
                assert (item.kind, item.log_time, item.payload) == ("cancel", T0, {"by": "anna"})
                assert claim.admitted
                await house.append(claim, inbox_seen=item.id, release=True)
                assert await house.claim() == {}, "it is read"

    async def test_a_queued_run_without_room_is_handed_over_for_its_inbox_only(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            first = await house.started("run_first", concurrency=QUEUED)
            await house.fire(firing("run_a", concurrency=QUEUED), firing("run_b", concurrency=QUEUED))
            await house.commit(deliveries=(delivery("c", run="run_b"),))
            claims = await house.claim()
            assert [(run, claim.admitted, claim.run.status) for run, claim in claims.items()] == [
                ("run_b", False, "queued")
            ]
            await house.append(
                claims["run_b"], status="cancelled", reason="by_person", inbox_seen=claims["run_b"].inbox[0].id
            )
            await house.append(first, status="succeeded")
            assert list(await house.claim()) == ["run_a"]

    async def test_a_queued_run_with_room_starts_and_has_its_inbox(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            await house.fire(firing("run_a", concurrency=QUEUED))
            await house.commit(deliveries=(delivery("c"),))
            claim = (await house.claim())["run_a"]
            assert (claim.admitted, claim.run.status, len(claim.inbox)) == (True, "running", 1)

    async def test_a_queued_run_in_hand_for_its_inbox_does_not_lose_its_turn(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            first = await house.started("run_first", concurrency=QUEUED)
            await house.fire(firing("run_a", concurrency=QUEUED), firing("run_b", concurrency=QUEUED))
            await house.commit(deliveries=(delivery("s", kind="signal"),))
            held = (await house.claim())["run_a"]
            await house.append(first, status="succeeded")
            assert await house.claim(worker="bert") == {}, "nobody overtakes"
            await house.append(held, inbox_seen=held.inbox[0].id, release=True)
            assert list(await house.claim(worker="bert")) == ["run_a"]

    async def test_an_identity_is_delivered_once_to_each_run(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            await house.fire(firing("run_a"), firing("run_b"))
            await house.commit(deliveries=(delivery("c"), delivery("c"), delivery("c", run="run_b")))
            await house.commit(deliveries=(delivery("c"), delivery("d")))
            assert len(await house.store.inbox("run_a")) == 2
            assert len(await house.store.inbox("run_b")) == 1

    async def test_ids_of_items_grow(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            await house.fire(firing("run_a"))
            await house.commit(deliveries=tuple(delivery(str(n)) for n in range(5)))
            ids = [item.id for item in await house.store.inbox("run_a")]
            assert ids == sorted(set(ids))
            assert ids[0] > 0

    async def test_a_workflow_means_all_its_open_runs(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            over = await house.started("run_over")
            await house.append(over, status="succeeded")
            await house.fire(
                firing("run_a"), firing("run_b", shadow=True),
                firing("run_o", workflow=OTHER.id, definition=OTHER.hash, group="o"),
            )  # fmt: skip
            await house.append(await house.started("run_p"), status="paused")
            done = await house.commit(deliveries=(delivery("c", run="", workflow=WORKFLOW.id),))
            assert done.late == 0
            got = {run.id: len(await house.store.inbox(run.id)) for run in await house.store.runs(10)}
            assert got == {"run_over": 0, "run_a": 1, "run_b": 0, "run_o": 0, "run_p": 1}

    async def test_what_comes_too_late_is_kept_and_counted(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            await house.append(await house.started(), status="succeeded")
            late = (delivery("x"), delivery("y", run="run_never", kind="answer"))
            assert (await house.commit(deliveries=late)).late == 2
            assert [item.kind for item in await house.store.inbox("run_a")] == ["cancel"]
            assert [item.kind for item in await house.store.inbox("run_never")] == ["answer"]
            assert (await house.commit(deliveries=late)).late == 0, "said again is not late twice"
            assert await house.claim() == {}

    async def test_what_came_before_its_run_is_late_for_good(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            await house.commit(deliveries=(delivery("x"),))
            assert (await house.started()).inbox == ()

    async def test_an_arrival_reaches_a_wait_that_is_open(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            claim = await house.started()
            await house.append(claim, status="waiting", waits=(wait(visit=3),), release=True)
            await house.commit(arrivals=(arrival(7), arrival(8, key="other"), arrival(9, selector="other")))
            woken = (await house.claim())["run_a"]
            [item] = woken.inbox
            assert (item.kind, item.log_time) == ("arrival", T0 + 7)
            assert item.payload["event"] == msgspec.json.decode(event(7).data)
            assert item.payload["wait"] == {"path": "wait", "visit": 3}
            assert item.payload["ref"] == {"partition": 0, "offset": 7}
            assert item.payload["arrival"] > 0

    async def test_a_wait_reads_the_arrivals_that_came_before_it(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            claim = await house.started()
            await house.commit(arrivals=tuple(arrival(n) for n in range(4)))
            told = await house.append(claim, waits=(wait(since=T0 + 1),))
            assert [item.payload["ref"]["offset"] for item in told.inbox] == [1, 2, 3]
            used = told.inbox[1].payload["arrival"]
            told = await house.append(
                claim, withdraw=(("wait", 1),), waits=(wait(visit=2, after=used),), inbox_seen=told.inbox[-1].id
            )
            assert [item.payload["ref"]["offset"] for item in told.inbox] == [3]

    @pytest.mark.parametrize(
        ("different", "reached"),
        [
            ({}, True), ({"key": None}, False), ({"key": "other"}, False), ({"selector": "other"}, False),
            ({"definition": OTHER.hash}, False),
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("first", ["arrival", "wait"])
    async def test_definition_selector_and_key_must_all_be_the_same(
        self, tmp_path: Path, different: dict[str, Any], *, reached: bool, first: str
    ) -> None:
        async with self.house(tmp_path) as house:
            claim = await house.started()
            if first == "arrival":
                await house.commit(arrivals=(arrival(1, **different),))
            await house.append(claim, waits=(wait(),))
            if first == "wait":
                await house.commit(arrivals=(arrival(1, **different),))
            assert bool(await house.store.inbox("run_a")) == reached

    async def test_a_wait_without_a_key_takes_arrivals_without_one(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            claim = await house.started()
            await house.commit(arrivals=(arrival(1, key=None), arrival(2)))
            told = await house.append(claim, waits=(wait(key=None),))
            assert [item.payload["ref"]["offset"] for item in told.inbox] == [1]

    async def test_what_was_logged_before_since_is_not_for_the_wait(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            claim = await house.started()
            await house.append(claim, waits=(wait(since=T0 + 5),))
            await house.commit(arrivals=(arrival(4), arrival(5)))
            assert [item.payload["ref"]["offset"] for item in await house.store.inbox("run_a")] == [5]

    async def test_a_wait_that_is_over_takes_nothing(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            claim = await house.started()
            await house.append(claim, waits=(wait(), wait(path="second")))
            await house.append(claim, withdraw=(("wait", 1),))
            await house.commit(arrivals=(arrival(1),))
            assert [item.payload["wait"]["path"] for item in await house.store.inbox("run_a")] == ["second"]
            await house.append(claim, status="succeeded")
            await house.commit(arrivals=(arrival(2),))
            assert len(await house.store.inbox("run_a")) == 1

    async def test_several_runs_may_take_one_arrival(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            for run in ("run_a", "run_b"):
                await house.append(await house.started(run), waits=(wait(),))
            await house.commit(arrivals=(arrival(1),))
            assert [len(await house.store.inbox(run)) for run in ("run_a", "run_b")] == [1, 1]

    async def test_an_arrival_is_kept_as_long_as_somebody_may_need_it(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            claim = await house.started(events=(event(1),))
            await house.commit(arrivals=(arrival(5),))
            house.now += 30 * DAY
            await house.commit()
            await house.store.prune(T0, house.now)
            told = await house.append(claim, waits=(wait(),))
            assert len(told.inbox) == 1, "the run's own event is older"
            await house.append(claim, status="succeeded")
            await house.store.prune(T0, house.now)
            late = await house.started("run_late", events=(event(2),))
            assert (await house.append(late, waits=(wait(),))).inbox == ()

    async def test_an_arrival_is_kept_until_every_partition_has_read_past_it(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            await house.store.commit(house.commit_of(partition=1, follows="", id="slow", log_time=T0))
            await house.commit(arrivals=(arrival(5),))
            house.now += 30 * DAY
            await house.commit()
            await house.store.prune(T0, house.now)
            claim = await house.started(events=(event(1, partition=1),))
            assert len((await house.append(claim, waits=(wait(),))).inbox) == 1

    async def test_questions_are_listed_until_they_are_answered(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            asked = Wait(path="ask", visit=1, kind="answer", deadline=T0 + DAY, show={"title": "Deploy?"})
            claims = [await house.started(f"run_{n}") for n in range(3)]
            for claim in claims:
                await house.append(claim, waits=(asked, wait()))
            found = await house.store.questions(10)
            assert [(one.run, one.workflow, one.wait) for one in found] == [
                (f"run_{n}", WORKFLOW.id, asked) for n in range(3)
            ]
            assert [one.run for one in await house.store.questions(1)] == ["run_0"]
            assert [one.run for one in await house.store.questions(1, after="run_0")] == ["run_1"]
            assert [one.run for one in await house.store.questions(9, after="run_0/ask/1")] == ["run_1", "run_2"]
            for nonsense in ("run_never", "run_0/ask/x", "run_0/ask"):
                with pytest.raises(NotFound):
                    await house.store.questions(9, after=nonsense)
            await house.append(claims[1], withdraw=(("ask", 1),))
            await house.append(claims[0], status="cancelled")
            assert [one.run for one in await house.store.questions(10)] == ["run_2"]
            assert [one.run for one in await house.store.questions(10, after="run_1")] == ["run_2"]

    async def test_signals_and_answers_carry_their_payload(self, tmp_path: Path) -> None:
        async with self.house(tmp_path) as house:
            claim = await house.started()
            payload = {"case": "yes", "path": "ask", "visit": 1, "by": "anna", "comment": "go"}
            await house.commit(deliveries=(delivery("a", kind="answer", payload=payload, log_time=T0 + SECOND),))
            [item] = (await house.append(claim)).inbox
            assert (item.kind, item.payload, item.log_time) == ("answer", payload, T0 + SECOND)
