"""The hook of tests/conftest.py: CI must not go green because something was skipped."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[2] / "conftest.py"

SKIPPING = """
import pytest

def test_runs(): pass

@pytest.mark.{mark}
def test_skips(): pytest.skip("no such thing here")
"""


def outcome(folder: Path, text: str, ci: str) -> str:
    shutil.copy(CONFTEST, folder / "conftest.py")
    (folder / "test_sample.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore", "--rootdir", folder, folder],
        env={**os.environ, "CI": ci},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout


@pytest.mark.parametrize(
    ("mark", "ci", "expected"),
    [
        ("kafka", "true", "1 failed, 1 passed"),
        ("kafka", "", "1 passed, 1 skipped"),
        ("optional", "true", "1 passed, 1 skipped"),
    ],
)
def test_a_skip_fails_in_ci_unless_it_is_optional(tmp_path, mark, ci, expected):
    assert expected in outcome(tmp_path, SKIPPING.format(mark=mark), ci)


def test_a_whole_file_that_skips_itself_fails_in_ci(tmp_path):
    text = 'import pytest\npytest.importorskip("no_such_library")\n'
    said = outcome(tmp_path, text, "true")
    assert "skips are forbidden" in said
    assert "1 error" in said


def test_an_expected_failure_is_not_a_skip(tmp_path):
    text = "import pytest\n\n@pytest.mark.xfail\ndef test_known(): raise AssertionError\n"
    assert "1 xfailed" in outcome(tmp_path, text, "true")
