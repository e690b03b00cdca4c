"""The standard's own tests, by both evaluators."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eventflow.testing.cel import main, run

FILES = sorted((Path(__file__).parents[2] / "fixtures" / "cel").glob("*.json"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_test_that_needs_no_protobuf(path: Path) -> None:
    failures = []
    for section in json.loads(path.read_text(encoding="utf-8"))["sections"]:
        for test in section["tests"]:
            outcome, why = run(test)
            if outcome == 1:
                failures.append(f"{section['name']}/{test['name']}: {test['expr']}: {why}")
    assert not failures


def test_the_runner_tells_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tests = [
        {"name": "right", "expr": "1 + 1", "expect": {"value": {"int": 2}}},
        {"name": "wrong kind", "expr": "1 + 1", "expect": {"value": {"double": 2.0}}},
        {"name": "no error", "expr": "1", "expect": {"error": ["x"]}},
        {"name": "skipped", "expr": "1", "needs": ["protobuf"], "expect": {"value": {"int": 1}}},
    ]
    file = tmp_path / "own.json"
    file.write_text(json.dumps({"file": "own", "extension": None, "sections": [{"name": "s", "tests": tests}]}))
    assert main([str(file)]) == 1
    out = capsys.readouterr().out
    assert out.endswith("total: 1 passed, 2 failed, 1 skipped\n")
    assert "own/s/wrong kind: 1 + 1" in out
    assert "expected {'double': 2.0}, got int 2" in out
