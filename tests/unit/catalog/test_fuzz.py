"""No bytes make a traceback: whatever is in a file, the answer is problems with places, or a whole workflow."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventflow.catalog import Known, check, check_detector
from eventflow.model.workflow import decode, encode

DOCUMENTS = [file.read_bytes() for file in sorted((Path(__file__).parents[2] / "fixtures/documents").rglob("*.yaml"))]
KNOWN = Known(
    action=lambda name: name == "debug.log", detectors={"a"}, secrets={"token"}, agents=(), personas=(),
    risky={"shell.run", "debug.log"},
)  # fmt: skip
PIECES = [
    b"[", b"{", b"- ", b": ", b"\n", b"\n  ", b"\t", b"&a ", b"*a", b"!!x ", b"'", b'"', b"|\n", b">-\n", b"${{ ",
    b"---\n", b"...", b"#", b"~", b"<<", b"0x1", b"1e999", b".inf", b"\xff", b"\x00", b"\xe2\x80\xa8", b"null", b"true",
    b"steps", b"uses: ", b"config: ", b"end", b"3", b"5m", b"%YAML 1.1\n", b"? ", b"\r", b"\xef\xbb\xbf", b" }}",
]  # fmt: skip


def answered(data):
    found = check(data, "some/path", file="f.yaml", known=KNOWN)
    lines = data.decode("utf-8-sig", "replace").splitlines()
    for problem in found.problems:
        assert problem.message
        assert 1 <= problem.line <= len(lines) + 1
        assert problem.column >= 1
    if found.workflow is not None:
        text = encode(found.workflow)
        assert decode(text) == found.workflow
        assert encode(decode(text)) == text
    if not found.active:
        assert [problem for problem in found.problems if problem.holds]
    check_detector(data, file="f.yaml")


@given(st.binary(max_size=400))
def test_any_bytes(data):
    answered(data)


@given(st.lists(st.sampled_from(PIECES), max_size=60).map(b"".join))
def test_pieces_of_yaml(data):
    answered(data)


@given(
    st.sampled_from(DOCUMENTS),
    st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 30), st.sampled_from(PIECES)), min_size=1, max_size=4),
)
def test_documents_with_pieces_put_in_and_cut_out(data, edits):
    for at, cut, piece in edits:
        place = at % (len(data) + 1)
        data = data[:place] + piece + data[place + cut :]
    answered(data)


@given(st.sampled_from(DOCUMENTS), st.data())
def test_documents_with_values_exchanged(data, draw):
    """Every value of a document may be of every kind."""
    odd = st.sampled_from(
        ["x", 1, -1, 1.5, True, None, [], {}, ["a"], {"a": 1}, "end", "5m", "${{ x }}", "*", [[]], [None]]
    )
    lines = [line for line in data.split(b"\n") if b": " in line]
    line = draw.draw(st.sampled_from(lines)) if lines else b""
    key = line.partition(b": ")[0]
    answered(data.replace(line, key + b": " + json.dumps(draw.draw(odd)).encode(), 1))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"[" * 50_000, "E109"),
        (b"{" * 50_000, "E109"),
        (b"- " * 60_000, "E109"),
        (b"? " * 60_000, "E109"),
        (b"[" * 60 + b"]" * 60, "E109"),
        (b"a: " + b"x" * 300_000, "E110"),
        (b"a: &a [x, x, x, x, x, x, x, x, x, x]\n" + b"".join(
            b"%c: &%c [%s]\n" % (n, n, b", ".join(b"*%c" % (n - 1) for _ in range(9))) for n in b"bcdefghij"
        ), "E113"),
        (b"a: &a [" + b"x, " * 4_000 + b"x]\nb: [*a, *a, *a]\n", "E113"),
        (b"a: &a [*a]\n", "E113"),
        (b"a: &a " + b"[" * 30 + b"]" * 30 + b"\nb: " + b"[" * 30 + b"*a" + b"]" * 30, "E109"),
        (b"\xff\xfe" + "a: 1".encode("utf-16-le"), "E117"),
        (b"a: \x07", "E117"),
    ],
)  # fmt: skip
def test_bombs_are_refused(data, code):
    found = check(data)
    assert found.workflow is None
    assert [problem.code for problem in found.problems] == [code]
