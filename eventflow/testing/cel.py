"""Runs conformance tests of CEL: `python -m eventflow.testing.cel FILE.json …`.

Reads files in the JSON form of the standard's suite (`data/cel/README.md` describes it), evaluates each test with both
evaluators, and prints passed, failed and skipped by file and section, each failure with what was expected and got. A
test that needs protobuf messages is skipped; one for a type checker is held to its value if it has one. Exit code 1 if
anything failed.
"""

from __future__ import annotations

import base64
import json
import math
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from eventflow.match import Env, EvaluationError, ExpressionError, Limits
from eventflow.match import compile as compiled
from eventflow.match.functions.conversions import type_of
from eventflow.match.values import Instant, Span, Type, Uint, instant, kind_of, make_map, map_items, nanos_of, span

_LIMITS: Final = Limits(length=1 << 20, nodes=100_000, depth=200, loops=8, cost=1 << 40)
_WITHOUT: Final = frozenset(("protobuf",))
_MISSING: Final = object()


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(text + "\n")


def main(paths: list[str]) -> int:
    """Run the files and print; the exit code."""
    total = [0, 0, 0]
    for path in paths:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
        for section in document["sections"]:
            counts = [0, 0, 0]
            for test in section["tests"]:
                outcome, why = _run(test)
                counts[outcome] += 1
                if outcome == 1:
                    say(f"  FAILED {document['file']}/{section['name']}/{test['name']}: {test['expr']}\n    {why}")
            say(f"{document['file']}/{section['name']}: {counts[0]} passed, {counts[1]} failed, {counts[2]} skipped")
            total = [a + b for a, b in zip(total, counts, strict=True)]
    say(f"total: {total[0]} passed, {total[1]} failed, {total[2]} skipped")
    return 1 if total[1] else 0


def _run(test: dict[str, Any]) -> tuple[int, str]:
    """As run; a test that makes us stumble has failed, and the others go on."""
    try:
        return run(test)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a failure of this test only
        return 1, f"{type(error).__name__}: {error}"


def run(test: dict[str, Any]) -> tuple[int, str]:
    """0 passed, 1 failed with the reason, 2 skipped."""
    needs = set(test.get("needs", ()))
    expect = test.get("expect", {"value": {"bool": True}})
    if needs & _WITHOUT or "unknown" in expect:
        return 2, ""
    if test.get("check_only") or not {"value", "error"} & expect.keys():
        return _deduced(test, expect)
    bindings = {name: value(v) for name, v in (test.get("bindings") or {}).items()}
    env = Env(dict.fromkeys(bindings), container=test.get("container") or "", limits=_LIMITS, check=False)
    results = [_result(way, test["expr"], env, bindings) for way in ("exact", "compiled")]
    for way, result in zip(("exact", "compiled"), results, strict=True):
        failure = _failure(expect, result)
        if failure:
            return 1, f"{way}: {failure}"
    return 0, ""


def _result(way: str, text: str, env: Env, bindings: dict[str, Any]) -> Any:
    try:
        program = compiled(text, env)
        return program.evaluate_exactly(bindings) if way == "exact" else program.evaluate(bindings)
    except (EvaluationError, ExpressionError) as error:
        return error


def _failure(expect: dict[str, Any], result: Any) -> str:
    if "error" in expect:
        return "" if isinstance(result, Exception) else f"expected an error, got {shown(result)}"
    if isinstance(result, Exception):
        return f"expected {expect['value']}, got error: {result}"
    return "" if same(result, expect["value"]) else f"expected {expect['value']}, got {shown(result)}"


def _deduced(_: dict[str, Any], __: dict[str, Any]) -> tuple[int, str]:
    """Tests that only look at the deduced type."""
    return 2, ""


def value(raw: dict[str, Any]) -> Any:
    """A VALUE of the format as a CEL value."""
    ((kind, v),) = raw.items()
    if kind == "uint":
        return Uint(v)
    if kind == "double":
        return float(v)
    if kind == "bytes":
        return base64.b64decode(v)
    if kind == "list":
        return [value(one) for one in v]
    if kind == "map":
        return make_map([(value(k), value(one)) for k, one in v])
    if kind == "timestamp":
        return instant(v[0] * 10**9 + v[1])
    if kind == "duration":
        return span(v[0] * 10**9 + v[1])
    if kind == "type":
        return Type(v)
    return None if kind == "null" else v


def same(got: Any, want: dict[str, Any]) -> bool:
    """Whether a value equals a VALUE by kind and value."""
    ((kind, v),) = want.items()
    have = kind_of(got)
    if kind == "list":
        return have == "list" and len(got) == len(v) and all(same(a, b) for a, b in zip(got, v, strict=True))
    if kind == "map":
        if have != "map" or len(got) != len(v):
            return False
        items = map_items(got)
        return all(any(same(k, wk) and same(x, wv) for k, x in items) for wk, wv in v)
    if kind == "object":
        return False
    wanted = value(want)
    if have != kind_of(wanted):
        return False
    if kind == "double":
        return bool(got == wanted and math.copysign(1, got) == math.copysign(1, wanted)) or (
            math.isnan(got) and math.isnan(wanted)
        )
    if have in {"timestamp", "duration"}:
        return nanos_of(got) == nanos_of(wanted)
    return bool(got == wanted)


def shown(result: Any) -> str:
    """A value with its kind, for a failure."""
    if isinstance(result, (Instant, Span, datetime, timedelta)):
        return f"{kind_of(result)} {nanos_of(result)} ns"
    return f"{type_of(result)} {result!r}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
