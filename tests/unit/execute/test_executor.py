"""The executor over the real store: runs side by side, bad actions, secrets, leases, cancel, drain, restarts."""

import asyncio
import base64
import contextlib
from urllib.parse import quote

import pytest

from eventflow import ports
from eventflow.errors import ActionError, StorageFull, StorageLost
from eventflow.execute.live import Live
from eventflow.model.commit import Delivery
from eventflow.model.journal import Ended, Tried, Waited
from tests.unit.execute.house import (
    House,
    Tool,
    cancels_itself,
    exits,
    for_ever,
    raises,
    refuses,
)

ONE = "steps: [{name: a, uses: t.a}]"
THREE = "steps: [{name: a, uses: t.a}, {name: b, uses: t.a}, {name: c, uses: t.a}]"


async def test_many_runs_end_and_each_step_is_called_once(tmp_path):
    async with House(tmp_path, a={"ok": True}) as house:
        await house.know(THREE)
        house.start()
        runs = await house.fire(60, group="g")
        ended = [await house.until(run) for run in runs]
        assert {run.status for run in ended} == {"succeeded"}
        keys = [attempt.idempotency_key for attempt in house.tools["t.a"].attempts]
        assert sorted(keys) == sorted(f"{run}/{step}/1" for run in runs for step in "abc")
        assert house.tools["t.a"].opened == 1
    assert house.tools["t.a"].closed == 1


@pytest.mark.parametrize(
    ("do", "code", "says"),
    [
        (raises, "error", "t.a raised RuntimeError: surprise"),
        (exits, "error", "t.a raised SystemExit"),
        (cancels_itself, "error", "t.a was cancelled from within"),
        (refuses, "404", "no"),
        ([1, 2], "bad-output", "t.a returned a list"),
        ({"x": object()}, "bad-output", "t.a returned what is no JSON"),
        ({"x": float("nan")}, "bad-output", "t.a returned what is no JSON"),
        (None, "bad-output", "t.a returned a NoneType"),
    ],
)
async def test_a_bad_action_fails_its_step_by_name_and_nothing_else(tmp_path, do, code, says):
    async with House(tmp_path, a=do, good={}) as house:
        await house.know(ONE)
        house.start()
        [bad] = await house.fire()
        assert (await house.until(bad)).status == "failed"
        [ended] = [entry for entry in await house.journal(bad) if isinstance(entry, Ended)]
        assert ended.error.code == code
        assert says in ended.error.message
        await house.know(ONE.replace("t.a", "t.good"))
        [good] = await house.fire()
        assert (await house.until(good)).status == "succeeded"
        assert not house.running.done()


async def test_an_action_that_hangs_times_out(tmp_path):
    async with House(tmp_path, a=for_ever) as house:
        await house.know("steps: [{name: a, uses: t.a, timeout: 50ms, retry: {max_attempts: 1}}]")
        house.start()
        [run] = await house.fire()
        assert (await house.until(run)).status == "failed"
        assert house.tools["t.a"].cancelled == 1
        assert (await house.journal(run))[2].status == "timeout"


async def test_an_action_that_swallows_its_cancel_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("eventflow.execute.live.GRACE", 0.05)
    gate = asyncio.Event()

    async def swallows_cancel(*_):
        while not gate.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await gate.wait()
        return {"too": "late"}

    async with House(tmp_path, a=swallows_cancel) as house:
        await house.know("steps: [{name: a, uses: t.a, timeout: 50ms, retry: {max_attempts: 1}}]")
        house.start()
        [run] = await house.fire()
        assert (await house.until(run)).status == "failed"
        written = await house.journal(run)
        assert "does not end" in written[2].error.message
        gate.set()
        await house.once(lambda: not len(house.executor.calls._tasks))
        assert await house.journal(run) == written


