"""What the engine itself says, as selectors may name it: a trigger for an event that never comes would wait in silence.

The engine's names are reserved (W2), so for these, unlike for those of sources, it is known which there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from eventflow.catalog.kinds import INVALID, Text
from eventflow.catalog.spelling import nearest
from eventflow.match.functions.own import glob
from eventflow.model.control import ALARMS, RUN_FINISHED, RUN_STARTED, RUN_SUPPRESSED, START
from eventflow.model.detection import CLEARED, RAISED

if TYPE_CHECKING:
    from eventflow.catalog.document import Document
    from eventflow.catalog.nodes import Node

SAID: Final = (CLEARED, RAISED, RUN_FINISHED, RUN_SUPPRESSED)
"""Events beside all others."""
_INSTEAD: Final = {
    RUN_STARTED: f"a run is told at its end: {RUN_FINISHED}",
    START: "leave the trigger out: every workflow can be started by hand",
    "eventflow.schedule.tick": "write type: schedule",
}


class EventName(Text):
    """A glob over events' types and kinds; the engine's own are known, so one that it never says is noted (W237)."""

    def __init__(self, *, waits: bool = False, **more: Any) -> None:
        """`waits`: of a step that waits, which alarms reach by any glob."""
        super().__init__(**more)
        self.waits = waits

    def read(self, doc: Document, node: Node) -> Any:
        """The glob."""
        text = super().read(doc, node)
        if text is not INVALID and (advice := never(text, waits=self.waits)) is not None:
            doc.report("W237", node, f"'{text}' selects nothing that the engine says", advice)
        return text


def never(text: str, *, waits: bool = False) -> str | None:
    """What to write instead of a name, or glob, of engine events of which none comes; None when some may come."""
    if not text.startswith(("eventflow.", "detector.")) or text in ALARMS or any(glob(one, text) for one in SAID):
        return None
    if text in _INSTEAD:
        return _INSTEAD[text]
    alarms = [one for one in ALARMS if glob(one, text)]
    if alarms:
        return None if waits else f"write one of these in full: {', '.join(alarms)}"
    family, _, word = text.rpartition(".")
    same = [one.rpartition(".")[2] for one in (*SAID, *ALARMS) if one.rpartition(".")[0] == family]
    close = nearest(word, same)
    return f"did you mean '{family}.{close}'?" if close else f"it says {', '.join((*SAID, *ALARMS))}"
