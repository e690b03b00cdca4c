"""Typed parameters of a workflow, and whether a value fits one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from eventflow.catalog import durations
from eventflow.catalog.fields import Fields, Key, ListOf, Shape
from eventflow.catalog.kinds import Anything, Bool, Kind, Number, OneOf, Text
from eventflow.model.workflow import Input

if TYPE_CHECKING:
    from eventflow.catalog.document import Document
    from eventflow.catalog.nodes import Node

TYPES: Final = ("string", "integer", "number", "boolean", "duration", "list", "object")
_PYTHON: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "duration": (str,),
    "list": (list,),
    "object": (dict,),
}


class Pattern(Kind):
    """A regular expression of RE2, which cannot be made to hang."""

    says = "a regular expression"

    def read(self, doc: Document, node: Node) -> Any:
        """The pattern's text."""
        text = Text().read(doc, node)
        if isinstance(text, str):
            import re2

            try:
                re2.compile(text, _quiet())
            except re2.error as error:
                said = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
                doc.report("E231", node, f"not a regular expression: {said}")
        return text

    def schema(self) -> dict[str, Any]:
        """JSON Schema."""
        return {"type": "string"}


def _quiet() -> Any:
    import re2

    options = re2.Options()
    options.log_errors = False
    return options


def fits(wanted: Input, value: Any) -> str | None:
    """None where a value fits an input, else what is wrong with it."""
    if isinstance(value, bool) != (wanted.type == "boolean") or not isinstance(value, _PYTHON[wanted.type]):
        return f"is no {wanted.type}"
    value = cast("Any", value)
    if wanted.type == "duration" and durations.parse(value) is None:
        return f"is no duration; {durations.advice(value)}"
    if wanted.enum and value not in wanted.enum:
        return f"is none of {', '.join(map(str, wanted.enum))}"
    size: Any = value if isinstance(value, (int, float)) else len(value)
    if wanted.min is not None and size < wanted.min:
        return f"is below min {wanted.min:g}"
    if wanted.max is not None and size > wanted.max:
        return f"is above max {wanted.max:g}"
    if wanted.pattern is not None and isinstance(value, str):
        import re2

        try:
            if re2.compile(wanted.pattern, _quiet()).fullmatch(value) is None:
                return f"does not match {wanted.pattern}"
        except re2.error:
            return None
    return None


def _built(doc: Document, fields: Fields) -> Input:
    made = Input(
        type=fields.get("type", "string"),
        required=fields.get("required", False),
        default=fields.get("default"),
        enum=tuple(fields.get("enum", ())),
        pattern=fields.get("pattern"),
        min=fields.get("min"),
        max=fields.get("max"),
        secret=fields.get("secret", False),
        describe=fields.get("describe") or fields.get("description"),
    )
    if made.default is not None and (wrong := fits(made, made.default)) is not None:
        doc.report("E224", fields.at("default"), f"the default {wrong}")
    if made.required and fields.given("default"):
        doc.report("W233", fields.of("required"), "an input with a default is never missing", "take required out")
    return made


INPUT: Final = Shape(
    "input",
    {
        "type": Key(OneOf(*TYPES), "default string"),
        "required": Key(Bool(), "whether a run cannot start without it"),
        "default": Key(Anything(), "its value where none is given"),
        "enum": Key(ListOf(Anything()), "the only values it may have"),
        "pattern": Key(Pattern(), "RE2 that the whole text must match"),
        "min": Key(Number(fraction=True), "least value, or length"),
        "max": Key(Number(fraction=True), "greatest value, or length"),
        "secret": Key(Bool(), "not shown anywhere"),
        "describe": Key(Text(), "one sentence for people"),
        "description": Key(Text(), "the same"),
    },
    build=_built,
)
