"""What a `with` holds against the JSON Schema of its action: every wrong key and literal, told at its very place.

The schema comes in as data, because the catalogue and the actions are strangers. Values with `${{ }}` are not known
before the run, so they fit whatever is wanted. The subset is what pydantic writes (draft 2020-12); where pydantic takes
more than the schema says (`"5"` for a number), so does this: what would run must not be refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import msgspec

from eventflow.catalog.document import Document
from eventflow.catalog.kinds import shown
from eventflow.catalog.nodes import Mapping, Node, Scalar, Sequence, Unread
from eventflow.catalog.spelling import did_you_mean, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

Schema = dict[str, Any]
_WORDS: Final = {
    "string": "text", "integer": "a whole number", "number": "a number", "boolean": "true or false",
    "array": "a list", "object": "a mapping", "null": "nothing",
}  # fmt: skip
_TRUTHS: Final = frozenset(("true", "false", "yes", "no", "on", "off", "t", "f", "y", "n", "1", "0"))
_BESIDE: Final = ("timeout", "retry", "if", "env", "conditions", "idempotent", "outputs")
"""Keys of a step that people write one level too deep."""
_SAID: Final[dict[str, tuple[str, ...]]] = {
    "params": ("query",), "parameters": ("query",), "data": ("json", "body"), "payload": ("json", "body", "data"),
    "uri": ("url",), "address": ("url", "to"), "command": ("argv",), "cmd": ("argv",), "args": ("argv",),
    "script": ("argv",), "run": ("argv",), "text": ("message", "body"), "msg": ("message", "text"),
    "message": ("text", "body"), "token": ("auth",), "status": ("expect",), "verb": ("method",), "dir": ("cwd",),
}  # fmt: skip
"""What other tools call it: each word with what it may be here."""


class Wants(msgspec.Struct, frozen=True):
    """What `with` of one action may hold: its JSON Schema, and the action's own check of a `with` without `${{ }}`.

    `check` gives (path of keys and places in lists, sentence) of everything that it refuses.
    """

    schema: Schema
    check: Callable[[dict[str, Any]], list[tuple[tuple[str | int, ...], str]]] | None = None


def hold(doc: Document, given: Node | None, wants: Wants, action: str, at: Node) -> None:
    """Note what is wrong with a `with` (None: there is none); `at` is where a missing one is told."""
    node = given if given is not None else Mapping(at.line, at.column)
    if isinstance(node, Scalar) and node.value is None:
        node = Mapping(node.line, node.column)
    if not isinstance(node, Mapping):
        return
    before = len(doc.problems)
    _Holding(doc, wants.schema, action).inputs(node, at)
    if len(doc.problems) == before and wants.check is not None and not _templated(node):
        for path, sentence in wants.check(node.plain()):
            doc.report("E229", _node_at(node, path), f"{action} refuses this: {sentence}")


class _Holding:
    """One `with` and the schema it is held against."""

    def __init__(self, doc: Document, root: Schema, action: str) -> None:
        self.doc, self.root, self.action = doc, root, action

    def inputs(self, node: Mapping, at: Node) -> None:
        """The whole `with`."""
        keys = self.root.get("properties", {})
        misspelt: set[str | None] = set()
        for name in node.values:
            if name not in keys and self.root.get("additionalProperties", True) is False:
                meant = nearest(name, keys) or next((word for word in _SAID.get(name, ()) if word in keys), None)
                advice = f"did you mean '{meant}'?" if meant else did_you_mean(name, keys)
                if name in _BESIDE:
                    advice = f"'{name}' belongs on the step, beside 'with'"
                misspelt.add(meant)
                self.doc.report("E201", node.keys[name], f"{self.action} takes no '{name}'", advice)
        for name in self.root.get("required", ()):
            if name not in node.values and name not in misspelt:
                about = keys.get(name, {}).get("description", "")
                advice = f"add {name}: …" + (f", {about}" if about else "")
                self.doc.report("E202", at if not node.values else node, f"{self.action} needs '{name}'", advice)
        for name, value in node.values.items():
            if name in keys:
                self.value(value, keys[name], name)

    def value(self, node: Node, schema: Schema, name: str) -> None:
        """A value inside; `name` is what messages call it."""
        schema = _resolved(self.root, schema)
        if isinstance(node, Unread) or (isinstance(node, Scalar) and _is_template(node)):
            return
        options = schema.get("anyOf") or schema.get("oneOf")
        if options:
            self.one_of(node, schema, options, name)
            return
        if "enum" in schema or "const" in schema:
            self.word(node, schema.get("enum", [schema.get("const")]), name)
            return
        kind = schema.get("type")
        if kind is not None and not _fits(node, kind):
            self.wrong(node, schema, name)
        elif isinstance(node, Scalar):
            self.bounds(node, schema, name)
        elif isinstance(node, Sequence):
            self.items(node, schema, name)
        elif isinstance(node, Mapping):
            self.keys(node, schema, name)

    def one_of(self, node: Node, schema: Schema, options: list[Schema], name: str) -> None:
        """One of the options must fit; else the one of the same kind says why not, or all are named."""
        for option in options:
            if not list(self.tried(node, option, name)):
                return
        near = [one for one in options if _resolved(self.root, one).get("type") == _kind(node)]
        words = [one for one in options if "enum" in _resolved(self.root, one)]
        if len(near) == 1:
            self.value(node, near[0], name)
        elif words and isinstance(node, Scalar) and isinstance(node.value, str):
            self.value(node, words[0], name)
        else:
            self.wrong(node, schema, name)

    def tried(self, node: Node, schema: Schema, name: str) -> Iterator[str]:
        """The codes of what would be wrong."""
        scratch = Document(self.doc.file)
        _Holding(scratch, self.root, self.action).value(node, schema, name)
        return (problem.code for problem in scratch.problems)

    def word(self, node: Node, words: list[Any], name: str) -> None:
        """One of some words."""
        if isinstance(node, Scalar) and any(type(node.value) is type(word) and node.value == word for word in words):
            return
        plain = [str(word) for word in words]
        said = f"{shown(node)} is not one of {', '.join(plain)}"
        close = did_you_mean(node.text, plain) if isinstance(node, Scalar) and len(node.text) < 65 else ""
        self.doc.report("E203", node, f"'{name}': {said}", close if close.startswith("did") else "")

    def wrong(self, node: Node, schema: Schema, name: str) -> None:
        """Of another kind."""
        wanted = says(self.root, schema)
        advice = ""
        if isinstance(node, Scalar) and node.value is not None:
            if wanted.startswith("a list"):
                words = node.text.split() if name.endswith("argv") else [shown(node)]
                advice = f"write [{', '.join(words)}]"
            elif "text" in wanted and not isinstance(node.value, str):
                advice = f'write "{node.text}"'
        elif isinstance(node, Scalar):
            advice = "leave the key away, or give it a value"
        self.doc.report("E200", node, f"{self.action} wants {wanted} for '{name}', found {shown(node)}", advice)

    def bounds(self, node: Scalar, schema: Schema, name: str) -> None:
        """How large a number or how long a text may be."""
        value = node.value
        if isinstance(value, str):
            size: Any = len(value)
            least, most, what = schema.get("minLength"), schema.get("maxLength"), "characters"
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            size, what = value, ""
            least, most = schema.get("minimum"), schema.get("maximum")
            above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
            if (above is not None and value <= above) or (below is not None and value >= below):
                bound = f"more than {above:g}" if above is not None else f"less than {below:g}"
                self.doc.report("E205", node, f"'{name}' must be {bound}, found {node.text}")
                return
        else:
            return
        self.between(node, size, least, most, f"'{name}' has {size} {what}" if what else f"'{name}' is {node.text}")

    def between(self, node: Node, size: Any, least: Any, most: Any, said: str) -> None:
        """Note a size outside its bounds."""
        if least is not None and size < least:
            self.doc.report("E205", node, f"{said}, at least {least:g} is wanted")
        elif most is not None and size > most:
            self.doc.report("E205", node, f"{said}, at most {most:g} is allowed")

    def items(self, node: Sequence, schema: Schema, name: str) -> None:
        """A list."""
        size = len(node.items)
        self.between(node, size, schema.get("minItems"), schema.get("maxItems"), f"'{name}' has {size} entries")
        for place, item in enumerate(node.items):
            self.value(item, schema.get("items", {}), f"{name}[{place}]")

    def keys(self, node: Mapping, schema: Schema, name: str) -> None:
        """A mapping inside."""
        keys, more = schema.get("properties", {}), schema.get("additionalProperties", True)
        for key, value in node.values.items():
            if key in keys:
                self.value(value, keys[key], f"{name}.{key}")
            elif more is False:
                said = f"'{name}' of {self.action} has no key '{key}'"
                self.doc.report("E201", node.keys[key], said, did_you_mean(key, keys))
            elif isinstance(more, dict):
                self.value(value, more, f"{name}.{key}")
        for key in schema.get("required", ()):
            if key not in node.values:
                self.doc.report("E202", node, f"'{name}' of {self.action} needs '{key}'", f"add {key}: …")


def says(root: Schema, schema: Schema) -> str:
    """What a schema wants, in words."""
    schema = _resolved(root, schema)
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        words = list(dict.fromkeys(says(root, option) for option in options))
        plain = [word for word in words if word != "nothing"] or words
        return " or ".join(plain)
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    kind = schema.get("type")
    items = schema.get("items", {}) if kind == "array" else {}
    of = f" of {says(root, items)}" if _resolved(root, items).get("type") in {"string", "integer", "number"} else ""
    return {"a list of a whole number": "a list of whole numbers", "a list of a number": "a list of numbers"}.get(
        _WORDS.get(str(kind), "any value") + of, _WORDS.get(str(kind), "any value") + of
    )


def _resolved(root: Schema, schema: Schema) -> Schema:
    """The schema behind `$ref`, and the only one of an `allOf`."""
    for _ in range(8):
        if "$ref" in schema:
            schema = root.get("$defs", {}).get(str(schema["$ref"]).rpartition("/")[2], {})
        elif len(schema.get("allOf", ())) == 1:
            schema = schema["allOf"][0]
        else:
            break
    return schema


def _kind(node: Node) -> str:
    if isinstance(node, Mapping):
        return "object"
    if isinstance(node, Sequence):
        return "array"
    value = node.value if isinstance(node, Scalar) else None
    names = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}
    return names[type(value)]


def _fits(node: Node, wanted: str) -> bool:
    """Whether the value is of a kind, or a text that pydantic takes for it."""
    found = _kind(node)
    if found == wanted or (found == "integer" and wanted == "number"):
        return True
    if not isinstance(node, Scalar):
        return False
    if found == "number" and wanted == "integer":
        return float(node.value).is_integer()
    if found == "boolean" or (wanted == "boolean" and found in {"integer", "number"}):
        return wanted in {"integer", "number"} or node.value in {0, 1}
    if found != "string":
        return False
    text = node.text.strip()
    return (wanted == "boolean" and text.lower() in _TRUTHS) or (
        wanted in {"integer", "number"}
        and re.fullmatch(r"[-+]?\d+(\.0+)?" if wanted == "integer" else _NUMBER, text) is not None
    )


_NUMBER: Final = r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?"


def _is_template(node: Scalar) -> bool:
    return isinstance(node.value, str) and "${{" in node.value


def _templated(node: Node) -> bool:
    if isinstance(node, Mapping):
        return any(_templated(value) for value in node.values.values())
    if isinstance(node, Sequence):
        return any(_templated(item) for item in node.items)
    return isinstance(node, Unread) or (isinstance(node, Scalar) and _is_template(node))


def _node_at(node: Node, path: tuple[str | int, ...]) -> Node:
    """The node a path leads to, as far as it leads."""
    for part in path:
        if isinstance(node, Mapping) and part in node.values:
            node = node.values[str(part)]
        elif isinstance(node, Sequence) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
        else:
            break
    return node