@pytest.mark.parametrize(
    ("step", "code"),
    [
        ("uses: t.none", "unknown-action"),
        ("uses: t.a, with: {x: text}", "inputs"),
        ("uses: t.a, with: {x: '${{ secrets.none }}'}", "secrets"),
        ("uses: t.a, with: {x: '${{ secrets }}'}", "secrets"),
    ],
)
async def test_what_cannot_be_called(tmp_path, step, code):
    async with House(tmp_path, a={}) as house:
        await house.know(f"steps: [{{name: a, {step}}}]")
        house.start()
        [run] = await house.fire()
        await house.until(run)
        assert (await house.journal(run))[-1].error.code == code
        assert house.tools["t.a"].attempts == []


async def test_secrets_reach_the_action_and_come_back_masked_in_every_form(tmp_path):
    secret = "h+sh/7?é"
    forms = [secret, quote(secret), f"x{secret}y"]
    forms += [base64.b64encode(f"{user}:{secret}".encode()).decode() for user in ("", "a", "ab", "abc")]
    echo = Tool(lambda inputs, attempt: {"all": forms, secret: attempt.env["T"], "len": len(inputs.t)})

    def fails(*_):
        raise RuntimeError(f"with {secret}")

    async with House(tmp_path, a=echo, b=fails) as house:
        house.secrets["token"] = secret
        await house.know(
            "steps: [{name: a, uses: t.a, with: {t: 'Bearer ${{ secrets.token }}'}, env: {T: '${{ secrets.token }}'}}, "
            "{name: b, uses: t.b, with: {t: '${{ secrets.token }}'}}]"
        )
        house.start()
        [run] = await house.fire()
        await house.until(run)
        assert echo.inputs[0].t == f"Bearer {secret}"
        assert echo.attempts[0].env == {"T": secret}
        written = "".join(line.data.decode() for line in await house.store.read(run))
        assert "***" in written
        for form in forms:
            assert form not in written
            assert form[-9:-3] not in written


async def test_a_cancel_reaches_a_run_in_hand(tmp_path):
    async with House(tmp_path, a=for_ever) as house:
        await house.know(ONE)
        house.start()
        [run] = await house.fire()
        await house.once(lambda: house.tools["t.a"].attempts)
        await house.tell(run, "cancel", by="ann")
        ended = await house.until(run)
        assert (ended.status, ended.reason) == ("cancelled", "by_person")
        await house.once(lambda: house.tools["t.a"].cancelled)


async def test_news_of_others_do_not_wake_every_run_in_hand_each_time(tmp_path):
    asked = []

    def now():
        asked.append(1)
        return ports.wall()

    async with House(tmp_path, a=for_ever) as house:
        await house.know("concurrency: {max: 20}\n" + ONE)
        house.start(now=now)
        runs = await house.fire(20)
        await house.once(lambda: len(house.tools["t.a"].attempts) == 20)
        asked.clear()
        for _ in range(100):
            house.executor.wake()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        assert len(asked) < 1000  # every run asks the time when it is woken
        payload = {"by": "", "comment": "", "mode": "", "reason": "by_event"}
        told = Delivery(kind="cancel", identity="all", log_time=ports.wall(), workflow="test/one", payload=payload)
        await house.commit(deliveries=(told,))
        for run in runs:
            assert (await house.until(run)).status == "cancelled"


async def test_restart_breaks_off_the_older_run(tmp_path):
    async with House(tmp_path, a=lambda i, a: for_ever() if a.run == "run_1" else {}) as house:
        await house.know("concurrency: {mode: restart}\n" + ONE)
        house.start()
        [old] = await house.fire()
        await house.once(lambda: house.tools["t.a"].attempts)
        [new] = await house.fire()
        assert (await house.until(old)).reason == "superseded"
        assert (await house.until(new)).status == "succeeded"


async def test_a_group_of_one_runs_one_after_the_other(tmp_path):
    at_once = []
    high = []

    async def busy(*_):
        at_once.append(1)
        high.append(len(at_once))
        await asyncio.sleep(0.01)
        at_once.pop()
        return {}

    async with House(tmp_path, a=busy) as house:
        await house.know("concurrency: {mode: queued}\n" + ONE)
        house.start()
        runs = await house.fire(6)
        for run in runs:
            assert (await house.until(run)).status == "succeeded"
        assert max(high) == 1


