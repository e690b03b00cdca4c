"""What to say about a field that is not in the schema: the nearest name, or the place where people usually mean it to
be.
"""

from __future__ import annotations

from eventflow.match.schema import ATTRIBUTES, INSIDE_DATA, Schema
from eventflow.match.wording import closest


def missing_field(holder: Schema, name: str, text: str, path: tuple[str, ...] | None) -> str:
    """A hint for an unknown field, or '' where the map is open and the field may exist."""
    if path == ("event",):
        return _attribute(holder, name, text)
    if not holder.closed:
        return ""
    deeper = _below(holder, name)
    if deeper:
        return f"write {text}.{deeper}"
    near = closest(name, holder.fields)
    if near:
        return f"did you mean '{near}'?"
    return f"it has {', '.join(list(holder.fields)[:12])}"


def _attribute(holder: Schema, name: str, text: str) -> str:
    """A field of the event itself; unknown ones may be extension attributes, so only likely mistakes are reported."""
    extension = f"an extension attribute of that name is read as event['{name}']"
    deeper = _below(holder, name)
    if deeper or name in INSIDE_DATA:
        return f"write {text}.{deeper or 'data.' + name}; {extension}"
    if not holder.closed and (not name.isalnum() or not name.islower()):
        near = closest(name, holder.fields)
        return (
            f"did you mean '{near}'?" if near else "attributes of an event are lower case; its fields lie in event.data"
        )
    near = closest(name, {**ATTRIBUTES.fields, **holder.fields})
    if near and len(name) > 3 and abs(len(near) - len(name)) <= 1:
        return f"did you mean '{near}'? {extension}"
    return "" if not holder.closed else f"it has {', '.join(list(holder.fields)[:12])}"


def _below(holder: Schema, name: str) -> str:
    """Where one or two levels deeper the field is."""
    for first, inner in holder.fields.items():
        if name in inner.fields:
            return f"{first}.{name}"
    for first, inner in holder.fields.items():
        for second, innermost in inner.fields.items():
            if name in innermost.fields:
                return f"{first}.{second}.{name}"
    return ""
