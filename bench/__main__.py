"""`make bench`: every benchmark of this folder, one after the other, each in a process of its own.

    python -m bench            all
    python -m bench route bus  only these

Ratios are taken against a limit that runs alternately in the same process tree; absolute figures are the machine's.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ORDER = (
    "ingest", "sources", "bus", "store", "route", "execute", "walk", "match_filters", "match_index", "detectors",
    "detect_router", "kafka", "kafka_start",
)  # fmt: skip


def main() -> None:
    there = {path.stem for path in HERE.glob("*.py") if "def main" in path.read_text() and path.stem != "__main__"}
    wanted = sys.argv[1:] or [name for name in ORDER if name in there]
    unknown = [name for name in wanted if name not in there]
    if unknown:
        sys.exit(f"no benchmark {unknown[0]!r}; there are: {', '.join(sorted(there))}")
    failed = 0
    for name in wanted:
        print(f"\n## {name}", flush=True)
        failed += subprocess.run([sys.executable, "-m", f"bench.{name}"], cwd=HERE.parent, check=False).returncode != 0
    sys.exit(1 if failed else 0)


main()
