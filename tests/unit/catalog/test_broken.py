"""Documents broken as people break them: each is answered with exactly these codes at exactly these places.

A new one is a file in the folder whose first line says what is expected: `# expected: CODE@LINE:COLUMN …`.
"""

from pathlib import Path

import msgspec
import pytest

from eventflow import settings
from eventflow.app.known import known
from eventflow.catalog import CODES, check

FOLDER = Path(__file__).parents[2] / "fixtures/documents/broken"
KNOWN = msgspec.structs.replace(
    known(settings.given({})), detectors={"latency-anomaly"}, secrets={"token"},
    sources={"github", "gitlab", "alertmanager", "webhook", "metrics"},
    program=lambda name: "add it" if name.startswith("forbidden") else None,
)  # fmt: skip


def documents():
    return sorted(FOLDER.glob("*.yaml"))


def expected(text):
    head = text.splitlines()[0]
    assert head.startswith("# expected: ")
    return sorted(tuple(word.split("@")) for word in head.removeprefix("# expected: ").split())


def test_there_are_enough_of_them():
    assert len(documents()) >= 220


@pytest.mark.parametrize("file", documents(), ids=lambda file: file.stem)
def test_a_broken_document_is_told_where_and_what(file):
    text = file.read_text()
    found = check(text.encode(), file.stem, file=file.name, known=KNOWN)
    told = sorted(
        (problem.code, f"{problem.line}:{problem.column}") for problem in found.problems if problem.severity != "note"
    )
    assert told == expected(text), "\n".join(map(str, found.problems))
    errors = any(problem.severity == "error" for problem in found.problems)
    assert not (errors and found.active)


@pytest.mark.parametrize("file", documents(), ids=lambda file: file.stem)
def test_every_problem_stands_where_something_is(file):
    text = file.read_text()
    for problem in check(text.encode(), file.stem, file=file.name, known=KNOWN).problems:
        assert problem.code in CODES
        lines = text.split("\n")
        assert 1 <= problem.line <= len(lines)
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1
        assert problem.source == lines[problem.line - 1]
        assert str(problem).startswith(f"{file.name}:{problem.line}:{problem.column}  {problem.code} ")
