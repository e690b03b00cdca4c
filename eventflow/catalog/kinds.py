"""Kinds of single values: text, number, duration, choice, expression … Each reads a node or notes what is wrong.

`says` is what messages and the reference call the kind.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from eventflow.catalog import durations
from eventflow.catalog.document import Expression
from eventflow.catalog.nodes import Mapping, Node, Scalar, Sequence, Unread
from eventflow.catalog.spelling import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping as Map

    from eventflow.catalog.document import Document


class _Invalid:
    """The value of what could not be read; its problem is noted."""

    def __repr__(self) -> str:
        return "INVALID"

    def __bool__(self) -> bool:
        return False


INVALID: Final[Any] = _Invalid()


def shown(node: Node) -> str:
    """A node as a message quotes it."""
    if isinstance(node, Scalar) and node.value is not None:
        text = node.text if len(node.text) <= 40 else node.text[:39] + "…"
        return f"'{text}'" if isinstance(node.value, str) else text
    return node.kind


class Kind:
    """How a value is read."""

    says = "anything"

    def read(self, doc: Document, node: Node) -> Any:
        """The value, or `INVALID` after noting the problem."""
        raise NotImplementedError

    def schema(self) -> dict[str, Any]:
        """JSON Schema, for editors."""
        return {}

    def wrong(self, doc: Document, node: Node, suggestion: str = "") -> Any:
        """Note that the value is of another kind, unless it could not even be read."""
        if isinstance(node, Unread):
            return INVALID
        doc.report("E200", node, f"expected {self.says}, found {shown(node)}", suggestion)
        return INVALID


class Text(Kind):
    """Text; a number is refused because `1.0` and `"1.0"` differ. `pattern` is what it must be like, `like` says so."""

    says = "text"

    def __init__(
        self, pattern: str | None = None, like: str = "", *, most: int = 10_000, prose: bool = False, several: str = ""
    ) -> None:
        self.pattern = re.compile(pattern) if pattern else None
        self.like = like
        self.most = most
        self.prose = prose
        """For people only, so that a stray `${{ }}` does no harm."""
        self.several = several
        """What to do instead of writing a list."""
        if like:
            self.says = like

    def read(self, doc: Document, node: Node) -> Any:
        """The text."""
        if not isinstance(node, Scalar) or not isinstance(node.value, str):
            quoted = isinstance(node, Scalar) and node.value is not None
            advice = f'write "{node.text}"' if quoted else self.several  # type: ignore[attr-defined]
            return self.wrong(doc, node, "leave the key away to do without" if node.kind == "nothing" else advice)
        if len(node.value) > self.most:
            doc.report("E205", node, f"the text has {len(node.value):,} characters, at most {self.most:,} are allowed")
            return INVALID
        if self.pattern is not None and not self.pattern.fullmatch(node.value):
            doc.report("E206", node, f"{shown(node)} is not {self.like}", _slugged(node.value, self.pattern))
            return INVALID
        if self.pattern is None and "${{" in node.value:
            said = "${{ }} is not evaluated here; it would stand there as it is written"
            doc.report("E233", node, said, "write the text itself", level="warning" if self.prose else None)
        return node.value

    def schema(self) -> dict[str, Any]:
        """JSON Schema."""
        return {"type": "string"} | ({"pattern": f"^{self.pattern.pattern}$"} if self.pattern else {})


class Bool(Kind):
    """true or false."""

    says = "true or false"

    def read(self, doc: Document, node: Node) -> Any:
        """The truth; `yes` and `on` are texts in YAML 1.2, so they are refused with advice."""
        if isinstance(node, Scalar) and isinstance(node.value, bool):
            return node.value
        word = node.text.lower() if isinstance(node, Scalar) else ""
        right = {"yes": "true", "on": "true", "true": "true", "no": "false", "off": "false", "false": "false"}.get(word)
        return self.wrong(doc, node, f"write {right or 'true or false'}")

    def schema(self) -> dict[str, Any]:
        """JSON Schema."""
        return {"type": "boolean"}


class Number(Kind):
    """A number, whole unless `fraction`."""

    def __init__(self, least: float | None = None, most: float | None = None, *, fraction: bool = False) -> None:
        self.least, self.most, self.fraction = least, most, fraction
        self.says = "a number" if fraction else "a whole number"

    def read(self, doc: Document, node: Node) -> Any:
        """The number."""
        value = node.value if isinstance(node, Scalar) else None
        fits = isinstance(value, (int, float) if self.fraction else int) and not isinstance(value, bool)
        if value is None or not fits:
            return self.wrong(doc, node, "write the digits, without quotes" if isinstance(value, str) else "")
        if (self.least is not None and value < self.least) or (self.most is not None and value > self.most):
            if self.least == self.most:
                doc.report("E205", node, f"{value} is not known; only {self.least:g} is")
                return INVALID
            least = "" if self.least is None else f"at least {self.least:g}"
            most = "" if self.most is None else f"at most {self.most:g}"
            doc.report("E205", node, f"{value} is out of range: {' and '.join(filter(None, (least, most)))}")
            return INVALID
        return float(value) if self.fraction else value

    def schema(self) -> dict[str, Any]:
        """JSON Schema."""
        bounds = {"minimum": self.least, "maximum": self.most}
        return {"type": "number" if self.fraction else "integer"} | {k: v for k, v in bounds.items() if v is not None}


class Duration(Kind):
    """A duration, as microseconds."""

    says = "a duration"

    def __init__(self, least: int = 1) -> None:
        self.least = least

    def read(self, doc: Document, node: Node) -> Any:
        """The microseconds."""
        if not isinstance(node, Scalar) or node.value is None:
            return self.wrong(doc, node, "write for instance 30s, 5m, 2h or 1d")
        micros = durations.parse(node.text) if isinstance(node.value, str) else None
        if micros is None:
            doc.report("E204", node, f"{node.text} is not a duration", durations.advice(node.text))
            return INVALID
        if micros < self.least:
            doc.report("E205", node, f"{node.text} is too short", "leave the key away to do without")
            return INVALID
        return micros

    def schema(self) -> dict[str, Any]:
        """JSON Schema."""
        return {"type": "string", "pattern": r"^(([0-9.]+(ms|s|m|h|d|w))+|P.+)$"}


class OneOf(Kind):
    """One of some words; `synonyms` are other words that mean one of them, `hints` what to say about others."""

    def __init__(self, *words: str, synonyms: Map[str, str] | None = None, hints: Map[str, str] | None = None) -> None:
        self.words = words
        self.hints = dict(hints or {})
        self.synonyms = dict(synonyms or {})
        self.says = "one of " + ", ".join(words)

    def read(self, doc: Document, node: Node) -> Any:
        """The word."""
        if not isinstance(node, Scalar) or node.value is None:
            return self.wrong(doc, node)
        word = self.synonyms.get(node.text, node.text)
        if word not in self.words:
            close = did_you_mean(word, self.words) if len(word) < 65 else ""
            advice = self.hints.get(word.lower()) or (close if close.startswith("did") else "")
            if "|" in word and set(word.split("|")) <= set(self.words):
                advice = "that is the placeholder of the format: choose one of them"
            doc.report("E203", node, f"{shown(node)} is not {self.says}", advice)
            return INVALID
        return word

    def schema(self) -> dict[str, Any]:
        """JSON Schema."""
        return {"enum": [*self.words, *self.synonyms]}


class Anything(Kind):
    """Any JSON value. With `place` it may hold `${{ }}`, whose expressions may use the names of that place."""

    says = "any value"

    def __init__(self, place: str | None = None) -> None:
        self.place = place
        if place:
            self.says = "any value, `${{ }}` allowed"

    def read(self, doc: Document, node: Node) -> Any:
        """The value."""
        if self.place is not None:
            self.collect(doc, node)
        return node.plain()

    def collect(self, doc: Document, node: Node) -> None:
        """Remember the texts that hold expressions."""
        if isinstance(node, Scalar):
            if isinstance(node.value, str) and "${{" in node.value:
                doc.expressions.append(Expression(node, node.value, self.place or "", doc.scope, template=True))
        elif isinstance(node, Mapping):
            for value in node.values.values():
                self.collect(doc, value)
        elif isinstance(node, Sequence):
            for value in node.items:
                self.collect(doc, value)


class Templated(Anything):
    """Text that may hold `${{ }}`."""

    says = "text, `${{ }}` allowed"

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self.says = "text, `${{ }}` allowed"

    def read(self, doc: Document, node: Node) -> Any:
        """The text."""
        if not isinstance(node, Scalar) or node.value is None:
            return self.wrong(doc, node)
        self.collect(doc, node)
        return node.text

    def schema(self) -> dict[str, Any]:
        """JSON Schema."""
        return {"type": ["string", "number", "boolean"]}


class Cel(Kind):
    """An expression. true and false may stand without quotes; a `${{ }}` around it is tolerated and taken off."""

    says = "an expression"

    def __init__(self, place: str, *, expect: str = "") -> None:
        self.place = place
        self.expect = expect

    def read(self, doc: Document, node: Node) -> Any:
        """The expression's text."""
        if not isinstance(node, Scalar) or node.value is None:
            inline = f"write '{node.plain()}'" if isinstance(node, Sequence) else "put it in quotes if it begins with {"
            return self.wrong(doc, node, inline if node.kind != "nothing" else "leave the key away to do without")
        text = {True: "true", False: "false"}[node.value] if isinstance(node.value, bool) else node.text
        doc.expressions.append(Expression(node, text, self.place, doc.scope, template=False, expect=self.expect))
        return _bare(text)

    def schema(self) -> dict[str, Any]:
        """JSON Schema."""
        return {"type": ["string", "boolean", "number"]}


def _bare(text: str) -> str:
    inner = text.strip()
    if inner.startswith("${{") and inner.endswith("}}") and "${{" not in inner[3:]:
        return inner[3:-2].strip()
    return text


def slug(text: str) -> str:
    """A free name as an identifier: lower case, `_` for everything else."""
    words = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
    return words if words[:1].isalpha() else f"step_{words}".rstrip("_")


def _slugged(text: str, pattern: re.Pattern[str]) -> str:
    right = slug(text[:64])
    return f"write {right}" if pattern.fullmatch(right) else ""
