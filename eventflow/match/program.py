"""A compiled expression: what it reads, its value for given names, and a truth that is never guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eventflow.match import exact
from eventflow.match.bounds import exceeded
from eventflow.match.build import build
from eventflow.match.check import Checker
from eventflow.match.parser import parse
from eventflow.match.problems import EvaluationError, ExpressionError, problem
from eventflow.match.reads import paths_of
from eventflow.match.resolve import Resolver
from eventflow.match.values import kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from eventflow.match.env import Env
    from eventflow.match.explain import Explanation
    from eventflow.match.index.projection import Shape
    from eventflow.match.syntax import Node


class Program:
    """An expression that was parsed, resolved and checked."""

    __slots__ = ("_paths", "_run", "env", "text", "tree")

    def __init__(self, text: str, tree: Node, env: Env) -> None:
        self.text = text
        self.tree = tree
        self.env = env
        self._paths: frozenset[tuple[str, ...]] | None = None
        self._run: Callable[[Mapping[str, object]], Any] | None = None

    @property
    def paths(self) -> frozenset[tuple[str, ...]]:
        """What it reads, as paths from a name: ("event", "data", "branch"); ("event",) means the whole."""
        if self._paths is None:
            self._paths = paths_of(self.tree)
        return self._paths

    @property
    def names(self) -> frozenset[str]:
        """The names of the environment that it reads."""
        return frozenset(path[0] for path in self.paths)

    def evaluate(self, names: Mapping[str, object]) -> Any:
        """The value. Raises EvaluationError (kind, message, offset)."""
        run = self._run
        if run is None:
            run = self._run = build(self)
        return run(names)

    def over(self, name: str, shape: Shape | None = None) -> Callable[[Any], Any]:
        """A function of the value of one name, for programs that read no other: the fastest way to evaluate.
        `shape`: of the projected events that it will be given.
        """
        return build(self, name, shape)

    def evaluate_exactly(self, names: Mapping[str, object]) -> Any:
        """The value by the exact evaluator alone; for tests and for explaining."""
        return exact.evaluate(self.tree, names, self.env.limits.steps)

    def test(self, names: Mapping[str, object]) -> bool:
        """The value of a condition; anything but true or false is an EvaluationError of kind not-bool."""
        value = self.evaluate(names)
        if value is True or value is False:
            return value
        raise not_bool(value, self.tree.start)

    def explain(self, names: Mapping[str, object]) -> Explanation:
        """Which atoms decided, with what they saw; errors and absent fields included."""
        from eventflow.match.explain import explain

        return explain(self, names)

    def __repr__(self) -> str:
        return f"Program({self.text!r})"


def not_bool(value: object, at: int) -> EvaluationError:
    """The error of a condition that is none."""
    return EvaluationError("not-bool", f"a condition must be true or false, this is a {kind_of(value)}", at)


def unwrapped(text: str) -> str:
    """The expression inside a tolerated `${{ }}`, at its old offsets; otherwise the text itself."""
    bare = text.strip()
    if bare.startswith("${{") and bare.endswith("}}") and "${{" not in bare[3:]:
        start = text.index("${{")
        end = text.rindex("}}")
        return " " * (start + 3) + text[start + 3 : end]
    return text


def compile(text: str, env: Env) -> Program:  # noqa: A001 - the word of the door
    """The program of an expression. Raises ExpressionError with every problem found."""
    limits = env.limits
    if len(text) > limits.length:
        shown = f"the expression has {len(text)} characters, at most {limits.length} are allowed"
        raise ExpressionError(
            text, (problem(text, limits.length, "E334 too-long", shown, "split it, or keep the list in vars"),)
        )
    inner = unwrapped(text)
    tree = parse(inner, depth=limits.depth, own=env.names)
    resolver = Resolver(inner, env)
    tree = resolver.resolve(tree)
    problems = list(resolver.problems)
    if not problems:
        problems = exceeded(inner, tree, limits)
    if env.check and not problems:
        checker = Checker(inner, env)
        if env.expect and checker.infer(tree).kind not in {"dyn", env.expect}:
            checker.expected(tree, env.expect)
        elif not env.expect:
            checker.infer(tree)
        problems = checker.problems
    if problems:
        problems.sort(key=lambda p: p.offset)
        raise ExpressionError(text, tuple(problems))
    return Program(text, tree, env)