async def test_pause_and_resume(tmp_path):
    gate = asyncio.Event()

    async def wait(*_):
        await gate.wait()
        return {}

    async with House(tmp_path, a=wait) as house:
        await house.know(THREE)
        house.start()
        [run] = await house.fire()
        await house.once(lambda: house.tools["t.a"].attempts)
        await house.tell(run, "pause", by="ann")
        gate.set()
        await house.until(run, "paused")
        assert len(house.tools["t.a"].attempts) == 1
        await house.tell(run, "resume", by="ann")
        assert (await house.until(run)).status == "succeeded"
        assert len(house.tools["t.a"].attempts) == 3


HUMAN = """
steps:
  - name: d
    type: decision
    timeout: TIMEOUT
    config: {by: human, cases: [{name: 'yes'}, {name: 'no', then: fail}], default: 'no'}
"""


async def test_an_answer_and_a_timeout(tmp_path):
    async with House(tmp_path) as house:
        await house.know(HUMAN.replace("TIMEOUT", "1h"))
        house.start()
        [run] = await house.fire()
        await house.until(run, "waiting")
        assert [question.run for question in await house.store.questions(10)] == [run]
        await house.tell(run, "answer", case="yes", path="d", visit=1, by="ann")
        assert (await house.until(run)).status == "succeeded"
        await house.know(HUMAN.replace("TIMEOUT", "30ms"))
        house.frontier_at = 0
        [late] = await house.fire()
        await house.until(late, "running", "waiting")
        await asyncio.sleep(0.1)
        assert (await house.store.run(late)).ended is None
        house.frontier_at = None
        house.executor._frontier = None
        assert (await house.until(late)).reason == "by_target"


async def test_without_a_frontier_the_store_is_asked_and_every_partition_counts(tmp_path):
    async with House(tmp_path, a={}) as house:
        await house.know("steps: [{name: w, uses: wait.event, with: {event: x, timeout: 10ms}}]")
        now, halted = [ports.wall()], []
        house.start(frontier=None, partitions=2, halted=lambda: halted, now=lambda: now[0])
        [run] = await house.fire()
        await house.until(run, "running", "waiting")
        now[0] += 3 * 60 * ports.SECOND
        halted += [1, -1, 0]
        house.executor.wake()
        await asyncio.sleep(0.1)
        assert (await house.store.run(run)).ended is None
        now[0] += 3 * 60 * ports.SECOND
        house.executor.wake()
        await house.until(run)
        [ended] = [one for one in await house.journal(run) if isinstance(one, Ended)]
        assert (ended.status, ended.unread) == ("timeout", [-1, 0, 1])


async def test_a_sub_workflow_with_a_failure_and_a_retry(tmp_path):
    from tests.unit.execute.play import workflow

    answers = [RuntimeError("first"), {"v": 9}]

    def once_bad(*_):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async with House(tmp_path, a=once_bad) as house:
        child = workflow("steps: [{name: x, uses: t.a}]\noutputs: {v: '${{ steps.x.outputs.v }}'}", id="test/child")
        await house.know(
            child,
            "steps: [{name: s, uses: workflow.run, with: {workflow: test/child}, "
            "retry: {max_attempts: 2, backoff: none}}]\noutputs: {got: '${{ steps.s.outputs.v }}'}",
        )
        house.start()
        [run] = await house.fire()
        ended = await house.until(run)
        assert (ended.status, ended.outputs) == ("succeeded", {"got": 9})
        children = [one for one in await house.store.runs(10) if one.workflow == "test/child"]
        assert sorted(one.status for one in children) == ["failed", "succeeded"]
        assert {one.parent.attempt for one in children} == {1, 2}


