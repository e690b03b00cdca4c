"""What every action must hold: inherit `ActionContract` and say what a good, a bad and a long call are.

    class TestMine(ActionContract):
        def action(self, place):
            return Mine(ActionContext(directory=place))

        def good(self):
            return {"to": "somebody"}

Needs pytest and pytest-asyncio in mode `auto`.
"""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

import pytest
from pydantic import BaseModel, ValidationError

from eventflow import ports
from eventflow.errors import ActionError
from eventflow.plugin.action import Action, Attempt

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
    from pathlib import Path

NAME = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
NONSENSE: Final[tuple[Any, ...]] = (
    "",
    " ",
    "\0",
    "a\r\nb: c",
    "\ud800",
    "é" * 64,
    "../../x",
    "0" * 10_000,
    None,
    -1,
    2**70,
    [],
    {"a": [None]},
)
"""What an event may bring into any input."""
OF_THE_CALL: Final = ContextVar("of_the_call", default=False)
PATIENCE = 10.0
"""Seconds after which a cancelled call counts as one that cannot be cancelled."""


def attempt(number: int = 1, visit: int = 1) -> Attempt:
    """A try of one step."""
    key = f"run_contract/step/{visit}"
    return Attempt(run="run_contract", workflow="w", step="step", visit=visit, number=number, idempotency_key=key)


class ActionContract:
    """The obligations of `eventflow.plugin.action.Action`, as tests."""

    def action(self, place: Path) -> Action:
        """An action, not yet open; `place` is an empty folder."""
        raise NotImplementedError

    def good(self) -> dict[str, Any]:
        """What `with` holds for a call that works. Give every input that takes text or values, if you can."""
        raise NotImplementedError

    def bad(self) -> Sequence[Mapping[str, Any]]:
        """Inputs of the right shape which the action has to refuse, or whose call fails."""
        return ()

    def long(self) -> dict[str, Any] | None:
        """Inputs of a call that does not end by itself; None for an action that never waits."""
        return None

    async def begun(self) -> None:
        """Return when the call with the inputs of `long` is under way outside."""

    @asynccontextmanager
    async def opened(self, place: Path) -> AsyncIterator[Action]:
        """The action between `open` and `close`."""
        action = self.action(place)
        await action.open()
        try:
            yield action
        finally:
            await action.close()

    # --- what it says of itself --------------------------------------------------------------------------------------

    def test_it_has_a_name_of_two_words(self, tmp_path: Path) -> None:
        """`plugin.verb`."""
        assert NAME.fullmatch(self.action(tmp_path).name)

    def test_it_says_whether_a_try_may_be_repeated(self, tmp_path: Path) -> None:
        """There is no default: nobody can know for you."""
        assert type(self.action(tmp_path).idempotent) is bool

    def test_inputs_have_a_schema_and_refuse_what_they_do_not_know(self, tmp_path: Path) -> None:
        """A misspelt key is an error and not a default."""
        model = self.action(tmp_path).Inputs
        assert issubclass(model, BaseModel)
        assert json.dumps(model.model_json_schema())
        model.model_validate(self.good())
        with pytest.raises(ValidationError, match="no_such_input"):
            model.model_validate(self.good() | {"no_such_input": 1})

    # --- what it does ------------------------------------------------------------------------------------------------

    async def test_outputs_are_a_json_object(self, tmp_path: Path) -> None:
        """Every later expression sees them, and the journal keeps them."""
        async with self.opened(tmp_path) as action:
            self._json_object(await self._run(action, self.good()))

    async def test_calls_at_once_do_not_disturb_each_other(self, tmp_path: Path) -> None:
        """There is one object for all runs."""
        async with self.opened(tmp_path) as action:
            model = action.Inputs
            calls = [action.run(model.model_validate(self.good()), attempt(visit=visit)) for visit in range(1, 6)]
            for outputs in await asyncio.gather(*calls):
                self._json_object(outputs)

    async def test_what_cannot_work_is_an_action_error(self, tmp_path: Path) -> None:
        """With words for a person and a code for `retry_on`."""
        async with self.opened(tmp_path) as action:
            for with_ in self.bad():
                with pytest.raises(ActionError) as caught:
                    await self._run(action, with_)
                assert str(caught.value)
                assert caught.value.code

    async def test_nonsense_in_any_input_is_refused_or_done(self, tmp_path: Path) -> None:
        """Whatever an event brings along: a refused input, an `ActionError`, or outputs. Nothing else is raised."""
        async with self.opened(tmp_path) as action:
            for with_ in _spoilt(self.good()):
                try:
                    outputs = await self._run(action, with_)
                except (ValidationError, ActionError):
                    continue
                self._json_object(outputs)

    # --- how it ends -------------------------------------------------------------------------------------------------

    async def test_it_can_be_opened_and_closed_without_a_call(self, tmp_path: Path) -> None:
        """As in a process that is told to stop at once."""
        async with self.opened(tmp_path):
            pass

    async def test_a_cancelled_call_ends_and_leaves_no_task(self, tmp_path: Path) -> None:
        """A timeout, a cancel and a drain cancel the task; the next call finds all in order."""
        inputs = self.long()
        if inputs is None:
            return
        async with self.opened(tmp_path) as action:
            with _tasks_of_the_call() as started:
                call = ports.Tasks().spawn(self._run(action, inputs), "call")
            await asyncio.wait_for(self.begun(), PATIENCE)
            assert not call.done(), "the long call has ended by itself"
            call.cancel()
            done, _ = await asyncio.wait([call], timeout=PATIENCE)
            assert done, "the call goes on although it was cancelled"
            assert call.cancelled(), "the cancel was swallowed"
            assert [task for task in started if not task.done()] == []
            self._json_object(await self._run(action, self.good()))

    # --- inside ------------------------------------------------------------------------------------------------------

    async def _run(self, action: Action, with_: Mapping[str, Any]) -> Any:
        """As the executor does it: validate, then run."""
        return await action.run(action.Inputs.model_validate(with_), attempt())

    def _json_object(self, outputs: Any) -> None:
        assert type(outputs) is dict
        assert json.loads(json.dumps(outputs, allow_nan=False)) == outputs


@contextmanager
def _tasks_of_the_call() -> Iterator[list[asyncio.Task[Any]]]:
    """The tasks that come of those started in the block: a server of the test in the same loop has others."""
    mine: list[asyncio.Task[Any]] = []
    loop = asyncio.get_running_loop()

    def make(loop: asyncio.AbstractEventLoop, work: Any, **named: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, **named)
        if OF_THE_CALL.get():
            mine.append(task)
        return task

    loop.set_task_factory(make)
    token = OF_THE_CALL.set(True)
    try:
        yield mine
    finally:
        OF_THE_CALL.reset(token)


def _spoilt(value: Any) -> Iterator[Any]:
    """`value` with nonsense in one of its places, for each place and each kind of nonsense."""
    if isinstance(value, dict):
        for name, inner in value.items():
            for other in _spoilt(inner):
                yield {**value, name: other}
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            for other in _spoilt(inner):
                yield [*value[:place], other, *value[place + 1 :]]
    else:
        yield from NONSENSE
