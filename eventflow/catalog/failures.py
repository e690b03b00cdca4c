"""Failure, retry, concurrency: the keys that say what happens when things go wrong or come together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from eventflow.catalog import own
from eventflow.catalog.fields import Fields, Key, ListOf, Shape, not_yet
from eventflow.catalog.kinds import INVALID, Anything, Bool, Duration, Kind, Number, OneOf, Templated, Text
from eventflow.catalog.nodes import Node, Scalar
from eventflow.model.workflow import Concurrency, Fallback, Retry

if TYPE_CHECKING:
    from eventflow.catalog.document import Document

ON: Final = ("timeout", "connection", "5xx", "4xx", "interrupted", "error")


class Code(Kind):
    """A word or number that `retry_on` knows: `timeout`, `connection`, `5xx`, `429`."""

    says = "an error code such as timeout, connection, 5xx or 429"

    def read(self, doc: Document, node: Node) -> Any:
        """The word."""
        if isinstance(node, Scalar) and (isinstance(node.value, str) or type(node.value) is int) and node.text:
            return node.text
        return self.wrong(doc, node)


def _retry(doc: Document, fields: Fields) -> Retry:
    given = dict(fields.values)
    if given.pop("on_exhausted", "fail") == "park":
        not_yet(doc, fields.at("on_exhausted"), "on_exhausted: park")
    if given.get("backoff") == "learned":
        not_yet(doc, fields.at("backoff"), "backoff: learned")
        del given["backoff"]
    return Retry(**given)


RETRY: Final = Shape(
    "retry",
    {
        "max_attempts": Key(Number(1, 1000), "counts the first attempt; default 3"),
        "backoff": Key(
            OneOf("none", "fixed", "linear", "exponential", "learned"), "how the delay grows; default exponential"
        ),
        "initial": Key(Duration(), "the first delay; default 1s"),
        "factor": Key(Number(1, 100, fraction=True), "by which an exponential delay grows; default 2"),
        "max": Key(Duration(), "the longest delay; default 5m"),
        "jitter": Key(Bool(), "whether delays are varied; default true"),
        "retry_on": Key(ListOf(Code(), or_one=True), "which errors; default timeout, connection, 5xx, 429"),
        "on_exhausted": Key(OneOf("fail", "park"), "what then; default fail"),
    },
    hints={
        "delay": "did you mean 'initial'?",
        "attempts": "did you mean 'max_attempts'?",
        "count": "did you mean 'max_attempts'?",
    },
    example="retry: {max_attempts: 3}",
    build=_retry,
)


def _concurrency(doc: Document, fields: Fields) -> Concurrency:
    given = {key: value for key, value in fields.values.items() if key != "cancel_in_progress"}
    if fields.get("cancel_in_progress") and given.setdefault("mode", "restart") != "restart":
        doc.report(
            "E207",
            fields.of("cancel_in_progress"),
            f"cancel_in_progress and mode: {given['mode']} exclude each other",
        )
    if given.get("mode", "parallel") in {"single", "restart"} and fields.given("max"):
        doc.report("W233", fields.of("max"), f"mode {given['mode']} has one run at a time, so max has no effect")
        del given["max"]
    return Concurrency(**given)


_MODES: Final = {
    **dict.fromkeys(("serial", "queue", "sequential", "wait"), "did you mean 'queued'?"),
    **dict.fromkeys(("skip", "drop", "forbid", "reject"), "did you mean 'single'?"),
    **dict.fromkeys(("cancel", "replace", "latest"), "did you mean 'restart'?"),
    "allow": "did you mean 'parallel'?",
}
CONCURRENCY: Final = Shape(
    "concurrency",
    {
        "group": Key(Templated("group"), "which runs count together, `${{ }}` allowed; default all of the workflow"),
        "mode": Key(OneOf("single", "restart", "queued", "parallel", hints=_MODES), "default parallel"),
        "max": Key(Number(1, 100_000), "how many at once; default 16"),
        "queue_max": Key(Number(0), "how many may wait"),
        "on_full": Key(OneOf("suppress"), "what happens with one more; default suppress"),
        "on_conflict": Key(OneOf("suppress", "signal"), "with mode single: the running run is told of the new event"),
        "cancel_in_progress": Key(Bool(), "read as mode: restart"),
    },
    build=_concurrency,
)


class Fallbacks(ListOf):
    """Fallback actions with their places, for the cross check."""

    def read(self, doc: Document, node: Node) -> Any:
        """(fallback, its fields) of each."""
        read = super().read(doc, node)
        if read is INVALID:
            return read
        return tuple(
            (Fallback(action=one.get("action", ""), with_=own.given(doc, one, one.get("action"))), one) for one in read
        )


FALLBACK: Final = Shape(
    "fallback action",
    {
        "action": Key(Text(), "a step of this file, or a registered action", needed=True),
        "with": Key(Anything(), "its inputs, where it is a registered action"),
    },
    example="- action: NAME",
)
BREAKER: Final = Shape(
    "circuit_breaker",
    {
        "failures": Key(Number(1), "so many failures", needed=True),
        "window": Key(Duration(), "within this", needed=True),
        "open_for": Key(Duration(), "no run starts for this long", needed=True),
        "per": Key(Templated("trigger"), "one breaker for each value"),
    },
)
HANDLING: Final = Shape(
    "error_handling",
    {
        "retry_strategy": Key(RETRY, "default of each action step that may be repeated"),
        "fallback_actions": Key(Fallbacks(FALLBACK), "what to do when nothing took a failure, in this order"),
        "timeout": Key(Duration(), "of the whole run"),
        "circuit_breaker": Key(BREAKER, "no new runs while too many fail", later="circuit_breaker"),
        "compensate": Key(Bool(), "undo finished steps when the run fails", later=True),
    },
    hints={"retry": "did you mean 'retry_strategy'?", "fallback": "did you mean 'fallback_actions'?"},
)
