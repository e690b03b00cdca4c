"""Typed parameters of a workflow, and whether a value fits one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, cast

from eventflow.catalog import durations
from eventflow.catalog.fields import Fields, Key, ListOf, Shape
from eventflow.catalog.kinds import Anything, Bool, Kind, Number, OneOf, Text
from eventflow.catalog.spelling import nearest
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
                around = re.search(r"\(\?[=!<]|\\[1-9]", text)
                advice = "RE2 has no look-around and no back references; say it in a filter" if around else ""
                doc.report("E231", node, f"not a regular expression of RE2: {said}", advice)
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
        return _other(wanted.type, value)
    value = cast("Any", value)
    if wanted.type == "duration" and durations.parse(value) is None:
        return f"{value!r} is no duration; {durations.advice(value)}"
    if wanted.enum and value not in wanted.enum:
        words = [str(word) for word in wanted.enum]
        close = nearest(str(value), words)
        return f"{value!r} is none of {', '.join(words)}" + (f"; did you mean '{close}'?" if close else "")
    size: Any = value if isinstance(value, (int, float)) else len(value)
    if wanted.min is not None and size < wanted.min:
        return f"{value!r} is below min {wanted.min:g}"
    if wanted.max is not None and size > wanted.max:
        return f"{value!r} is above max {wanted.max:g}"
    if wanted.pattern is not None and isinstance(value, str):
        import re2

        try:
            if re2.compile(wanted.pattern, _quiet()).fullmatch(value) is None:
                return f"{value!r} does not match {wanted.pattern}"
        except re2.error:
            return None
    return None


def _other(wanted: str, value: Any) -> str:
    """A value of another type, and how to write it where that can be told."""
    names = {bool: "true or false", str: "a text", list: "a list", dict: "a mapping"}
    said = f"{value!r} is {names.get(type(value), 'a number')}, the input is of type {wanted}"
    if isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?|true|false", value) and wanted not in {"list", "object"}:
        return f"{said}; write it without quotes"
    if wanted == "string" and not isinstance(value, (list, dict)):
        return f'{said}; write "{written(value)}"'
    return said


def written(value: Any) -> str:
    """A number, true or false as YAML writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


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


_OTHER: Final = {
    **dict.fromkeys(("int", "long"), "write integer"), **dict.fromkeys(("float", "double", "decimal"), "write number"),
    **dict.fromkeys(("str", "text"), "write string"), **dict.fromkeys(("array", "set"), "write list"),
    **dict.fromkeys(("map", "dict", "mapping", "json"), "write object"), "choice": "write string, with enum: […]",
}  # fmt: skip
INPUT: Final = Shape(
    "input",
    {
        "type": Key(OneOf(*TYPES, hints=_OTHER), "default string"),
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
    example="{type: string}",
    build=_built,
)
