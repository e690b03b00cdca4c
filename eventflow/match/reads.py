"""Which paths an expression reads: what the projection must decode and what an index can look at."""

from __future__ import annotations

from eventflow.match.syntax import At, Call, Const, Has, Node, Select, Var, children


def path_of(node: Node) -> tuple[str, ...] | None:
    """The path of a chain of fields from a name of the environment, or None if the node is something else."""
    parts: list[str] = []
    while True:
        if isinstance(node, Select) and not node.optional:
            parts.append(node.field)
            node = node.operand
        elif (
            isinstance(node, At)
            and not node.optional
            and isinstance(node.key, Const)
            and node.key.value.__class__ is str
        ):
            parts.append(node.key.value)
            node = node.operand
        elif isinstance(node, Var):
            return (node.name, *reversed(parts))
        else:
            return None


def paths_of(tree: Node) -> frozenset[tuple[str, ...]]:
    """The paths read; where one is inside another, only the shorter."""
    found: set[tuple[str, ...]] = set()
    _collect(tree, found)
    return frozenset(p for p in found if not any(p[:n] in found for n in range(1, len(p))))


def _collect(node: Node, found: set[tuple[str, ...]]) -> None:
    path = path_of(node)
    if path is None and isinstance(node, Has):
        inner = path_of(node.operand)
        path = (*inner, node.field) if inner is not None else None
    if path is not None:
        found.add(path)
        return
    if isinstance(node, Call) and node.name == "get" and node.target is None and len(node.args) >= 2:
        root, way = path_of(node.args[0]), node.args[1]
        if root is not None and isinstance(way, Const) and way.value.__class__ is str:
            found.add((*root, *way.value.split(".")))
            for rest in node.args[2:]:
                _collect(rest, found)
            return
    for child in children(node):
        _collect(child, found)
