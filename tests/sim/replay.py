"""Play one seed again and print its diary: `python tests/sim/replay.py plain 7 [run]`, with a part of a run's id to see
that run's journal and calls; `python tests/sim/replay.py plain crash 123` is the crash at step 123 of a sweep."""
# ruff: noqa: T201 - a program that tells people something

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from scenarios import BY_NAME
from stage import simulate
from sweep import crash_at

if TYPE_CHECKING:
    from stage import Result


def tell(result: Result, part: str = "") -> None:
    for line in result.said:
        print(f"{line['at']:>10.6f}  {line['event']:<8}", {k: v for k, v in line.items() if k not in {"at", "event"}})
    for run in result.runs:
        if part and part in run["id"]:
            print(f"\n{run['id']} of {run['workflow']}: {run['status']} ({run['reason']}), {run['fixed']}")
            calls = [call for call in result.called if call.run == run["id"]]
            print(*run["journal"], *run["inbox"], *calls, sep="\n  ")
    print(f"\n{result.steps} steps, {result.seconds:.1f} s of virtual time, {result.kills} kills, trace {result.trace}")
    print("\n".join(result.violations) or "no promise is broken")


if __name__ == "__main__":
    name, *rest = sys.argv[1:]
    if rest[0] == "crash":
        tell(crash_at(BY_NAME[name], int(rest[1])), *rest[2:])
    else:
        tell(simulate(BY_NAME[name], int(rest[0])), *rest[1:])
