"""`eventflow demo` runs the main job from an empty directory and tells what happened."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def demo(tmp_path: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "eventflow", "demo", *flags],
        cwd=tmp_path, env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "TMPDIR": str(tmp_path)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_the_demo_does_the_main_job_and_leaves_nothing_behind(tmp_path: Path) -> None:
    done = demo(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\x1b[" not in done.stdout, "colours without a terminal"
    assert "deliveries  13: 12 accepted, 1 refused with 401" in done.stdout
    assert "runs        6 succeeded" in done.stdout
    assert "calls       9, 2 refused and tried again; 7 idempotency keys" in done.stdout
    assert "metric      4,032 samples, 3 alarms: 3 of 3 incidents that people marked, 0 beside them" in done.stdout
    assert "event.data.ref = 'refs/tags/simple-tag'" in done.stdout
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_keep_keeps_the_data_directory_and_says_where(tmp_path: Path) -> None:
    done = demo(tmp_path, "--keep")
    (kept,) = tmp_path.iterdir()
    assert f"its data directory is {kept}" in done.stdout
    assert (kept / "data" / "store.db").exists()
