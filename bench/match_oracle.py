"""Differential fuzz: both own evaluators against each other and against Google's cel-expr-python.

    python bench/match_oracle.py [COUNT] [SEED]

Prints how often all agree and groups the disagreements; the explained ones are listed in docs/explanation/match.md.
"""

from __future__ import annotations

import math
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cel_expr_python import cel
from cel_expr_python.ext import ext_bindings, ext_encoders, ext_math, ext_optional, ext_strings

from bench.match_grammar import event, expression
from eventflow.match import Env, EvaluationError, ExpressionError, Limits
from eventflow.match import compile as compiled
from eventflow.match.values import kind_of, map_items, nanos_of

if TYPE_CHECKING:
    from collections.abc import Iterator

TYPES = {
    "BOOL": "bool",
    "INT": "int",
    "UINT": "uint",
    "DOUBLE": "double",
    "STRING": "string",
    "BYTES": "bytes",
    "NULL": "null",
    "TIMESTAMP": "timestamp",
    "DURATION": "duration",
    "TYPE": "type",
    "LIST": "list",
    "MAP": "map",
}


def oracle_env() -> Any:
    extensions = [
        ext_bindings.ExtBindings(),
        ext_encoders.ExtEncoders(),
        ext_math.ExtMath(),
        ext_optional.ExtOptional(),
        ext_strings.ExtStrings(),
    ]
    return cel.NewEnv(variables={"event": cel.Type.DYN}, extensions=extensions)


def normal(value: Any) -> Any:
    """A value of ours in a form that compares with the oracle's."""
    kind = kind_of(value)
    if kind == "map":
        return ("map", tuple(sorted((repr(normal(k)), repr(normal(v))) for k, v in map_items(value))))
    if kind == "list":
        return ("list", tuple(normal(v) for v in value))
    if kind in {"timestamp", "duration"}:
        return (kind, nanos_of(value) // 1000)
    if kind == "double":
        return ("number", "nan") if math.isnan(value) else ("number", float(value))
    if kind in {"int", "uint"}:
        return ("number", int(value))
    if value.__class__.__name__ == "Type":
        return (
            "type",
            {"null_type": "null", "google.protobuf.Timestamp": "timestamp", "google.protobuf.Duration": "duration"}.get(
                str(value), str(value)
            ).lower(),
        )
    if isinstance(value, bytearray):
        return ("bytes", bytes(value))
    if kind == "type":
        return ("type", str(value))
    if kind == "optional":
        return ("optional", value.present, normal(value.value))
    return (kind, value if value is None or isinstance(value, (bool, str, bytes)) else repr(value))


def theirs(env: Any, text: str, values: dict[str, Any]) -> Any:
    try:
        result = env.compile(text, disable_check=True).eval(data={"event": values})
        kind = result.type().name()
        if kind == "ERROR" or "ERROR" in str(result.type()):
            return ("error", str(result.value())[:80])
        value = result.plain_value() if hasattr(result, "plain_value") else result.value()
        if kind.lower() in {"int", "uint", "double"}:
            return (kind.lower(), normal(value))
        return ("", normal(value))
    except Exception as error:  # noqa: BLE001 - whatever it is, the oracle has no value
        return ("error", f"{type(error).__name__}: {str(error)[:80]}")


def ours(run: Any, values: dict[str, Any]) -> Any:
    try:
        value = run({"event": values})
    except EvaluationError as error:
        return ("error", error.kind, error.offset, error.message)
    kind = kind_of(value)
    return (kind if kind in {"int", "uint", "double"} else "", normal(value))


def worker(start: int, count: int, seed: int) -> None:
    """Asks the oracle only; it has died on some expressions, so it gets a process of its own."""
    google = oracle_env()
    for n in range(start, count):
        random = Random(seed * 1_000_003 + n)
        text, values = expression(random), event(random)
        sys.stdout.write(repr((n, theirs(google, text, values))) + "\n")
        sys.stdout.flush()


def answers(count: int, seed: int) -> Iterator[Any]:
    """The oracle's answer for each case, in order; a crash counts as one."""
    start = 0
    while start < count:
        command = [sys.executable, __file__, "--worker", str(start), str(count), str(seed)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if not line.endswith("\n"):
                    break
                start += 1
                yield eval(line, {"nan": math.nan, "inf": math.inf})[1]
        if start < count:
            start += 1
            yield ("crash", "")


def main(count: int, seed: int) -> None:
    env = Env({"event": None}, check=False, limits=Limits(depth=200, loops=8, cost=1 << 40))
    tally: Counter[str] = Counter()
    shown: Counter[str] = Counter()
    for n, other in enumerate(answers(count, seed)):
        random = Random(seed * 1_000_003 + n)
        text, values = expression(random), event(random)
        try:
            program = compiled(text, env)
        except ExpressionError as error:
            tally["of them refused when parsed"] += 1
            exact = fast = ("error", "parse", -1, str(error)[:100])
        else:
            exact, fast = ours(program.evaluate_exactly, values), ours(program.evaluate, values)
        if exact != fast:
            tally["OWN EVALUATORS DIFFER"] += 1
            print("OWN", n, text, values, exact, fast)
        what = verdict(exact, other)
        tally[what] += 1
        if not what.startswith("both") and other[0] != "crash":
            ours_says = exact[3][:40] if exact[0] == "error" else ""
            label = f"{what}: {ours_says} | {other[1][:60] if other[0] == 'error' else ''}"
            shown[label] += 1
            if shown[label] <= 2 and len(shown) < 400:
                print(f"{label}\n    {text}\n    ours {exact}\n    theirs {other}")
    print(dict(tally))
    for label, times in shown.most_common(80):
        print(times, label)


def verdict(exact: Any, other: Any) -> str:
    if other[0] == "crash":
        return "the oracle crashed"
    if exact[0] == "error" or other[0] == "error":
        return "both error" if exact[0] == other[0] else f"only {'we' if exact[0] == 'error' else 'they'} fail"
    a, b = exact[1], other[1]
    close = a[0] == b[0] == "duration" and abs(a[1] - b[1]) <= 1  # theirs has microseconds only
    reordered = a[0] == b[0] == "list" and sorted(map(repr, a[1])) == sorted(
        map(repr, b[1])
    )  # from a map, which has no order
    if close or reordered:
        return "both the same value"
    same = exact[1] == other[1] and (not other[0] or not exact[0] or exact[0] == other[0])
    return "both the same value" if same else "values differ"


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        worker(*(int(a) for a in sys.argv[2:5]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000, int(sys.argv[2]) if len(sys.argv) > 2 else 1)
