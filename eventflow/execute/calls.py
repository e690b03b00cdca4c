"""Makes one call of an action, whatever the action does: raise, hang, return nonsense, exit, refuse to be cancelled.

A call is a task of its own with a time limit from outside it. When it is over, or when it does not end even after it
was cancelled, its return is handed on; the process goes on in every case. Calls to one destination share a bounded
pool, so that a slow one does not take all there is.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import msgspec
from pydantic import ValidationError
from structlog import get_logger

from eventflow import ports
from eventflow.errors import ActionError, ComponentError, EventflowError
from eventflow.execute.live import Live, Place, Pool
from eventflow.execute.redact import Redactor
from eventflow.execute.turn import Return
from eventflow.execute.values import as_json
from eventflow.match import EvaluationError
from eventflow.model.journal import Trouble
from eventflow.plugin.action import Attempt

if TYPE_CHECKING:
    from collections.abc import Callable

    from eventflow.execute.turn import Call
    from eventflow.model.run import Run
    from eventflow.plugin.action import Action

log = get_logger("eventflow.execute")

PER_DESTINATION: Final = 64
"""Calls at once to one host, or of one action that names no host."""


class Calls:
    """Everything that calls share: the actions, the pools, the secrets."""

    def __init__(self, actions: Callable[[str], Action], secret: Callable[[str], str], per_destination: int) -> None:
        """Open nothing yet: an action is opened before its first call."""
        self._find, self._secret = actions, secret
        self._opened: dict[str, asyncio.Future[Action]] = {}
        self._per_destination = per_destination
        self._pools: dict[str, Pool] = {}
        self._idempotent: dict[str, bool] = {}
        self.redactor = Redactor()
        self._tasks = ports.Tasks()

    def idempotent(self, uses: str) -> bool:
        """What the action's class says; false where there is none."""
        found = self._idempotent.get(uses)
        if found is None:
            try:
                found = self._idempotent[uses] = bool(self._find(uses).idempotent)
            except Exception:  # noqa: BLE001 - a plugin's trouble; the call itself will say it
                return False
        return found

    def start(self, run: Run, call: Call, hand_over: Callable[[Return], None]) -> Live:
        """Make the call in a task of its own."""
        live = Live(call, hand_over)
        live.task = self._tasks.spawn(self._make(run, call, live), f"{run.id}/{call.path}")
        return live

    async def close(self) -> None:
        """End what is under way and close the actions."""
        await self._tasks.close()
        opened, self._opened = self._opened, {}
        for name, future in opened.items():
            if not future.done() or future.exception() is not None:
                continue
            try:
                await future.result().close()
            except Exception as error:  # noqa: BLE001 - a plugin's trouble must not keep the others open
                log.warning("action does not close", action=name, error=repr(error))

    async def _make(self, run: Run, call: Call, live: Live) -> None:
        """The call with all that can go wrong made into a trouble."""
        back = None
        try:
            action = await self._open(call.uses)
            inputs, env = self._inputs(action, call)
            attempt = _attempt(run, call, env)
            async with self._place(_destination(call)):
                live.limit()
                outputs = await action.run(inputs, attempt)
            back = Return(call=call.id, outputs=self.redactor.value(_object(call.uses, outputs)))
        except asyncio.CancelledError:
            if not live.why:  # nobody but the action itself: it failed, this task was not meant
                live.came_back(None)
                return
            raise
        except BaseException as error:  # noqa: BLE001 - not even sys.exit in an action ends the process
            back = Return(call=call.id, error=self._trouble(call, error))
        finally:
            if back is not None or live.why:
                live.came_back(back)

    async def _open(self, uses: str) -> Action:
        """The action, opened once. Raises `ComponentError` and whatever a plugin raises."""
        opened = self._opened.get(uses)
        if opened is not None and opened.done():
            return opened.result()
        if opened is None:
            opened = self._opened[uses] = asyncio.get_running_loop().create_future()
            try:
                action = self._find(uses)
                await action.open()
            except BaseException as error:
                del self._opened[uses]
                if isinstance(error, Exception):
                    opened.set_exception(error)
                    opened.exception()  # whoever waits gets it; nobody has to
                else:
                    opened.cancel()
                raise
            opened.set_result(action)
        return await asyncio.shield(opened)

    def _inputs(self, action: Action, call: Call) -> tuple[Any, dict[str, str]]:
        """What the call gets: secrets put in, checked by the action's own model."""
        inputs, env = call.inputs, call.env
        if call.names is not None:
            secrets = {}
            for name in sorted(call.molds[0].secrets() | call.molds[1].secrets()):
                secrets[name] = self._resolve(name)
                self.redactor.add(secrets[name])
            names = call.names
            names["secrets"] = secrets
            inputs, env = call.molds[0].fill(inputs, names), call.molds[1].fill(env, names)
        return action.Inputs.model_validate(inputs), {name: _text(value) for name, value in env.items()}

    def _resolve(self, name: str) -> str:
        if name == "*":
            raise _NoSecret("with: name the secret where it is used: ${{ secrets.name }}")
        try:
            return self._secret(name)
        except Exception as error:
            raise _NoSecret(f"secret {name!r} cannot be had: {error}") from error

    def _trouble(self, call: Call, error: BaseException) -> Trouble:
        """The failure in words, without secrets."""
        match error:
            case ActionError():
                code, text, retryable = error.code, str(error), error.retryable
            case ComponentError():
                code, text, retryable = "unknown-action", str(error), False
            case ValidationError():
                code, text, retryable = "inputs", _wrong(call.uses, error), False
            case EvaluationError():
                code, text, retryable = "expression", f"with: {error}", False
            case _NoSecret():
                code, text, retryable = "secrets", str(error), False
            case _BadOutput():
                code, text, retryable = "bad-output", str(error), False
            case TimeoutError():
                code, text, retryable = "timeout", f"{call.uses}: {str(error) or 'timeout'}", True
            case EventflowError():
                code, text, retryable = "error", f"{call.uses}: {error}", False
            case _:
                log.warning("action raised", action=call.uses, path=call.path, error=type(error).__name__)
                code, text, retryable = "error", f"{call.uses} raised {type(error).__name__}: {error}", False
        return Trouble(str(code), self.redactor.text(text)[:2000], retryable=retryable)

    def _place(self, destination: str) -> Place:
        pool = self._pools.get(destination)
        if pool is None:
            pool = self._pools[destination] = Pool(self._per_destination)
        return Place(self._pools, destination, pool)


