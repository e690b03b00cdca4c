"""Text: the methods of the standard and its strings extension; positions count code points."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from eventflow.match.functions.table import function
from eventflow.match.operators import TEXT_MAX
from eventflow.match.problems import EvaluationError

_GROUP: Final = "Text"
_UPPER: Final = {c: c - 32 for c in range(ord("a"), ord("z") + 1)}
_LOWER: Final = {c: c + 32 for c in range(ord("A"), ord("Z") + 1)}
_SPACES: Final = (
    "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
)
_PATTERN_MAX: Final = 2_000


@lru_cache(maxsize=2048)
def pattern(text: str) -> Any:
    """A compiled RE2 pattern: linear time whatever the pattern. Raises EvaluationError."""
    import re2

    if len(text) > _PATTERN_MAX:
        raise EvaluationError("pattern", f"the regular expression is longer than {_PATTERN_MAX} characters")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    try:
        return re2.compile(text, options)
    except re2.error as error:
        why = error.args[0] if error.args else ""
        why = why.decode() if isinstance(why, bytes) else str(why)
        raise EvaluationError("pattern", f"'{text}' is no regular expression for RE2: {why}") from None


@function(
    "startsWith",
    "string.(string) -> bool",
    group=_GROUP,
    doc="Whether a text begins with another.",
    example="'web-1'.startsWith('web')",
)
def starts_with(text: str, part: str) -> bool:
    """Whether it begins so."""
    return text.startswith(part)


@function(
    "endsWith",
    "string.(string) -> bool",
    group=_GROUP,
    doc="Whether a text ends with another.",
    example="'a.md'.endsWith('.md')",
)
def ends_with(text: str, part: str) -> bool:
    """Whether it ends so."""
    return text.endswith(part)


@function(
    "contains",
    "string.(string) -> bool",
    group=_GROUP,
    doc="Whether a text holds another.",
    example="'disk full'.contains('full')",
)
def contains(text: str, part: str) -> bool:
    """Whether it is inside."""
    return part in text


@function(
    "matches", "string.(string) -> bool", "(string, string) -> bool",
    group=_GROUP, doc="Whether an RE2 regular expression is found in a text.", example="'v1.2.3'.matches('^v[0-9]+')",
)  # fmt: skip
def matches(text: str, expression: str) -> bool:
    """Whether the pattern is found."""
    return pattern(expression).search(text) is not None


def _inside(position: int, text: str) -> int:
    if 0 <= position <= len(text):
        return position
    raise EvaluationError("index", f"position {position} is outside a text of {len(text)}")


@function(
    "charAt",
    "string.(int) -> string",
    group=_GROUP,
    doc="The character at a position; '' at the end.",
    example="'tacocat'.charAt(3) == 'o'",
)
def char_at(text: str, position: int) -> str:
    """One character."""
    _inside(position, text)
    return text[position : position + 1]


@function(
    "indexOf", "string.(string) -> int", "string.(string, int) -> int",
    group=_GROUP, doc="The position of the first occurrence, from a position on; -1 without one.",
    example="'hello'.indexOf('l') == 2",
)  # fmt: skip
def index_of(text: str, part: str, start: int = 0) -> int:
    """First position."""
    return text.find(part, _inside(start, text))


@function(
    "lastIndexOf", "string.(string) -> int", "string.(string, int) -> int",
    group=_GROUP, doc="The position of the last occurrence that begins at or before a position; -1 without one.",
    example="'hello'.lastIndexOf('l') == 3",
)  # fmt: skip
def last_index_of(text: str, part: str, start: int | None = None) -> int:
    """Last position."""
    if start is None:
        return text.rfind(part)
    return text.rfind(part, 0, _inside(start, text) + len(part))


@function(
    "lowerAscii",
    "string.() -> string",
    group=_GROUP,
    doc="The ASCII letters in lower case.",
    example="'TacoCat'.lowerAscii() == 'tacocat'",
)
def lower_ascii(text: str) -> str:
    """Lower case."""
    return text.lower() if text.isascii() else text.translate(_LOWER)


@function(
    "upperAscii",
    "string.() -> string",
    group=_GROUP,
    doc="The ASCII letters in upper case.",
    example="'a'.upperAscii() == 'A'",
)
def upper_ascii(text: str) -> str:
    """Upper case."""
    return text.upper() if text.isascii() else text.translate(_UPPER)


@function(
    "trim", "string.() -> string", group=_GROUP, doc="Without white space at both ends.", example="'  a '.trim() == 'a'"
)
def trim(text: str) -> str:
    """Trimmed."""
    return text.strip(_SPACES)


@function(
    "reverse",
    "string.() -> string",
    group=_GROUP,
    doc="The characters in reverse order.",
    example="'gums'.reverse() == 'smug'",
)
def reverse(text: str) -> str:
    """Reversed."""
    return text[::-1]


@function(
    "replace", "string.(string, string) -> string", "string.(string, string, int) -> string",
    group=_GROUP, doc="Every occurrence, or the first so many, replaced.",
    example="'hello'.replace('l', 'L', 1) == 'heLlo'",
)  # fmt: skip
def replace(text: str, old: str, new: str, limit: int = -1) -> str:
    """Replaced."""
    times = text.count(old)
    times = times if limit < 0 else min(times, limit)
    if len(text) + times * max(0, len(new) - len(old)) > TEXT_MAX:
        raise EvaluationError("budget", f"the result would be longer than {TEXT_MAX}")
    return text.replace(old, new, limit)


@function(
    "split", "string.(string) -> list(string)", "string.(string, int) -> list(string)",
    group=_GROUP, doc="The parts between separators, at most so many.", example="'a,b,c'.split(',', 2) == ['a', 'b,c']",
)  # fmt: skip
def split(text: str, separator: str, limit: int = -1) -> list[str]:
    """Parts."""
    if limit == 0:
        return []
    if limit == 1:
        return [text]
    if not separator:
        parts = list(text)
        return parts if limit < 0 or limit >= len(parts) else [*parts[: limit - 1], "".join(parts[limit - 1 :])]
    return text.split(separator, limit - 1 if limit > 0 else -1)


@function(
    "substring", "string.(int) -> string", "string.(int, int) -> string",
    group=_GROUP, doc="The characters from a position on, up to another (exclusive).",
    example="'tacocat'.substring(4) == 'cat'",
)  # fmt: skip
def substring(text: str, start: int, end: int | None = None) -> str:
    """A part."""
    _inside(start, text)
    if end is None:
        return text[start:]
    _inside(end, text)
    if end < start:
        raise EvaluationError("index", f"the end {end} lies before the start {start}")
    return text[start:end]


@function(
    "join", "list<string>.() -> string", "list<string>.(string) -> string",
    group=_GROUP, doc="The texts of a list with a separator between them.", example="['a', 'b'].join('-') == 'a-b'",
)  # fmt: skip
def join(parts: list[Any], separator: str = "") -> str:
    """Joined."""
    total = 0
    for part in parts:
        if part.__class__ is not str:
            raise EvaluationError("type", "join() needs a list of texts; write list.map(x, string(x)).join(', ')")
        total += len(part) + len(separator)
        if total > TEXT_MAX + len(separator):
            raise EvaluationError("budget", f"the result would be longer than {TEXT_MAX}")
    return separator.join(parts)


_QUOTED: Final = {
    "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v", "\\": "\\\\", '"': '\\"',
}  # fmt: skip


@function(
    "strings.quote",
    "(string) -> string",
    group=_GROUP,
    doc="The text in double quotes, special characters escaped.",
    example="strings.quote('a\\n') == '\"a\\\\n\"'",
)
def quote(text: str) -> str:
    """Quoted."""
    return '"' + "".join(_QUOTED.get(c, "\ufffd" if 0xD800 <= ord(c) < 0xE000 else c) for c in text) + '"'