async def test_a_run_that_left_our_hands_to_wait_is_taken_again_when_its_time_has_come(tmp_path, monkeypatch):
    monkeypatch.setattr("eventflow.execute.hand.HOLD", 0)  # waits of any length leave the hands
    monkeypatch.setattr("eventflow.execute.executor.POLL", 3600.0)  # nobody comes by chance

    async def fails_at_first(_, attempt):
        await asyncio.sleep(0.05)  # by now the executor rests
        if attempt.number == 1:
            raise ActionError("not yet", code="503", retryable=True)
        return {}

    async with House(tmp_path, a=fails_at_first) as house:
        await house.know("steps: [{name: a, uses: t.a, retry: {backoff: fixed, initial: 100ms, jitter: false}}]")
        house.start()
        [run] = await house.fire()
        assert (await house.until(run)).status == "succeeded"


async def test_an_executor_that_comes_back_repeats_what_was_under_way_with_the_same_key(tmp_path):
    async with House(tmp_path, a=for_ever) as house:
        await house.know(ONE)
        house.start()
        [run] = await house.fire()
        await house.once(lambda: house.tools["t.a"].attempts)
        await house.stop()
        house.tools["t.a"].do = {}
        house.start()
        assert (await house.until(run)).status == "succeeded"
        first, second = house.tools["t.a"].attempts
        assert first.idempotency_key == second.idempotency_key
        tried = [(entry.n, entry.rep) for entry in await house.journal(run) if isinstance(entry, Tried)]
        assert tried == [(1, 0), (1, 1)]


async def test_another_worker_takes_over_when_the_lease_is_over_and_the_first_lets_go(tmp_path):
    gate = asyncio.Event()

    async def first_waits(inputs, attempt):
        if len(house.tools["t.a"].attempts) == 1:
            await gate.wait()
        return {"by": len(house.tools["t.a"].attempts)}

    async with House(tmp_path, a=first_waits) as house:
        await house.know(ONE)
        first = house.start(lease=10 * ports.SECOND)
        failed = []
        first._tasks._on_failure = lambda *what: failed.append(what)
        [run] = await house.fire()
        await house.once(lambda: house.tools["t.a"].attempts)
        second = house.start(worker="w2", now=lambda: ports.wall() + 11 * ports.SECOND)
        assert (await house.until(run)).status == "succeeded"
        written = await house.journal(run)
        gate.set()
        await house.once(lambda: not first.in_hand)
        assert await house.journal(run) == written
        assert [entry.outputs for entry in written if isinstance(entry, Ended)] == [{"by": 2}]
        await first.close()
        assert not second.in_hand
        assert failed == []


