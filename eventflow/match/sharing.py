"""Which paths an expression reads more than once, and which it reads whenever a part is evaluated: what is worth a
local name.
"""

from __future__ import annotations

from eventflow.match.reads import path_of
from eventflow.match.syntax import And, Bind, Call, Choice, Const, Loop, Node, Or, Var, children


def shared(tree: Node) -> set[tuple[str, ...]]:
    """The paths, from a field on, that are read more than once."""
    counts: dict[tuple[str, ...], int] = {}
    stack = [tree]
    while stack:
        node = stack.pop()
        path = path_of(node)
        if path is None:
            stack.extend(children(node))
            continue
        for n in range(2, len(path) + 1):
            counts[path[:n]] = counts.get(path[:n], 0) + 1
    return {path for path, count in counts.items() if count > 1}


def certain(node: Node) -> list[tuple[str, ...]]:
    """The paths that are read whenever the node is evaluated."""
    path = path_of(node)
    if path is not None:
        return [path]
    if isinstance(node, (And, Or)):
        return certain(node.terms[0])
    if isinstance(node, Choice):
        return certain(node.test)
    if isinstance(node, Loop):
        return certain(node.over)
    if isinstance(node, (Const, Var, Bind)) or (isinstance(node, Call) and node.name == "get"):
        return []
    return [p for child in children(node) for p in certain(child)]
