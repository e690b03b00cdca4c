"""Labelled series through detectors and the Judge, as shipped: scores for a scorer, and the alarms themselves.

    python -m bench.anomalies --tools DIR --nab DIR --cloudmon DIR [--only adaptive]

`--tools` holds `nab_score.py` and `cloudmon_score.py`; the data folders hold `index.json` and gzipped CSV files. Each
series is one run of a fresh detector and a fresh Judge, strictly causal, one configuration for all. Beside them a
metronome and random numbers, which know nothing: what is not clearly above them is worth nothing.

What is scored: `raw`, the detector's score; `rarity`, the Judge's; `held`, the rarity of rows that are rarer than all
of the last 120; `alarms`, the rows where the Judge raised an alarm (their rarity), all others 0.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import math
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

from eventflow.model.detection import Condition, DetectorSpec, Judging
from eventflow.plugin import DetectorContext, Rows
from eventflow.plugin.one_series import find_detector
from eventflow.route import judge as answers
from eventflow.route.judge import HOLD, Judge
from eventflow.route.judged import Judged

TYPES = ("adaptive", "isolation_forest")
KINDS = ("raw", "rarity", "held", "alarms")


def series(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Name → (µs, value) of each row."""
    found = {}
    for name in sorted(json.loads((folder / "index.json").read_text())["series"]):
        with gzip.open(folder / (name.removesuffix(".csv") + ".csv.gz"), "rt", newline="") as file:
            rows = csv.reader(file)
            next(rows)
            found[name] = [(_micros(row[0]), float(row[1]) if row[1] else math.nan) for row in rows]
    return found


def _micros(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=None).timestamp() * 1_000_000)


def judged(kind: str, rows: list[tuple[int, float]], sensitivity: float) -> dict[str, list[float]]:
    """One series through detector and Judge: a column for each kind of score."""
    type_ = find_detector(kind)
    detector = type_(type_.Config(), DetectorContext())
    spec = DetectorSpec(type=kind, judging=Judging(sensitivity=sensitivity))
    judge = Judge(Condition(value=None, detector=spec), absolute=False, clears_below=1.0, tail=detector.tail)
    one, slot = Judged(("w", "t"), "", absolute=False), detector.series("", "")
    columns: dict[str, list[float]] = {name: [] for name in KINDS}
    now = 0
    for at, value in rows:
        now = max(now, at)
        for fit in detector.fits():
            if fit.due <= now:
                detector.give(fit.model, detector.fit(fit.job))
        made = detector.update_many(Rows((slot,), (at,), (now,), ((value,),)))
        [score] = made.values
        answer = judge.see(one, now, value, score, made.notes[0][0] if made.notes else math.nan)
        if answer == answers.CLEAR:
            one.alarm = None
        columns["raw"].append(0.0 if math.isnan(score) else score)
        columns["rarity"].append(one.rarity)
        before = columns["rarity"][-HOLD - 1 : -1]
        columns["held"].append(one.rarity if not before or one.rarity > max(before) else 0.0)
        columns["alarms"].append(one.rarity if answer == answers.RAISE else 0.0)
    return columns


def write(folder: Path, name: str, scores: list[float]) -> None:
    path = folder / (name.removesuffix(".csv") + ".csv")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("anomaly_score\n" + "".join(f"{score!r}\n" for score in scores))


def shown(tool: Path, scores: Path, data: Path) -> str:
    """The figures of a scorer in one line."""
    command = [sys.executable, str(tool), str(scores), "--data", str(data), "--json"]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    if "standard" not in found:
        pages = found["pages"]
        return (f"VUS-PR {found['vus_pr']:.3f}   page F1 {pages['f1']:.3f} (precision {pages['precision']:.2f}, recall "
                f"{pages['recall']:.2f}, wrong per 10k rows {pages['wrong_per_10k_rows']:.1f})")  # fmt: skip
    standard = found["standard"]
    figures = "  ".join(f"{profile['score']:6.1f}" for profile in found.values())
    return (f"standard, low FP, low FN {figures}   windows {standard['windows_found']}/{standard['windows']}, "
            f"false rows {standard['false_alarm_rows']}")  # fmt: skip


def blind(rows: dict[str, list[Any]], kind: str) -> dict[str, list[float]]:
    """What knows nothing: a beat every 600 rows, or dice."""
    dice = Random(1)
    if kind == "random":
        return {name: [dice.random() for _ in those] for name, those in rows.items()}
    return {name: [float(at % 600 == 599) for at in range(len(those))] for name, those in rows.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tools", type=Path)
    parser.add_argument("--nab", type=Path)
    parser.add_argument("--cloudmon", type=Path)
    parser.add_argument("--only", action="append")
    parser.add_argument("--sensitivity", type=float, default=1000.0)
    given = parser.parse_args()
    if given.tools is None:
        print("nothing to do: say where the scorers and the labelled series are (--tools, --nab, --cloudmon)")
        return
    for data, tool in ((given.nab, "nab_score.py"), (given.cloudmon, "cloudmon_score.py")):
        if data is None:
            continue
        rows = series(data)
        print(f"{data.name}: {len(rows)} series, {sum(map(len, rows.values())):,} rows, one in {given.sensitivity:g}")
        with tempfile.TemporaryDirectory() as place:
            for kind in ("metronome", "random"):
                for name, scores in blind(rows, kind).items():
                    write(Path(place, kind), name, scores)
                print(f"  {kind:26s}", shown(given.tools / tool, Path(place, kind), data), flush=True)
            for kind in given.only or TYPES:
                alarms = 0
                for name, those in rows.items():
                    columns = judged(kind, those, given.sensitivity)
                    alarms += sum(score > 0 for score in columns["alarms"])
                    for column, scores in columns.items():
                        write(Path(place, kind, column), name, scores)
                for column in KINDS:
                    print(
                        f"  {kind + ' ' + column:26s}",
                        shown(given.tools / tool, Path(place, kind, column), data),
                        flush=True,
                    )
                print(f"  {kind:26s} {alarms} alarms, {alarms / sum(map(len, rows.values())) * 1e4:.1f} per 10k rows")


if __name__ == "__main__":
    main()
