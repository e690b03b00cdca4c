"""From an emitted source to a function; the exact evaluator alone where the emitter does not know a form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eventflow.match import exact
from eventflow.match.frame import STEPS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from eventflow.match.index.projection import Shape
    from eventflow.match.program import Program


def build(program: Program, name: str | None = None, shape: Shape | None = None) -> Callable[[Any], Any]:
    """A function of the names, or of the value of one name: gives the program's value or raises EvaluationError.
    shape: how the value lies in memory, if it is a projected event.
    """
    from eventflow.match.emit import Emitter, Unsupported

    tree, steps = program.tree, program.env.limits.steps

    def slow(given: Mapping[str, object]) -> Any:
        return exact.evaluate(tree, given, steps)

    def slow_one(value: object) -> Any:
        return exact.evaluate(tree, {name: value}, steps)  # type: ignore[dict-item]

    emitter = Emitter(tree, shape)
    used = sorted(program.names)
    if not all(n.isidentifier() for n in used) or steps < STEPS:
        return slow if name is None else slow_one
    head = "def f(given):" if name is None else f"def f(n_{name}):"
    if name is None:
        emitter.lines += [f"n_{n} = given[{n!r}]" for n in used]
    try:
        source = emitter.source(head, "slow(given)" if name is None else f"slow(n_{name})")
        space = emitter.names
        space["slow"] = slow if name is None else slow_one
        exec(compile(source, "<expression>", "exec"), space)  # noqa: S102 - our own source; texts enter it by repr only
    except (Unsupported, SyntaxError, RecursionError, MemoryError):
        return slow if name is None else slow_one
    run: Callable[[Any], Any] = space["f"]
    return run
