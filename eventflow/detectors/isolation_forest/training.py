"""Makes a forest: scikit-learn grows it, and it is written down flat. Runs in a process of its own.

The algorithm is that of Liu, Ting and Zhou, "Isolation Forest" (ICDM 2008), as scikit-learn has it. The same job gives
the same bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from eventflow.detectors.isolation_forest.forest import DEPTH, STEEP

if TYPE_CHECKING:
    from eventflow.detectors.isolation_forest.job import Job

WHOLE: Final = 2.0**44
"""Path lengths are whole numbers of this fraction: a hundred of them still fit into 63 bits."""
EULER: Final = 0.5772156649015329


def grow(job: Job) -> bytes:
    """The forest of a job."""
    from sklearn.ensemble import IsolationForest  # type: ignore[import-untyped]

    rows = np.frombuffer(job.rows, dtype=np.float32).reshape(-1, job.width)
    grown = IsolationForest(n_estimators=job.trees, max_samples=min(job.sample, len(rows)), random_state=job.seed)
    grown.fit(rows)
    low, middle, high = np.quantile(rows.astype(np.float64), (0.01, 0.5, 0.99), axis=0).tolist()
    unit = job.trees * _usual_length(np.array([min(job.sample, len(rows))]))[0] * WHOLE
    flat = [_flat(tree.tree_, features) for tree, features in _pairs(grown)]
    form = _steps(flat, unit) if job.width == 1 else _levels(flat, unit)
    return msgspec.msgpack.encode({"middle": middle, "low": low, "high": high, **form})


def _pairs(grown: Any) -> Any:
    return zip(grown.estimators_, grown.estimators_features_, strict=True)


def _usual_length(rows: Any) -> Any:
    """The mean path length of a search in vain among so many rows: c(n) of the paper, as scikit-learn rounds it."""
    rows = np.asarray(rows, dtype=np.float64)
    many = np.maximum(rows, 3.0)
    mean = 2.0 * (np.log(many - 1.0) + EULER) - 2.0 * (many - 1.0) / many
    return np.where(rows > 2, mean, np.where(rows > 1, 1.0, 0.0))


def _flat(tree: Any, features: Any) -> tuple[Any, Any, Any]:
    """Feature, threshold and length of the complete tree of `DEPTH` levels, in heap order without its root's offset."""
    inner, leaves = (1 << DEPTH) - 1, 1 << DEPTH
    feature = np.zeros(inner, dtype=np.uint8)
    threshold = np.full(inner, np.inf, dtype=np.float32)
    length = np.zeros(leaves, dtype=np.int64)
    own = _usual_length(tree.n_node_samples)
    cuts = _down(tree.threshold)
    waiting = [(0, 0, 0)]
    while waiting:
        node, level, place = waiting.pop()
        if tree.children_left[node] < 0:
            length[place << (DEPTH - level)] = round((level + float(own[node])) * WHOLE)
            continue
        at = (1 << level) - 1 + place
        feature[at] = features[tree.feature[node]]
        threshold[at] = cuts[node]
        waiting.append((tree.children_left[node], level + 1, 2 * place))
        waiting.append((tree.children_right[node], level + 1, 2 * place + 1))
    return feature, threshold, length


def _down(thresholds: Any) -> Any:
    """The largest float32 that is not above: for float32 values the same comparison."""
    near = thresholds.astype(np.float32)
    above = near.astype(np.float64) > thresholds
    return np.where(above, np.nextafter(near, np.float32(-np.inf)), near)


def _levels(flat: list[tuple[Any, Any, Any]], unit: float) -> dict[str, Any]:
    """All trees' nodes of a level side by side, level after level; lengths as numbers into a table."""
    feature, threshold, length = (np.stack(column) for column in zip(*flat, strict=True))
    spans = [slice((1 << level) - 1, (2 << level) - 1) for level in range(DEPTH)]
    known, which = np.unique(length.ravel(), return_inverse=True)
    return {
        "trees": len(flat),
        "unit": float(unit),
        "features": b"".join(feature[:, span].tobytes() for span in spans),
        "thresholds": b"".join(threshold[:, span].tobytes() for span in spans),
        "lengths": known.tobytes(),
        "leaves": which.astype(np.uint16).tobytes(),
    }


def _steps(flat: list[tuple[Any, Any, Any]], unit: float) -> dict[str, Any]:
    """For one feature: the edges where the sum changes, the strangeness up to each of them and above the last."""
    edges = np.unique(np.concatenate([threshold[np.isfinite(threshold)] for _, threshold, _ in flat]))
    asked = np.append(edges, np.float32(np.inf))
    totals = np.zeros(len(asked), dtype=np.int64)
    for _, threshold, length in flat:
        place = np.zeros(len(asked), dtype=np.intp)
        for level in range(DEPTH):
            place += place + (asked > threshold[(1 << level) - 1 + place])
        totals += length[place]
    change = np.flatnonzero(np.diff(totals) != 0)
    kept = np.append(change, len(totals) - 1)
    return {
        "edges": _widened(edges[change]).tobytes(),
        "values": np.array([2.0 ** (STEEP * (1.0 - total / unit)) for total in totals[kept].tolist()]).tobytes(),
    }


def _widened(edges: Any) -> Any:
    """The largest double that rounds to a float32 at or below each edge: so that values need no rounding."""
    low = edges.astype(np.float64)
    middle = (low + np.nextafter(edges, np.float32(np.inf)).astype(np.float64)) / 2.0
    return np.where(middle.astype(np.float32) == edges, middle, np.nextafter(middle, -np.inf))