class _BadOutput(EventflowError):
    """An action returned something that is no JSON object."""


class _NoSecret(EventflowError):
    """A secret that a step names is not there."""


def _object(uses: str, outputs: Any) -> dict[str, Any]:
    if not isinstance(outputs, dict):
        raise _BadOutput(f"{uses} returned a {type(outputs).__name__}, not a JSON object")
    try:
        found: dict[str, Any] = as_json(outputs)
    except (TypeError, ValueError) as error:
        raise _BadOutput(f"{uses} returned what is no JSON: {error}") from error
    return found


def _attempt(run: Run, call: Call, env: dict[str, str]) -> Attempt:
    return Attempt(
        run=run.id, workflow=run.workflow, step=call.path, visit=call.visit, number=call.n,
        idempotency_key=f"{run.id}/{call.path}/{call.visit}", env=env,
    )  # fmt: skip


def _destination(call: Call) -> str:
    """What calls share a pool by: the host of a `url`, else the action."""
    url = call.inputs.get("url") if isinstance(call.inputs, dict) else None
    if not isinstance(url, str):
        return call.uses
    try:
        return urlsplit(url).netloc or call.uses
    except ValueError:
        return call.uses


def _wrong(uses: str, error: ValidationError) -> str:
    """What is wrong with the inputs, without the values: they may hold secrets."""
    found = [
        f"{'.'.join(map(str, problem['loc'])) or 'with'}: {problem['msg']}"
        for problem in error.errors(include_input=False, include_url=False, include_context=False)
    ]
    return f"{uses} does not take these inputs: {'; '.join(found)}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