async def test_a_run_whose_lease_is_lost_is_dropped_and_its_call_broken_off(tmp_path):
    async with House(tmp_path, a=for_ever) as house:
        await house.know(ONE)
        house.start(lease=ports.SECOND // 10)
        [run] = await house.fire()
        await house.once(lambda: house.tools["t.a"].attempts)
        house.store.renew = lambda leases, until: asyncio.sleep(0, list(leases))
        await house.once(lambda: house.tools["t.a"].cancelled)
        assert (await house.store.run(run)).ended is None


def before_the_first(house, wanted, tell):
    """Let something reach the run just before the first append that `wanted` picks is written."""
    whole, told = house.store.append, []

    async def append(lease, what):
        if wanted(what) and not told:
            told.append(lease.run)
            await tell(lease.run)
        return await whole(lease, what)

    house.store.append = append
    return told


async def test_a_cancel_that_comes_before_the_end_is_written_wins(tmp_path):
    async with House(tmp_path, a={}) as house:
        await house.know(ONE)
        told = before_the_first(house, lambda what: what.status == "succeeded", lambda run: house.tell(run, "cancel"))
        house.start()
        [run] = await house.fire()
        assert (await house.until(run)).status == "cancelled"
        assert told == [run]
        assert len(house.tools["t.a"].attempts) == 1


async def test_an_answer_that_comes_before_the_timeout_is_written_wins(tmp_path):
    async with House(tmp_path, a={}) as house:
        more = "  - {name: z, uses: t.a, if: steps.d.by == 'timeout'}"
        await house.know(HUMAN.replace("TIMEOUT", "20ms").replace(", then: fail", "") + more)

        async def answer(run):
            [entry] = [one for one in await house.journal(run) if isinstance(one, Waited)]
            item = {"case": "yes", "path": "d", "visit": 1, "by": "ann"}
            await house.tell(run, "answer", at=entry.deadline, **item)

        told = before_the_first(house, lambda what: b'"by":"timeout"' in b"".join(what.entries), answer)
        house.start()
        [run] = await house.fire()
        await house.until(run)
        assert told == [run]
        [decided] = [one for one in await house.journal(run) if isinstance(one, Ended) and one.path == "d"]
        assert (decided.case, decided.who) == ("yes", ["ann"])
        assert house.tools["t.a"].attempts == []


async def test_drain_lets_calls_end_and_begins_nothing(tmp_path):
    gate = asyncio.Event()

    async def wait(*_):
        await gate.wait()
        return {}

    async with House(tmp_path, a=wait) as house:
        await house.know(THREE)
        house.start()
        [run] = await house.fire()
        await house.once(lambda: house.tools["t.a"].attempts)
        draining = house.tasks.spawn(house.executor.drain(5), "drain")
        await asyncio.sleep(0.05)
        gate.set()
        await draining
        assert len(house.tools["t.a"].attempts) == 1
        entries = await house.journal(run)
        assert isinstance(entries[-1], Ended)
        assert (await house.store.run(run)).ended is None
        await house.stop()
        house.start()
        assert (await house.until(run)).status == "succeeded"
        assert [attempt.step for attempt in house.tools["t.a"].attempts] == ["a", "b", "c"]


async def test_drain_breaks_off_what_does_not_end(tmp_path):
    async with House(tmp_path, a=for_ever) as house:
        await house.know(ONE)
        house.start()
        [run] = await house.fire()
        await house.once(lambda: house.tools["t.a"].attempts)
        await house.executor.drain(0.05)
        assert house.tools["t.a"].cancelled == 1
        await house.running
        house.tools["t.a"].do = {}
        house.start(worker="w3")
        assert (await house.until(run)).status == "succeeded"


async def test_a_full_disk_is_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr("eventflow.execute.hand.PATIENCE", (0.01,))
    async with House(tmp_path, a={}) as house:
        await house.know(THREE)
        whole, full = house.store.append, [5]

        async def append(lease, what):
            if full[0]:
                full[0] -= 1
                raise StorageFull
            return await whole(lease, what)

        house.store.append = append
        house.start()
        [run] = await house.fire()
        assert (await house.until(run)).status == "succeeded"
        assert len(house.tools["t.a"].attempts) == 3


async def test_a_lost_store_ends_the_executor(tmp_path):
    async with House(tmp_path, a={}) as house:
        await house.know(ONE)

        async def append(lease, what):
            raise StorageLost

        house.store.append = append
        house.start()
        await house.fire()
        with pytest.raises(StorageLost):
            await house.running


async def test_a_definition_from_a_newer_version_ends_the_run(tmp_path):
    async with House(tmp_path, a={}) as house:
        await house.know(ONE)
        whole = house.store.claim

        async def claim(*given):
            from msgspec.structs import replace

            return [replace(one, definition=b'{"id": 7}') for one in await whole(*given)]

        house.store.claim = claim
        house.start()
        [run] = await house.fire()
        assert (await house.until(run)).reason == "definition"


async def test_a_slow_destination_does_not_take_the_place_of_others(tmp_path):
    async with House(tmp_path, slow=for_ever, quick={}) as house:
        await house.know("concurrency: {max: 1000}\nsteps: [{name: a, uses: t.slow}]")
        house.start(per_destination=4)
        await house.fire(20)
        await house.once(lambda: len(house.tools["t.slow"].attempts) == 4)
        await house.know("steps: [{name: a, uses: t.quick}]")
        [run] = await house.fire(group="other")
        assert (await house.until(run)).status == "succeeded"
        assert len(house.tools["t.slow"].attempts) == 4


def test_a_call_hands_over_once():
    class Call:
        uses, path, timeout, id = "t.a", "a", 1000, ("a", 1, 1, 0)

    got = []
    live = Live(Call, got.append)
    live._give("first")
    live._abandon()
    assert got == ["first"]
