"""How an attempt ends: its outputs, the next try after a failure, or the end of the visit. Pure."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

import msgspec

from eventflow.execute.turn import StepFailed
from eventflow.model.journal import Again, Trouble
from eventflow.model.workflow import Retry

if TYPE_CHECKING:
    from eventflow.execute.course import Visit
    from eventflow.execute.turn import Turn
    from eventflow.model.event import Micros

FOR_GOOD: Final = frozenset(("expression", "inputs", "secrets", "unknown-action"))
"""Codes that another try cannot change."""


def succeeded(turn: Turn, visit: Visit, result: dict[str, Any], **more: Any) -> None:
    """The attempt did it; the step's `outputs` choose what of the result, JSON already, stays."""
    wanted = visit.node.do.outputs
    try:
        if wanted:
            outputs = {
                name: turn.value(visit.scope, text, f"outputs.{name}", result=result) for name, text in wanted.items()
            }
        else:
            outputs = result
    except StepFailed as bad:
        turn.end(visit.scope, visit.node, "failure", error=bad.trouble, **more)
    else:
        turn.end(visit.scope, visit.node, "success", outputs=outputs, **more)


def failed(turn: Turn, visit: Visit, trouble: Trouble) -> None:
    """The attempt failed: another one later, or the end of the visit."""
    retry = _policy(turn, visit)
    if retry is not None and visit.n < retry.max_attempts and retries(retry, trouble):
        turn.leave(visit)
        due = turn.now + delay(retry, visit.n, f"{turn.course.run.id}/{visit.path}/{visit.number}/{visit.n}")
        trouble = msgspec.structs.replace(trouble, step=visit.node.name, attempts=visit.n)
        turn.write(Again(at=turn.now, path=visit.path, visit=visit.number, n=visit.n, error=trouble, due=due))
        turn.wake(due)
        return
    status: Any = trouble.code if trouble.code in {"timeout", "cancelled"} else "failure"
    turn.end(visit.scope, visit.node, status, error=trouble)


def _policy(turn: Turn, visit: Visit) -> Retry | None:
    """The step's own, else the workflow's where a try can be repeated safely."""
    own = visit.node.step.retry
    return own if own is not None else (turn.plan.workflow.retry if visit.safe else None)


def retries(retry: Retry, trouble: Trouble) -> bool:
    """Whether this failure is one of those that are tried again."""
    code = trouble.code
    if code in FOR_GOOD:
        return False
    if code == "interrupted" or code in retry.retry_on:
        return True
    if "5xx" in retry.retry_on and len(code) == 3 and code[0] == "5" and code.isdigit():
        return True
    return trouble.retryable and retry.retry_on == Retry().retry_on


def delay(retry: Retry, n: int, name: str) -> Micros:
    """How long after attempt `n` the next one comes. The jitter (half to whole) is a function of the attempt's name, so
    that it is the same for whoever computes it and different for runs that failed together.
    """
    if retry.backoff == "none":
        return 0
    wait: float = retry.initial
    if retry.backoff == "linear":
        wait = retry.initial * n
    elif retry.backoff == "exponential":
        wait = retry.initial * retry.factor ** min(n - 1, 64)
    wait = min(wait, retry.max)
    if retry.jitter:
        drawn = int.from_bytes(blake2b(name.encode(), digest_size=6, person=b"jitter").digest(), "big") / (1 << 48)
        wait *= 0.5 + drawn / 2
    return round(wait)
