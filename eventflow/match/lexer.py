"""Text to tokens, each with its exact place; wrong characters become problems that say what to write instead.

One regular expression of ours finds the tokens (it has no nested repetition, so its time is linear); literals are
decoded in `literals`.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from eventflow.match.problems import ExpressionError, Problem, problem


class Token(Struct, frozen=True, gc=False):
    """kind: name, quoted, int, uint, float, string, bytes, end, or the operator itself; text as written."""

    kind: str
    text: str
    start: int
    end: int


_TOKEN: Final = re.compile(
    r"""
    (?P<space>(?:[ \t\n\f\r]|//[^\n]*)+)
  | (?P<text>(?P<prefix>[rRbB]{0,2})(?:
        \"\"\"(?:[^\\"]|\\.|"(?!""))*\"\"\" | '''(?:[^\\']|\\.|'(?!''))*'''
      | "(?!"")(?:[^\\"\n\r]|\\.)*" | '(?!'')(?:[^\\'\n\r]|\\.)*' | ""(?!") | ''(?!') ))
  | (?P<float>(?:\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?))
  | (?P<int>0[xX][0-9a-fA-F]+[uU]?|\d+[uU]?)
  | (?P<quoted>`[a-zA-Z0-9_.\-/ ]+`)
  | (?P<name>[_a-zA-Z][_a-zA-Z0-9]*)
  | (?P<op>&&|\|\||==|!=|<=|>=|\.\?|\[\?|\{\?|[-+*/%<>!?:.,()\[\]{}])
    """,
    re.VERBOSE | re.DOTALL,
)
_RAW: Final = re.compile(
    r"""(?P<prefix>[rR][bB]?|[bB][rR])(?:\"\"\".*?\"\"\"|'''.*?'''|"(?!"")[^"\n\r]*"|'(?!'')[^'\n\r]*'|""(?!")|''(?!'))""",
    re.VERBOSE | re.DOTALL,
)
_RAW_START: Final = re.compile(r"(?:[rR][bB]?|[bB][rR])[\"']")
_CURLY: Final = "“”„‘’‚«»"
_INSTEAD: Final = {
    "=": "write == to compare",
    "&": "write && for 'and'",
    "|": "write || for 'or'; instead of a filter behind | write a function: text.upperAscii(), get(map, 'a', default)",
    "~": "write text.matches('pattern') to match a regular expression",
    ";": "one expression only: join conditions with && or ||",
    "$": "leave ${{ }} away: here the whole text is an expression",
    "@": "field names with special characters are read as map['@name']",
    "#": "comments begin with //",
    "^": "write math.bitXor(a, b) for bits; powers are written as products",
    "\\": "outside of text there is nothing to escape",
    "`": "a field name in backquotes holds letters, digits, '_', '.', '-', '/' and spaces only",
}


def tokens(text: str) -> list[Token]:
    """All tokens of the text and an end token. Raises ExpressionError at the first character that fits nowhere."""
    found: list[Token] = []
    at, size = 0, len(text)
    match = _TOKEN.match
    while at < size:
        m = _RAW.match(text, at) if text[at] in "rRbB" and _RAW_START.match(text, at) else match(text, at)
        if m is None:
            raise ExpressionError(text, (_wrong(text, at),))
        kind = m.lastgroup or ""
        end = m.end()
        if kind in {"text", "prefix"}:
            kind = "bytes" if "b" in m["prefix"].lower() else "string"
        elif kind == "op":
            kind = text[at:end]
        elif kind == "int":
            kind = "uint" if text[end - 1] in "uU" else "int"
        if kind in {"int", "uint", "float"} and end < size and (text[end].isalnum() or text[end] == "_"):
            raise ExpressionError(text, (_bad_number(text, at, end),))
        if kind != "space":
            found.append(Token(kind, text[at:end], at, end))
        at = end
    found.append(Token("end", "", size, size))
    return found


def token_end(text: str, at: int) -> int:
    """Where the token (or white space) that begins at `at` ends; -1 if nothing of the language begins there."""
    m = _RAW.match(text, at) if _RAW_START.match(text, at) else _TOKEN.match(text, at)
    return m.end() if m is not None else -1


def _wrong(text: str, at: int) -> Problem:
    c = text[at]
    if c in "\"'":
        return problem(
            text,
            at,
            "E301 unclosed-text",
            f"the text that begins with {c} is never closed",
            f"add the closing {c}",
            len(text) - at,
        )
    if c in _CURLY:
        return problem(text, at, "E302 character", f"{c} is a typographic quote", "use plain quotes: ' or \"")
    if c == "=":
        if text[at - 2 : at] in {"==", "!="}:
            pair = text[at - 2 : at]
            return problem(
                text, at - 2, "E302 character", f"'{pair}=' is not an operator", f"write {pair} to compare", 3
            )
        if text[at : at + 2] == "=~":
            return problem(text, at, "E302 character", "'=~' is not an operator", _INSTEAD["~"], 2)
        if text[at : at + 2] == "=>":
            return problem(text, at, "E302 character", "'=>' is not an operator", "write >= for 'at least'", 2)
    shown = c if c.isprintable() else f"U+{ord(c):04X}"
    return problem(
        text,
        at,
        "E302 character",
        f"{shown!r} has no meaning here",
        _INSTEAD.get(c, "remove it, or put text in quotes"),
    )


def _bad_number(text: str, at: int, end: int) -> Problem:
    stop = end
    while stop < len(text) and (text[stop].isalnum() or text[stop] == "_"):
        stop += 1
    word, unit = text[at:stop], text[end:stop]
    if unit in {"s", "m", "h", "ms", "us", "ns"}:
        hint = f"write duration('{word}') for a time span"
    elif unit == "d":
        hint = (
            f"write duration('{int(text[at:end]) * 24}h') for days"
            if text[at:end].isdigit()
            else "write a duration in hours"
        )
    elif unit == "_" or "_" in unit:
        hint = "digits are written without separators"
    else:
        hint = "put it in quotes if it is text"
    return problem(text, at, "E303 number", f"{word} is not a number", hint, stop - at)
