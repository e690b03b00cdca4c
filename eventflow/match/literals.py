"""From a literal's text to its value: numbers with their 64-bit bounds, text and bytes with their escapes."""

from __future__ import annotations

import math
import re
from typing import Final

from eventflow.match.values import INT_MAX, UINT_MAX, Uint

_SIMPLE: Final = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", "?": "?", '"': '"', "'": "'", "`": "`",
}  # fmt: skip
_ESCAPE: Final = re.compile(
    r"\\(?:([abfnrtv\\?\"'`])|[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|(.?))", re.DOTALL
)


class Malformed(Exception):
    """A literal that has no value: message, how far inside the literal, what to do."""

    def __init__(self, message: str, within: int = 0, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.within = within
        self.hint = hint


def number(text: str, kind: str, *, negative: bool = False) -> int | float | Uint:
    """The value of a number token; `negative` tells that a minus stands before it."""
    if kind == "float":
        value = float(text)
        if math.isinf(value):
            raise Malformed("the number is larger than any double")
        return -value if negative else value
    digits = text[:-1] if kind == "uint" else text
    if len(digits) > 40:  # Python would read it, at a cost that grows with the square
        raise Malformed("the number does not fit into 64 bits", 0, "write it as a double: with a decimal point")
    whole = int(digits, 16 if digits[:2].lower() == "0x" else 10)
    if kind == "uint":
        if whole > UINT_MAX:
            raise Malformed("the number does not fit into an unsigned 64-bit integer")
        return Uint(whole)
    if whole > INT_MAX + negative:
        raise Malformed(
            "the number does not fit into a 64-bit integer", 0, "write it as a double (1e19) or with a u behind it"
        )
    return -whole if negative else whole


def text_value(token: str) -> str | bytes:
    """The value of a string or bytes token, prefixes and quotes included in it."""
    at = 0
    while token[at] not in "\"'":
        at += 1
    prefix = token[:at].lower()
    quote = 3 if token[at : at + 3] in {'"""', "'''"} and len(token) - at >= 6 else 1
    inside = token[at + quote : -quote]
    inside = inside.replace("\r\n", "\n").replace("\r", "\n")
    if "b" in prefix:
        return inside.encode() if "r" in prefix else _bytes(inside, at + quote)
    if "r" in prefix or "\\" not in inside:
        return inside
    return _ESCAPE.sub(lambda m: _char(m, at + quote), inside)


def _char(m: re.Match[str], shift: int) -> str:
    simple, byte, short, long, octal, other = m.groups()
    if simple is not None:
        return _SIMPLE[simple]
    if octal is not None:
        return chr(int(octal, 8))
    hexa = byte or short or long
    if hexa is None:
        raise Malformed(
            f"'\\{other}' is not an escape", m.start() + shift, "write \\\\ for a backslash, or a raw text: r'…'"
        )
    point = int(hexa, 16)
    if point > 0x10FFFF or 0xD800 <= point <= 0xDFFF:
        raise Malformed(f"'{m.group()}' is not a character", m.start() + shift)
    return chr(point)


def _bytes(inside: str, shift: int) -> bytes:
    out = bytearray()
    last = 0
    for m in _ESCAPE.finditer(inside):
        out += inside[last : m.start()].encode()
        last = m.end()
        simple, byte, short, long, octal, _ = m.groups()
        if short or long:
            raise Malformed(
                "bytes have no Unicode escapes", m.start() + shift, "write \\x and two hexadecimal digits per byte"
            )
        if byte is not None:
            out.append(int(byte, 16))
        elif octal is not None:
            out.append(int(octal, 8))
        else:
            out += (_SIMPLE[simple] if simple is not None else _char(m, shift)).encode()
    return bytes(out + inside[last:].encode())
