"""The contract of actions itself: each broken promise is found by the test that names it."""

import asyncio

import pytest
from pydantic import BaseModel, ConfigDict

from eventflow.errors import ActionError
from eventflow.plugin import Action, ActionContext
from eventflow.testing import ActionContract

BACKGROUND = set()


class Good(Action):
    """Keeps every promise; those below break one each."""

    name = "test.good"
    idempotent = True

    class Inputs(BaseModel):
        model_config = ConfigDict(extra="forbid")
        text: str = ""
        wait: bool = False

    async def run(self, inputs, attempt):
        if inputs.wait:
            await asyncio.Event().wait()
        if inputs.text == "bad":
            raise ActionError("this cannot work", code="bad")
        return {"text": inputs.text}


class OneWord(Good):
    name = "good"


class DoesNotSay(Good):
    idempotent = None


class TakesAnything(Good):
    class Inputs(Good.Inputs):
        model_config = ConfigDict(extra="ignore")


class GivesAList(Good):
    async def run(self, inputs, attempt):
        return [await super().run(inputs, attempt)]


class GivesNoNumber(Good):
    async def run(self, inputs, attempt):
        return await super().run(inputs, attempt) | {"share": float("nan")}


class GivesATuple(Good):
    async def run(self, inputs, attempt):
        return await super().run(inputs, attempt) | {"pair": (1, 2)}


class RaisesWhatItLikes(Good):
    async def run(self, inputs, attempt):
        if inputs.text == "bad":
            raise ValueError("bad")
        return await super().run(inputs, attempt)


class FailsOnAnEmptyText(Good):
    async def run(self, inputs, attempt):
        return await super().run(inputs, attempt) | {"first": inputs.text[0]}


class RemembersTheCall(Good):
    async def run(self, inputs, attempt):
        self.current = attempt.visit
        await asyncio.sleep(0)
        return {"text": inputs.text} if self.current == attempt.visit else {"another": {1}}


class SwallowsTheCancel(Good):
    async def run(self, inputs, attempt):
        try:
            return await super().run(inputs, attempt)
        except asyncio.CancelledError:
            return {}


class LeavesATask(Good):
    async def run(self, inputs, attempt):
        task = asyncio.create_task(asyncio.sleep(60 if inputs.wait else 0))
        BACKGROUND.add(task)
        return await super().run(inputs, attempt)


BROKEN = [
    (OneWord, "test_it_has_a_name_of_two_words"),
    (DoesNotSay, "test_it_says_whether_a_try_may_be_repeated"),
    (TakesAnything, "test_inputs_have_a_schema_and_refuse_what_they_do_not_know"),
    (GivesAList, "test_outputs_are_a_json_object"),
    (GivesNoNumber, "test_outputs_are_a_json_object"),
    (GivesATuple, "test_outputs_are_a_json_object"),
    (RaisesWhatItLikes, "test_what_cannot_work_is_an_action_error"),
    (FailsOnAnEmptyText, "test_nonsense_in_any_input_is_refused_or_done"),
    (RemembersTheCall, "test_calls_at_once_do_not_disturb_each_other"),
    (SwallowsTheCancel, "test_a_cancelled_call_ends_and_leaves_no_task"),
    (LeavesATask, "test_a_cancelled_call_ends_and_leaves_no_task"),
]


def suite_of(broken):
    class Suite(ActionContract):
        def action(self, place):
            return broken(ActionContext(directory=place))

        def good(self):
            return {"text": "x"}

        def bad(self):
            return [{"text": "bad"}]

        def long(self):
            return {"wait": True}

        async def begun(self):
            await asyncio.sleep(0)

    return Suite


class TestGood(suite_of(Good)):
    """An honest action passes all of it."""


@pytest.mark.parametrize(("broken", "name"), BROKEN)
async def test_a_broken_promise_is_found(broken, name, tmp_path):
    async def test():
        running = getattr(suite_of(broken)(), name)(tmp_path)
        return await running if running is not None else None

    with pytest.raises((Exception, pytest.fail.Exception)) as caught:
        await test()
    assert caught.type in {AssertionError, ValueError, IndexError, TypeError, pytest.fail.Exception}
    for task in BACKGROUND:
        task.cancel()
    await asyncio.gather(*BACKGROUND, return_exceptions=True)
    BACKGROUND.clear()
