"""The one sentence of a verdict, for Slack, `explain` and the engine's events."""

from __future__ import annotations

from eventflow.model.detection import shown
from eventflow.route.judge import RELEARN


def sentence(
    state: str,
    because: str | None,
    value: float | None = None,
    expected: float | None = None,
    rarity: float | None = None,
) -> str:
    """What happened and why; `because` is the detector's own word, which goes before ours."""
    if state == "silent":
        return "no sample for a day: the alarm ends, nobody knows how it went on"
    if state == "settled":
        return f"it has lasted {RELEARN} samples: this is the new level now" + (f" ({because})" if because else "")
    if state in {"cleared", "clearing"}:
        return because if because and state == "clearing" else "back to normal"
    said = because or _plain(value, expected)
    return f"{said}; such a sample comes once in {shown(rarity)}" if rarity is not None else said


def _plain(value: float | None, expected: float | None) -> str:
    if value is None or value != value:  # noqa: PLR0124 - NaN
        return "the sample is unusual"
    if expected is None:
        return f"{value:.6g} is unusual"
    return f"{value:.6g} where about {expected:.6g} was expected"
