"""What an unquoted value means: the core schema of YAML 1.2 (section 10.3.2), where `on`, `yes` and `no` are texts."""

from __future__ import annotations

import re
from typing import Any, Final

_WORDS: Final[dict[str, Any]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_FIRST: Final = frozenset("+-.0123456789")
_INT: Final = re.compile(r"[-+]?[0-9]+")
_OCTAL: Final = re.compile(r"0o[0-7]+")
_HEX: Final = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_SPECIAL: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_LEAST: Final = -(2**63)
_MOST: Final = 2**63 - 1


class NotJson(ValueError):
    """A number that JSON cannot carry; the text says why."""


def resolve(text: str) -> Any:
    """The value of an unquoted scalar. Raises `NotJson` for a number that is none for JSON."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _FIRST:
        return text
    if _INT.fullmatch(text):
        return _integer(text, 10)
    if _FLOAT.fullmatch(text):
        return _float(text)
    if _OCTAL.fullmatch(text):
        return _integer(text[2:], 8)
    if _HEX.fullmatch(text):
        return _integer(text[2:], 16)
    if _SPECIAL.fullmatch(text):
        raise NotJson(f"{text} is no number for JSON")
    return text


def _integer(text: str, base: int) -> int:
    if len(text) > 70 or not _LEAST <= (value := int(text, base)) <= _MOST:
        raise NotJson("a whole number beyond 64 bits")
    return value


def _float(text: str) -> float:
    value = float(text)
    if value in {float("inf"), float("-inf")}:
        raise NotJson("a number too large for a double")
    return value
