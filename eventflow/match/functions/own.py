"""What eventflow adds to the standard, and nothing else: get, glob, in_cidr, at_least."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

from eventflow.match.functions.network import address, network
from eventflow.match.functions.table import function
from eventflow.match.problems import EvaluationError
from eventflow.match.values import MISSING, kind_of, map_get

_GROUP: Final = "Added by eventflow"


@function(
    "get", "(dyn, string) -> dyn", "(dyn, string, dyn) -> dyn",
    group=_GROUP, doc="What lies at a dotted path, or the default (null without one) where something on the way is "
    "absent.",
    example="get({'a': {'b': 1}}, 'a.b', 0) == 1",
)  # fmt: skip
def get(value: Any, path: str, default: Any = None) -> Any:
    """The value at the path or the default. A number in the path is a position in a list."""
    for part in path.split("."):
        kind = kind_of(value)
        if kind == "map":
            value = map_get(value, part)
            if value is MISSING:
                return default
        elif kind == "list" and part.isdecimal() and part.isascii() and len(part) < 10 and int(part) < len(value):
            value = value[int(part)]
        else:
            return default
    return value


@lru_cache(maxsize=4096)
def glob_pattern(pattern: str) -> Any:
    """A glob as a regular expression: `*` any characters but '/', `**` any, `?` one but '/', `[abc]` one of them."""
    if len(pattern) > 1_000:
        raise EvaluationError("pattern", "the glob is longer than 1,000 characters")
    from eventflow.match.functions.texts import pattern as compiled

    return compiled(r"(?s)\A" + _translate(pattern) + r"\z")


def _translate(pattern: str) -> str:
    out = ""
    at = 0
    while at < len(pattern):
        c = pattern[at]
        at += 1
        if c == "*":
            if pattern[at : at + 1] != "*":
                out += "[^/]*"
            elif pattern[at + 1 : at + 2] == "/" and (at == 1 or pattern[at - 2] == "/"):
                out += "(?:.*/)?"
                at += 2
            else:
                out += ".*"
                at += 1
        elif c == "?":
            out += "[^/]"
        elif c == "[" and "]" in pattern[at + 1 :]:
            end = pattern.index("]", at + 1)
            inside = pattern[at:end]
            negated = inside[:1] in {"!", "^"}
            inside = inside[negated:].replace("\\", "\\\\").replace("[", "\\[").replace("^", "\\^")
            out += f"[{'^' if negated else ''}{inside}]"
            at = end + 1
        else:
            out += re.escape(c) if c != "/" else "/"
    return out


def is_glob(pattern: str) -> bool:
    """Whether the text has anything a glob would treat specially."""
    return any(c in pattern for c in "*?[")


@function(
    "glob", "(string, string) -> bool",
    group=_GROUP, doc="Whether a text fits a glob: * and ? do not cross '/', ** does.",
    example="glob('release/1.2', 'release/*')",
)  # fmt: skip
def glob(text: str, pattern: str) -> bool:
    """Whether the text fits the glob."""
    return text == pattern if not is_glob(pattern) else glob_pattern(pattern).match(text) is not None


@function(
    "in_cidr", "(string, string) -> bool", "(ip, string) -> bool", "(string, list(string)) -> bool",
    group=_GROUP, doc="Whether an IP address lies in a network, or in one of several.",
    example="in_cidr('10.1.2.3', '10.0.0.0/8')",
)  # fmt: skip
def in_cidr(value: Any, networks: Any) -> bool:
    """Whether the address is inside."""
    one = address(value) if value.__class__ is str else value
    if networks.__class__ is str:
        return network(networks).holds(one)
    if any(n.__class__ is not str for n in networks):
        raise EvaluationError("type", "in_cidr() needs a list of texts")
    return any(network(n).holds(one) for n in networks)


SCALES: Final = (
    ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"),
    ("low", "medium", "high", "critical"),
)
SAME: Final = {
    "warn": "warning",
    "err": "error",
    "crit": "critical",
    "emerg": "emergency",
    "panic": "emergency",
    "moderate": "medium",
}
RANKS: Final[tuple[dict[str, int], ...]] = tuple({word: n for n, word in enumerate(scale)} for scale in SCALES)


@function(
    "at_least", "(string, string) -> bool",
    group=_GROUP,
    doc="Whether a severity reaches a floor, on one of the scales debug < info < notice < warning < error < critical "
    "< alert < emergency and low < medium < high < critical.",
    example="at_least('error', 'warning')",
)  # fmt: skip
def at_least(word: str, floor: str) -> bool:
    """Whether the word stands at or above the floor on a scale that has both."""
    a, b = (SAME.get(w.lower(), w.lower()) for w in (word, floor))
    for ranks in RANKS:
        if a in ranks and b in ranks:
            return ranks[a] >= ranks[b]
    wrong = next((w for w, low in ((floor, b), (word, a)) if not any(low in r for r in RANKS)), None)
    if wrong is not None:
        raise EvaluationError(
            "argument", f"at_least(): '{wrong[:40]}' is on no scale; scales: {'; '.join(' < '.join(s) for s in SCALES)}"
        )
    raise EvaluationError("argument", f"at_least(): '{word[:40]}' and '{floor[:40]}' are on different scales")
