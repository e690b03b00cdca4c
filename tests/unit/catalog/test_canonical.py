"""The canonical form is the same workflow in another order, with every comment; and it is a fixed point."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventflow.catalog import check
from eventflow.catalog.canonical import canonical

ROOT = Path(__file__).parents[3]
FOLDERS = ("tests/fixtures/documents", "eventflow/cli/demo/workflows", "workflows", "examples")
FILES = [file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*.yaml"))]

MIXED = """\
# a greeting
steps:
  # the first
  - type: action
    # what it is called
    name: a     # here
    conditions: {success: end}
    config:
      with:
        message: |
          hello
          # no comment
      uses: debug.log
    timeout: 5s

  - config:
      branches:
        one:
          - uses: debug.log
            name: x
      join: all
    name: p
    type: parallel

# why it starts
triggers:
- config: {event: git.push}
  type: event
  id: push
metadata:
  version: "1"
  name: 'X'
# the end
"""
RIGHT = """\
# a greeting
metadata:
  name: 'X'
  version: "1"

# why it starts
triggers:
- id: push
  type: event
  config: {event: git.push}

steps:
  # the first
  # what it is called
  - name: a     # here
    uses: debug.log
    with:
      message: |
        hello
        # no comment
    timeout: 5s
    conditions: {success: end}

  - name: p
    type: parallel
    config:
      branches:
        one:
          - name: x
            uses: debug.log
      join: all
# the end
"""


def comments(text):
    return sorted(line[line.index("#") :].strip() for line in text.splitlines() if "#" in line)


def test_a_document_in_disorder():
    assert canonical(MIXED) == RIGHT
    assert canonical(RIGHT) == RIGHT
    assert canonical(MIXED.replace("\n", "\r\n")) == RIGHT.replace("\n", "\r\n")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_document_stays_what_it_is(file):
    before = file.read_text()
    after = canonical(before)
    if after is None:
        assert any(problem.severity == "error" for problem in check(before.encode()).problems)
        return
    assert check(after.encode()).workflow == check(before.encode()).workflow
    assert comments(after) == comments(before)
    assert canonical(after) == after


KEYS = {
    "name": "name: s{n}", "uses": "uses: debug.log", "with": "with:\n      message: >-\n        a\n\n        b",
    "if": "if: event.data.x == 1", "timeout": "timeout: 5s", "conditions": "conditions: {{success: end}}",
    "type": "type: action", "retry": "retry:\n      max_attempts: 2  # twice", "title": '# said\n    title: "T"',
}  # fmt: skip


@settings(max_examples=60)
@given(
    st.lists(st.permutations(list(KEYS)).flatmap(lambda keys: st.integers(2, 9).map(lambda n: keys[:n])), max_size=3)
)
def test_steps_in_any_order(several):
    several = [keys for keys in several if {"name", "uses"} <= set(keys)]
    steps = ["  - " + "\n    ".join(KEYS[key].format(n=n) for key in keys) for n, keys in enumerate(several)]
    text = "steps:\n" + "\n".join(steps or ["  - {name: s, uses: debug.log}"]) + "\n"
    after = canonical(text)
    assert after is not None
    assert check(after.encode()).workflow == check(text.encode()).workflow
    assert comments(after) == comments(text)
    assert canonical(after) == after
    for line in after.splitlines():
        assert line.strip() != "type: action"


@pytest.mark.parametrize(
    "text",
    [
        "steps: [{uses: debug.log, name: a}]\n",
        "{steps: [{uses: debug.log, name: a}], metadata: {name: x}}\n",
        "steps:\n  - uses: debug.log\n    with: &w {message: x}\n    name: a\nvars: {v: 1}\n",
    ],
)
def test_one_line_mappings_stay(text):
    after = canonical(text)
    assert check(after.encode()).workflow == check(text.encode()).workflow


def test_an_order_that_would_break_it_is_not_taken():
    text = "steps:\n  - {name: a, uses: debug.log, with: &w {message: x}}\nvars:\n  v: *w\n"
    assert canonical(text) == text


@pytest.mark.parametrize("text", ["steps:\n\t- a\n", "", "- a\n", "steps: [\n"])
def test_what_cannot_be_read_is_left_alone(text):
    assert canonical(text) is None
