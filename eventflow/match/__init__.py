"""Turns an expression into a predicate, many triggers into an index, and `${{ }}` texts into values. Pure: no I/O, no
clock.
"""

from __future__ import annotations

from eventflow.match.atoms import Atom, Selector
from eventflow.match.counts import Count, Counts
from eventflow.match.env import Env, Limits
from eventflow.match.explain import Decided, Explanation, Seen
from eventflow.match.index import Index, Matched
from eventflow.match.problems import EvaluationError, ExpressionError, Problem
from eventflow.match.program import Program, compile  # noqa: A004 - the word of the door
from eventflow.match.schema import Schema
from eventflow.match.split import conjuncts, sides
from eventflow.match.template import Template, template

__all__ = [
    "Atom",
    "Count",
    "Counts",
    "Decided",
    "Env",
    "EvaluationError",
    "Explanation",
    "ExpressionError",
    "Index",
    "Limits",
    "Matched",
    "Problem",
    "Program",
    "Schema",
    "Seen",
    "Selector",
    "Template",
    "compile",
    "conjuncts",
    "sides",
    "template",
]
