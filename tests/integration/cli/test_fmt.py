"""`eventflow fmt`: files are written in the canonical form, or only named with --check."""

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from eventflow.cli import group

MIXED = "steps:\n  - type: action\n    uses: debug.log  # tell\n    name: a\nmetadata: {name: X}\n"
RIGHT = "metadata: {name: X}\nsteps:\n  - name: a\n    uses: debug.log  # tell\n"


def fmt(*args, code=0):
    told = CliRunner().invoke(group, ["fmt", *map(str, args)])
    assert told.exit_code == code, told.output
    return told.output


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("eventflow.yaml").write_text("workflows: [workflows]\n")
    Path("workflows").mkdir()
    Path("workflows/mixed.yaml").write_text(MIXED)
    Path("workflows/right.yaml").write_text(RIGHT)
    return tmp_path


def test_check_changes_nothing_and_says_so(home):
    assert fmt("--check", code=1) == "workflows/mixed.yaml: would be changed\n2 documents, 1 to change\n"
    assert Path("workflows/mixed.yaml").read_text() == MIXED


def test_files_are_written_with_their_mode(home):
    Path("workflows/mixed.yaml").chmod(0o640)
    assert fmt() == "workflows/mixed.yaml: changed\n2 documents, 1 changed\n"
    assert Path("workflows/mixed.yaml").read_text() == RIGHT
    assert stat.S_IMODE(Path("workflows/mixed.yaml").stat().st_mode) == 0o640
    assert sorted(file.name for file in Path("workflows").iterdir()) == ["mixed.yaml", "right.yaml"]
    assert fmt("--check") == "2 documents, 0 to change\n"


def test_what_cannot_be_read_is_named_and_left(home):
    Path("workflows/odd.yaml").write_bytes(b"steps:\n\t- \xff\n")
    body = json.loads(fmt("--json", "workflows", code=1))
    assert body == {
        "documents": 3, "changed": ["workflows/mixed.yaml"], "unread": ["workflows/odd.yaml"], "written": True,
    }  # fmt: skip
    assert Path("workflows/odd.yaml").read_bytes() == b"steps:\n\t- \xff\n"


def test_only_what_is_named(home):
    assert fmt("workflows/right.yaml") == "1 document, 0 changed\n"
    assert CliRunner().invoke(group, ["fmt", "nowhere"]).exception.exit_code == 2
