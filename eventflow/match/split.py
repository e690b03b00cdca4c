"""An expression taken apart at its top: its conjuncts, and the two sides of an equation; each a program of its own."""

from __future__ import annotations

from eventflow.match.program import Program
from eventflow.match.syntax import And, Binary, Node


def conjuncts(program: Program) -> tuple[Program, ...]:
    """The terms of the top `&&`, nested ones included; a program without one is its only term."""
    return tuple(_part(program, node) for node in _terms(program.tree))


def sides(program: Program) -> tuple[Program, Program] | None:
    """Both sides of a program that is an equation `a == b`; None for anything else."""
    tree = program.tree
    if isinstance(tree, Binary) and tree.op == "==":
        return _part(program, tree.left), _part(program, tree.right)
    return None


def _terms(node: Node) -> list[Node]:
    if isinstance(node, And):
        return [leaf for term in node.terms for leaf in _terms(term)]
    return [node]


def _part(program: Program, node: Node) -> Program:
    # the whole text stays, so that places in errors keep pointing into what the author wrote
    return Program(program.text, node, program.env)
