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


def unexpected(text: str, token: Token, before: Token | None, expected: str, opener: Token | None) -> Problem:
    """The problem of a token that stands where `expected` should."""
    code = "E307 syntax"
    size = max(1, token.end - token.start)
    if token.kind == "end":
        return _at_end(text, token, before, expected, opener)
    if before is not None and before.text == "not" and before.kind == "name":
        return problem(text, before.start, code, "'not' is not an operator", _WORD_OPERATORS["not"], 3)
    if token.text in _WORD_OPERATORS and token.kind == "name":
        return problem(text, token.start, code, f"'{token.text}' is not an operator", _WORD_OPERATORS[token.text], size)
    doubled = before is not None and before.end == token.start
    if doubled and before is not None:
        pair = before.text + token.text
        hints = {"==": "write == to compare", "===": "write == to compare", "!==": "write != to compare",
        "<>": "write != for 'differs'",
                 "**": "write the product out: a * a", "++": "write a + 1", "//": "one / divides",
                 ">>": "write math.bitShiftRight(a, n)",
                 "<<": "write math.bitShiftLeft(a, n)", "??": "write get(map, 'path', default)",
                 "->": "write a dot before a field",
                 "::": "write a dot before a field"}  # fmt: skip
        if pair in hints:
            return problem(text, before.start, code, f"'{pair}' is not an operator", hints[pair], 2)
        if before.kind == "name" and before.text.lower() == "f" and token.kind == "string":
            return problem(text, before.start, code, "there are no f-texts", "write 'text ' + string(value)", 1)
    if token.kind == "{" and before is not None and before.kind == "{" and before.end == token.start:
        return problem(
            text,
            before.start,
            code,
            "'{{ }}' is not used here",
            "the whole text is the expression; in templates write ${{ }}",
            2,
        )
    if (
        before is not None
        and before.kind in {"string", "int", "float", "uint", "name", ")", "]"}
        and expected.startswith("an operator")
    ):
        hint = "join conditions with && or ||"
        if before.kind == "string" or token.kind == "string":
            hint = "join texts with +, conditions with && or ||; inside quotes write \\' for a quote"
        if token.kind in {")", "]", "}"}:
            hint = f"remove it, or open it before with {dict(zip(')]}', '([{', strict=True))[token.kind]}"
        if token.kind == ":":
            hint = "a key with ':' is read as map['a:b']; in YAML put the whole expression in quotes"
        if token.kind == "quoted":
            hint = "put text in plain quotes: '…'"
        if token.kind == ",":
            hint = "join conditions with && or ||"
        return problem(
            text,
            token.start,
            code,
            f"{token.text} follows where the expression should end or go on with an operator",
            hint,
            size,
        )
    shown = token.text
    hint = ""
    if before is not None and before.kind in {
        "&&",
        "||",
        "==",
        "!=",
        "<",
        "<=",
        ">",
        ">=",
        "+",
        "-",
        "*",
        "/",
        "%",
        "!",
    }:
        hint = f"what follows '{before.text}' must be a value" if token.kind != "=" else ""
    if before is not None and before.kind == "%" and token.kind in {"&&", "||", ")"}:
        hint = "'%' is the remainder; write a share as a number: 0.1 for 10%"
    if token.kind == "string" and before is not None and before.kind == "string":
        hint = "join texts with +; inside quotes write \\' for a quote"
    if token.kind == "quoted":
        hint = "put text in plain quotes: '…'"
    if opener is not None and token.kind not in {",", "string"} and not hint:
        hint = f"the '{opener.text}' of column {opener.start - text.rfind(chr(10), 0, opener.start)} is still open"
    return problem(text, token.start, code, f"found {shown}, expected {expected}", hint, size)


def _at_end(text: str, token: Token, before: Token | None, expected: str, opener: Token | None) -> Problem:
    if opener is not None:
        closing = {"(": ")", "[": "]", "{": "}"}[opener.text[0]]
        return problem(text, opener.start, "E308 unclosed", f"this '{opener.text}' is never closed", f"add {closing}")
    hint = f"write a value after '{before.text}', or remove it" if before is not None else ""
    if before is not None and before.kind == "%":
        hint = "'%' is the remainder; write a share as a number: 0.1 for 10%"
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
