"""Templates: `${{ expression }}` inside the scalars of a document.

A scalar that is one expression keeps the value's type; inside text the value becomes text. It is one pass: what an
expression gives is never read as a template again, so event data cannot inject one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from eventflow.match.functions.conversions import number_text, to_string
from eventflow.match.lexer import token_end
from eventflow.match.problems import EvaluationError, ExpressionError, problem
from eventflow.match.program import Program, compile  # noqa: A004 - the word of the door
from eventflow.match.values import kind_of, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eventflow.match.env import Env

_OPEN: Final = "${{"
_NOT_NEWLINE: Final = re.compile(r"[^\n]")


class Template:
    """A value with expressions in it; `render(names)` gives the value of the moment."""

    __slots__ = ("_render", "is_constant", "programs")

    def __init__(self, render: Any, programs: tuple[Program, ...]) -> None:
        self._render = render
        self.programs = programs
        self.is_constant = not programs

    @property
    def names(self) -> frozenset[str]:
        """The names that its expressions read."""
        return frozenset(name for program in self.programs for name in program.names)

    @property
    def paths(self) -> frozenset[tuple[str, ...]]:
        """The paths that its expressions read."""
        return frozenset(path for program in self.programs for path in program.paths)

    def render(self, names: Mapping[str, object]) -> Any:
        """The value with every expression replaced by its value. Raises EvaluationError."""
        return self._render(names)


def template(value: Any, env: Env) -> Template:
    """The template of a JSON-like value. Raises ExpressionError with every problem of all its texts."""
    programs: list[Program] = []
    problems: list[tuple[str, ExpressionError]] = []
    render = _value(value, env, programs, problems)
    if problems:
        text = problems[0][0]
        raise ExpressionError(text, tuple(p for _, error in problems for p in error.problems))
    return Template(render, tuple(programs))


def _value(value: Any, env: Env, programs: list[Program], problems: list[tuple[str, ExpressionError]]) -> Any:
    if isinstance(value, str):
        try:
            return _text(value, env, programs)
        except ExpressionError as error:
            problems.append((value, error))
            return None
    before = len(programs)
    if isinstance(value, Mapping):
        pairs = [(k, _value(v, env, programs, problems)) for k, v in value.items()]
        if len(programs) > before:
            return lambda names: {k: render(names) for k, render in pairs}
    elif isinstance(value, (list, tuple)):
        items = [_value(v, env, programs, problems) for v in value]
        if len(programs) > before:
            return lambda names: [render(names) for render in items]
    return _constant(_unescaped(value))


def _constant(value: Any) -> Any:
    return lambda _: value


def _unescaped(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("$" + _OPEN, _OPEN)
    if isinstance(value, Mapping):
        return {k: _unescaped(v) for k, v in value.items()}
    return [_unescaped(v) for v in value] if isinstance(value, (list, tuple)) else value


def _text(text: str, env: Env, programs: list[Program]) -> Any:
    if _OPEN not in text:
        return _constant(text)
    parts = list(_parts(text, env))
    found = [p for p in parts if isinstance(p, Program)]
    programs.extend(found)
    if not found:
        return _constant("".join(p for p in parts if isinstance(p, str)))
    if len(found) == 1 and all(isinstance(p, Program) or not p.strip() for p in parts) and len(parts) <= 3:
        whole = found[0]
        return lambda names: plain(whole.evaluate(names))
    return lambda names: "".join([p if isinstance(p, str) else _inserted(p, names) for p in parts])


def _inserted(program: Program, names: Mapping[str, object]) -> str:
    value = program.evaluate(names)
    kind = kind_of(value)
    if kind in {"null", "optional"}:
        raise EvaluationError(
            "type",
            f"null inside text: {program.text.strip()} has no value; write get(map, 'path', 'default')",
            program.tree.start,
        )
    if kind in {"list", "map"}:
        return msgspec.json.encode(plain(value)).decode()
    if kind == "double":
        return number_text(value)
    return str(value) if kind == "type" else to_string(value)


def _parts(text: str, env: Env) -> Iterator[str | Program]:
    at = 0
    plain_text = ""
    while (start := text.find(_OPEN, at)) >= 0:
        plain_text += text[at:start]
        if start and text[start - 1] == "$":
            plain_text = plain_text[:-1] + _OPEN
            at = start + 3
            continue
        end = closing(text, start + 3)
        if end < 0:
            raise ExpressionError(
                text, (problem(text, start, "E310 unclosed-template", "this ${{ is never closed", "add }}", 3),)
            )
        if plain_text:
            yield plain_text
        plain_text = ""
        # what stands before is blanked out, so that places count in the whole text
        yield compile(_NOT_NEWLINE.sub(" ", text[: start + 3]) + text[start + 3 : end], env)
        at = end + 2
    if plain_text + text[at:]:
        yield plain_text + text[at:]


def closing(text: str, at: int) -> int:
    """Where the `}}` stands that ends the expression beginning at `at`; -1 without one. Braces of maps and quotes are
    skipped.
    """
    depth = 0
    while at < len(text):
        if depth == 0 and text.startswith("}}", at):
            return at
        depth += (text[at] == "{") - (text[at] == "}")
        end = token_end(text, at)
        if end < 0:
            return text.find("}}", at)
        at = end
    return -1
