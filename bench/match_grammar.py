"""Random expressions and events for comparing evaluators: a grammar that reaches every operator, function, pair of
types and error.

Most parts are of the kind that is wanted where they stand, one in eight is of any other, so that errors and the mixing
of types are as well covered as values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from random import Random

KINDS = (
    "bool",
    "int",
    "uint",
    "double",
    "string",
    "bytes",
    "list",
    "map",
    "timestamp",
    "duration",
    "null",
    "type",
    "dyn",
)
LITERALS = {
    "bool": ("true", "false"),
    "int": (
        "0",
        "1",
        "-1",
        "2",
        "7",
        "-3",
        "42",
        "9223372036854775807",
        "-9223372036854775808",
        "9007199254740993",
        "0x1F",
    ),
    "uint": ("0u", "1u", "2u", "7u", "18446744073709551615u", "9007199254740993u"),
    "double": (
        "0.0",
        "-0.0",
        "1.0",
        "2.5",
        "-1.5",
        "1e308",
        "1e-5",
        "9007199254740992.0",
        "(0.0/0.0)",
        "(1.0/0.0)",
        "3.0",
    ),
    "string": (
        "''",
        "'a'",
        "'abc'",
        "'hello world'",
        "'πέντε'",
        "'1'",
        "'1.5'",
        "'true'",
        "'2026-01-02T03:04:05Z'",
        "'1h30m'",
        "'😀x'",
    ),
    "bytes": ("b''", "b'abc'", r"b'\xff'", "b'a'"),
    "null": ("null",),
    "type": ("int", "string", "type(1.0)", "type(null)", "bool"),
    "list": (
        "[]",
        "[1, 2, 3]",
        "['a', 'b']",
        "[1, 'a', 2.0, null]",
        "[[1], [2, 3]]",
        "[true, false]",
        "[1u, 2]",
        "[0.5, 1.5]",
    ),
    "map": (
        "{}",
        "{'a': 1}",
        "{'a': {'b': 2}, 'c': [1, 2]}",
        "{1: 'x', 2u: 'y'}",
        "{'k': null}",
        "{true: 1, false: 2}",
    ),
    "timestamp": ("timestamp('2026-01-02T03:04:05Z')", "timestamp(0)", "timestamp('1999-12-31T23:59:59.123456789Z')"),
    "duration": ("duration('1h')", "duration('90s')", "duration('-1.5s')", "duration('0s')", "duration('1ms')"),
}
FIELDS = {
    "bool": ("event.flag", "event.off"),
    "int": ("event.n", "event.zero", "event.big", "event.neg"),
    "double": ("event.f", "event.ratio", "event.whole"),
    "string": ("event.s", "event.word", "event.data.name", "event.data.severity"),
    "list": ("event.list", "event.words", "event.mixed"),
    "map": ("event.map", "event.data", "event.data.labels"),
    "null": ("event.nothing",),
    "dyn": (
        "event.absent",
        "event.data.absent",
        "event.data.labels.team",
        "event.map.a",
        "event.s.x",
        "event.data['name']",
        "event.list[0]",
    ),
}
BINARY = {
    "bool": ("==", "!=", "<", "<=", ">", ">=", "in", "&&", "||"),
    "int": ("+", "-", "*", "/", "%"),
    "uint": ("+", "-", "*", "/", "%"),
    "double": ("+", "-", "*", "/"),
    "string": ("+",),
    "bytes": ("+",),
    "list": ("+",),
    "timestamp": ("+", "-"),
    "duration": ("+", "-"),
}
# result kind -> templates; {kind} is replaced by an expression of that kind
CALLS = {
    "bool": (
        "{string}.startsWith({string})",
        "{string}.endsWith({string})",
        "{string}.contains({string})",
        "{string}.matches('^[a-h]+$')",
        "matches({string}, 'l+')",
        "has(event.data.{name})",
        "has(event.{name})",
        "has({map}.a)",
        "bool({string})",
        "bool({bool})",
        "math.isNaN({double})",
        "math.isInf({double})",
        "math.isFinite({double})",
        "!{bool}",
        "{list}.all(x, {inner} > 0)",
        "{list}.exists(x, x == {dyn})",
        "{list}.exists_one(x, x == {int})",
        "{map}.all(k, k != {string})",
        "{map}.exists(k, k == 'a')",
        "optional.of({dyn}).hasValue()",
        "{string} in ['a', 'abc', 'high']",
        "{int} in [1, 2, 7]",
        "{dyn} in [2, 2.5, 'a']",
        "event.list.all(x, x < {int})",
        "event.words.exists(x, x.startsWith({string}))",
        "event.mixed.exists(x, x == {dyn})",
        "{string} in {map}",
        "{dyn} in {list}",
        "({bool} ? {bool} : {bool})",
    ),
    "int": (
        "size({string})",
        "size({list})",
        "size({map})",
        "size({bytes})",
        "{string}.size()",
        "{list}.size()",
        "int({double})",
        "int({string})",
        "int({uint})",
        "int({timestamp})",
        "-{int}",
        "{timestamp}.getHours()",
        "{timestamp}.getFullYear('Europe/Berlin')",
        "{timestamp}.getMonth()",
        "{timestamp}.getDayOfWeek('-05:30')",
        "{timestamp}.getMilliseconds()",
        "{timestamp}.getDayOfYear()",
        "{timestamp}.getDate()",
        "{timestamp}.getDayOfMonth()",
        "{timestamp}.getMinutes('+09:00')",
        "{duration}.getMinutes()",
        "{duration}.getSeconds()",
        "{duration}.getHours()",
        "{duration}.getMilliseconds()",
        "{string}.indexOf({string})",
        "{string}.lastIndexOf({string})",
        "{string}.indexOf({string}, {int})",
        "math.abs({int})",
        "math.sign({int})",
        "math.bitAnd({int}, {int})",
        "math.bitOr({int}, {int})",
        "math.bitXor({int}, {int})",
        "math.bitNot({int})",
        "math.bitShiftLeft({int}, 3)",
        "math.bitShiftRight({int}, 2)",
        "math.greatest({int}, {int})",
        "math.least({int}, {double}, {uint})",
        "cel.bind(v, {int}, v + v)",
        "({bool} ? {int} : {int})",
        "{list}[{int}]",
        "optional.of({int}).orValue({int})",
        "event.?data.?absent.orValue({int})",
    ),
    "uint": (
        "uint({int})",
        "uint({string})",
        "uint({double})",
        "math.abs({uint})",
        "math.bitAnd({uint}, {uint})",
        "math.bitNot({uint})",
    ),
    "double": (
        "double({int})",
        "double({string})",
        "double({uint})",
        "-{double}",
        "math.ceil({double})",
        "math.floor({double})",
        "math.round({double})",
        "math.trunc({double})",
        "math.abs({double})",
        "math.sign({double})",
        "math.greatest({double}, {int})",
        "math.sqrt({double})",
    ),
    "string": (
        "string({int})",
        "string({double})",
        "string({bool})",
        "string({bytes})",
        "string({uint})",
        "{string}.lowerAscii()",
        "{string}.upperAscii()",
        "{string}.trim()",
        "{string}.replace({string}, {string})",
        "{string}.replace('l', {string}, {int})",
        "{string}.substring({int})",
        "{string}.substring({int}, {int})",
        "{string}.charAt({int})",
        "{string}.reverse()",
        "['a', {string}].join({string})",
        "strings.quote({string})",
        "'%s-%d'.format([{dyn}, {int}])",
        "'%.2f %e %x'.format([{double}, {double}, {int}])",
        "base64.encode({bytes})",
        "({bool} ? {string} : {string})",
        "{map}[{string}]",
    ),
    "bytes": ("bytes({string})", "base64.decode({string})"),
    "list": (
        "{list}.map(x, x)",
        "{list}.filter(x, {bool})",
        "[{dyn}, {dyn}]",
        "{string}.split({string})",
        "{string}.split('l', {int})",
        "event.list.map(x, x + {int})",
        "event.words.filter(x, x != {string})",
        "{map}.map(k, k)",
        "event.list.map(x, x > 1, x * {int})",
    ),
    "map": ("{{'a': {dyn}, 'b': {dyn}}}", "{{{string}: {int}}}", "{{{int}: {string}, {uint}: {string}}}"),
    "timestamp": ("timestamp({string})", "timestamp({int})", "timestamp({timestamp})"),
    "duration": ("duration({string})", "duration({duration})", "({timestamp} - {timestamp})"),
    "type": ("type({dyn})",),
    "dyn": (
        "dyn({int})",
        "dyn({string})",
        "{map}.{name}",
        "{list}[{int}]",
        "event.?data.{name}",
        "{map}[?{string}].orValue({dyn})",
    ),
}
NAMES = ("a", "b", "name", "absent", "labels", "severity", "n", "k")
WORDS = ("a", "abc", "hello", "high", "low", "web-1", "", "true", "1", "πέντε")


def expression(random: Random, kind: str = "bool", depth: int = 3) -> str:
    """An expression that probably has this kind."""
    if random.random() < 0.06:
        kind = random.choice(KINDS)
    if kind == "dyn" and random.random() < 0.6:
        kind = random.choice(KINDS[:-1])
    if depth <= 0 or (kind in {"null", "type"} and random.random() < 0.7):
        return _leaf(random, kind)
    roll = random.random()
    if roll < 0.15:
        return _leaf(random, kind)
    if roll < 0.5 and kind in BINARY:
        return _binary(random, kind, depth)
    return _filled(random, random.choice(CALLS.get(kind, ("dyn({int})",))), depth)


def _leaf(random: Random, kind: str) -> str:
    fields = FIELDS.get(kind, ())
    if fields and (random.random() < 0.6 or kind not in LITERALS):
        return random.choice(fields)
    return random.choice(LITERALS.get(kind, LITERALS["int"]))


def _binary(random: Random, kind: str, depth: int) -> str:
    op = random.choice(BINARY[kind])
    if kind == "bool":
        if op in {"&&", "||"}:
            terms = [expression(random, "bool", depth - 1) for _ in range(random.choice((2, 2, 3)))]
            return "(" + f" {op} ".join(terms) + ")"
        if op == "in":
            item = expression(random, "dyn", depth - 1)
            return f"({item} in {expression(random, random.choice(('list', 'map')), depth - 1)})"
        inner = random.choice(
            ("int", "double", "string", "uint", "bytes", "timestamp", "duration", "list", "map", "dyn", "null", "bool")
        )
        other = inner if random.random() < 0.75 else random.choice(KINDS)
        return f"({expression(random, inner, depth - 1)} {op} {expression(random, other, depth - 1)})"
    left, right = kind, kind
    if kind == "timestamp":
        right = "duration"
    return f"({expression(random, left, depth - 1)} {op} {expression(random, right, depth - 1)})"


def _filled(random: Random, template: str, depth: int) -> str:
    out = ""
    at = 0
    while at < len(template):
        if template.startswith(("{{", "}}"), at):
            out += template[at]
            at += 2
        elif template[at] == "{":
            end = template.index("}", at)
            word = template[at + 1 : end]
            if word == "name":
                out += random.choice(NAMES)
            elif word == "inner":
                out += random.choice(("x", "x", "size(x)", "(x + 1)"))
            else:
                part = expression(random, word, depth - 1)
                out += (
                    f"({part})"
                    if template[end + 1 : end + 2] in {".", "["} or template[max(0, at - 1)] in "!-"
                    else part
                )
            at = end + 1
        else:
            out += template[at]
            at += 1
    return out


def event(random: Random) -> dict[str, Any]:
    """An event that has most of the fields, sometimes of another kind."""
    values: dict[str, Any] = {
        "flag": random.random() < 0.5,
        "off": False,
        "n": random.choice((0, 1, 2, 7, 42, -3)),
        "zero": 0,
        "big": 2**63 - 1,
        "neg": -5,
        "f": random.choice((0.0, 1.0, 2.5, -1.5, 1e300)),
        "ratio": random.random(),
        "whole": 3.0,
        "s": random.choice(WORDS),
        "word": random.choice(WORDS),
        "nothing": None,
        "list": [random.randrange(5) for _ in range(random.randrange(4))],
        "words": random.sample(WORDS, 3),
        "mixed": [1, "a", 2.5, None, True],
        "map": {"a": random.choice((1, "x", None)), "b": {"c": 1}},
        "data": {
            "name": random.choice(WORDS),
            "severity": random.choice(("low", "high", "critical")),
            "labels": {"team": "core"},
            "n": 1,
        },
    }
    for key in random.sample(sorted(values), 2):
        roll = random.random()
        if roll < 0.3:
            del values[key]
        elif roll < 0.6:
            values[key] = random.choice((0, 1, True, False, None, "a", 1.5, [], {}, [1], {"a": 1}))
    return values
