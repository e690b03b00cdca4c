"""The ready-made detectors on series as services have them: one incident each, and quiet days around it."""

import json
import math
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from eventflow.cli import group

ROOT = Path(__file__).parents[2]
START = datetime(2026, 5, 4, tzinfo=UTC)
DAY = 1440
"""A sample a minute."""
DAYS = 3
INCIDENT = 2 * DAY + 700
LASTS = 40


def wave(at):
    """Nights are quiet, noon is busy: 0 to 1."""
    return 0.5 - 0.5 * math.cos(2 * math.pi * at / DAY)


def host_cpu(at, dice, bad):
    busy = 20 + 30 * wave(at) + dice.gauss(0, 6) + (45 if dice.random() < 0.02 else 0)
    return {"value": 99.0 if bad else min(100.0, max(0.0, busy))}


def disk_filling(at, dice, bad):
    return {"value": (91 if bad else 60 + at / (DAYS * DAY) * 20) + dice.gauss(0, 0.05)}


def error_rate(at, dice, bad):
    failed = 0.2 if bad else dice.expovariate(1 / 0.004) + (0.1 if dice.random() < 0.005 else 0)
    return {"value": min(1.0, failed)}


def latency_p95(at, dice, bad):
    return {"value": (120 + 60 * wave(at)) * math.exp(dice.gauss(0, 0.12)) * (3 if bad else 1)}


def request_rate_drop(at, dice, bad):
    usual = 400 + 1600 * wave(at) + dice.gauss(0, 40)
    return {} if bad else {"value": round(max(0.0, usual))}


def queue_lag(at, dice, bad, since=None):
    grown = 300 * (at - INCIDENT) if bad else 0
    return {"value": round(dice.expovariate(1 / 60) * (1 + wave(at)) + grown)}


def service_health(at, dice, bad):
    busy = wave(at)
    row = {"p95_ms": 120 + 60 * busy + dice.gauss(0, 6), "rps": 20 + 80 * busy + dice.gauss(0, 3)}
    row["error_rate"] = abs(dice.gauss(0, 0.003))
    if bad:  # slow, empty and failing at noon, each of which alone has been seen
        row = {"p95_ms": 260 + dice.gauss(0, 6), "rps": 5 + dice.gauss(0, 2), "error_rate": 0.03}
    return row | {"environment": "prod"}


CASES = {
    "thresholds/host-cpu": (host_cpu, ("--for", "10m")),
    "thresholds/disk-filling": (disk_filling, ()),
    "thresholds/error-rate": (error_rate, ()),
    "anomalies/latency-p95": (latency_p95, ()),
    "anomalies/request-rate-drop": (request_rate_drop, ()),
    "anomalies/queue-lag": (queue_lag, ()),
    "anomalies/service-health": (service_health, ("--value", "event.data.p95_ms")),
}


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", CASES)
def test_one_incident_is_one_alarm_and_quiet_days_are_quiet(name, seed, tmp_path, monkeypatch):
    make, more = CASES[name]
    dice = random.Random(seed)
    lines = []
    for at in range(DAYS * DAY):
        bad = INCIDENT <= at < INCIDENT + LASTS
        lines.append(json.dumps({"time": (START + timedelta(minutes=at)).isoformat()} | make(at, dice, bad)))
    (tmp_path / "samples.ndjson").write_text("\n".join(lines))
    monkeypatch.chdir(tmp_path)
    more = more if "--value" in more else (*more, "--value", "event.data.value")
    told = CliRunner().invoke(group, ["detect", "samples.ndjson", "--detector", name, "--json", *more])
    assert told.exit_code == 0, told.exception
    found = json.loads(told.output)
    begin, end = START + timedelta(minutes=INCIDENT), START + timedelta(minutes=INCIDENT + LASTS + 15)
    raised = [datetime.fromisoformat(alarm["raised"]) for alarm in found["alarms"]]
    assert [at for at in raised if not begin <= at <= end] == []
    assert 1 <= len(raised) <= 2  # an incident that gets worse may say so once more
    assert found["alarms"][0]["verdict"]["reason"]
    assert found["problems"] == []


def test_every_detector_has_a_case_and_says_what_it_is_for():
    files = sorted((ROOT / "detectors").rglob("*.yaml"))
    assert [path.relative_to(ROOT / "detectors").with_suffix("").as_posix() for path in files] == sorted(CASES)
    for path in files:
        metadata = yaml.safe_load(path.read_text())["metadata"]
        assert len(metadata["description"]) > 80
        assert metadata["name"]
        assert metadata["tags"]
