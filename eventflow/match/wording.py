"""What to say about a token in the wrong place: the mistakes people make who come from Python, SQL, JavaScript or YAML.

Kept apart from the parser because it is knowledge about people, not about the grammar.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from eventflow.match.problems import Problem, problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from eventflow.match.lexer import Token
    from eventflow.match.syntax import Node

_WORD_OPERATORS: Final = {
    "and": "write && instead of 'and'",
    "or": "write || instead of 'or'",
    "not": "write ! before the condition: !event.data.draft, !(a in b)",
    "is": "write == instead of 'is'",
    "isnt": "write != instead of 'isnt'",
    "eq": "write == instead of 'eq'",
    "ne": "write != instead of 'ne'",
    "gt": "write > instead of 'gt'",
    "ge": "write >= instead of 'ge'",
    "gte": "write >= instead of 'gte'",
    "lt": "write < instead of 'lt'",
    "le": "write <= instead of 'le'",
    "lte": "write <= instead of 'lte'",
    "equals": "write == instead of 'equals'",
    "contains": "write text.contains('part'), or 'item' in list",
    "like": "write glob(text, 'pattern*') or text.matches('pattern')",
    "matches": "write text.matches('pattern')",
    "startsWith": "write text.startsWith('part')",
    "endsWith": "write text.endsWith('part')",
    "startswith": "write text.startsWith('part')",
    "endswith": "write text.endsWith('part')",
    "between": "write a >= low && a <= high",
    "exists": "write has(event.data.field)",
    "then": "write condition ? value : other",
    "if": "write condition ? value : other",
    "else": "write condition ? value : other",
    "for": "write list.map(x, … x …), list.filter(x, …), list.exists(x, …) or list.all(x, …)",
    "xor": "write a != b for two conditions",
    "mod": "write % for the remainder",
    "div": "write / for division",
}


_PAIRS: Final = {
    "==": "write == to compare",
    "===": "write == to compare",
    "!==": "write != to compare",
    "<>": "write != for 'differs'",
    "**": "write the product out: a * a",
    "++": "write a + 1",
    "//": "one / divides",
    ">>": "write math.bitShiftRight(a, n)",
    "<<": "write math.bitShiftLeft(a, n)",
    "??": "write get(map, 'path', default)",
    "->": "write a dot before a field",
    "::": "write a dot before a field",
}
_CODE: Final = "E307 syntax"
_REMAINDER: Final = "'%' is the remainder; write a share as a number: 0.1 for 10%"
_BINARY: Final = frozenset(("&&", "||", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "!"))
_VALUES: Final = frozenset(("string", "int", "float", "uint", "name", ")", "]"))


def unexpected(text: str, token: Token, before: Token | None, expected: str, opener: Token | None) -> Problem:
    """The problem of a token that stands where `expected` should."""
    if token.kind == "end":
        return _at_end(text, token, before, expected, opener)
    found = _foreign(text, token, before)
    if found is not None:
        return found
    size = max(1, token.end - token.start)
    if before is not None and before.kind in _VALUES and expected.startswith("an operator"):
        message = f"{token.text} follows where the expression should end or go on with an operator"
        return problem(text, token.start, _CODE, message, _joining(token, before), size)
    hint = _value_hint(text, token, before, opener)
    return problem(text, token.start, _CODE, f"found {token.text}, expected {expected}", hint, size)


def _foreign(text: str, token: Token, before: Token | None) -> Problem | None:
    """Words and signs of other languages."""
    size = max(1, token.end - token.start)
    if before is not None and before.text == "not" and before.kind == "name":
        return problem(text, before.start, _CODE, "'not' is not an operator", _WORD_OPERATORS["not"], 3)
    if token.text in _WORD_OPERATORS and token.kind == "name":
        return problem(
            text, token.start, _CODE, f"'{token.text}' is not an operator", _WORD_OPERATORS[token.text], size
        )
    if before is None or before.end != token.start:
        return None
    pair = before.text + token.text
    if pair in _PAIRS:
        return problem(text, before.start, _CODE, f"'{pair}' is not an operator", _PAIRS[pair], 2)
    if before.kind == "name" and before.text.lower() == "f" and token.kind == "string":
        return problem(text, before.start, _CODE, "there are no f-texts", "write 'text ' + string(value)", 1)
    if token.kind == before.kind == "{":
        hint = "the whole text is the expression; in templates write ${{ }}"
        return problem(text, before.start, _CODE, "'{{ }}' is not used here", hint, 2)
    return None


def _joining(token: Token, before: Token) -> str:
    """What to write between two values."""
    if token.kind in {")", "]", "}"}:
        return f"remove it, or open it before with {dict(zip(')]}', '([{', strict=True))[token.kind]}"
    if token.kind == ":":
        return "a key with ':' is read as map['a:b']; in YAML put the whole expression in quotes"
    if token.kind == "quoted":
        return "put text in plain quotes: '…'"
    if "string" in {before.kind, token.kind}:
        return "join texts with +, conditions with && or ||; inside quotes write \\' for a quote"
    return "join conditions with && or ||"


def _value_hint(text: str, token: Token, before: Token | None, opener: Token | None) -> str:
    """What to write where a value is missing."""
    if token.kind == "quoted":
        return "put text in plain quotes: '…'"
    if before is not None and before.kind == "%" and token.kind in {"&&", "||", ")"}:
        return _REMAINDER
    if before is not None and before.kind == token.kind == "string":
        return "join texts with +; inside quotes write \\' for a quote"
    if before is not None and before.kind in _BINARY and token.kind != "=":
        return f"what follows '{before.text}' must be a value"
    if opener is not None and token.kind not in {",", "string"}:
        column = opener.start - text.rfind("\n", 0, opener.start)
        return f"the '{opener.text}' of column {column} is still open"
    return ""


def _at_end(text: str, token: Token, before: Token | None, expected: str, opener: Token | None) -> Problem:
    if opener is not None:
        closing = {"(": ")", "[": "]", "{": "}"}[opener.text[0]]
        return problem(text, opener.start, "E308 unclosed", f"this '{opener.text}' is never closed", f"add {closing}")
    hint = f"write a value after '{before.text}', or remove it" if before is not None else ""
    if before is not None and before.kind == "%":
        hint = _REMAINDER
    if before is not None and before.kind == ".":
        hint = "write the field after the dot"
    return problem(
        text, max(0, token.start - 1), "E307 syntax", f"the expression ends where {expected} should follow", hint
    )


def message_literal(text: str, node: Node, brace: Token) -> Problem:
    """Somebody builds a protobuf message."""
    name = text[node.start : node.end]
    return problem(
        text, node.start, "E309 message", f"{name}{{…}} would make a protobuf message; there are none here",
        "write a map: {'field': value}", brace.end - node.start,
    )  # fmt: skip


def closest(name: str, known: Iterable[str]) -> str:
    """The known word nearest to a misspelt one, or ''."""
    words = list(known)
    lower = {w.lower(): w for w in reversed(words)}
    if name.lower() in lower:
        return lower[name.lower()]
    found = get_close_matches(name.lower(), list(lower), 1, 0.65)
    return lower[found[0]] if found else ""
