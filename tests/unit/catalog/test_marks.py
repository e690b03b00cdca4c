"""A mistake inside an expression is shown where it stands in the file, however the scalar is written."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventflow.catalog import check

WRONG = "event.data.a == 1 && zzz.b == 2"
AT = WRONG.index("zzz")


def place_of(text):
    found = check(text.encode(), file="f.yaml")
    wrong = [problem for problem in found.problems if problem.code == "E320"]
    assert len(wrong) == 1, found.problems
    return wrong[0].line, wrong[0].column


def stands(text, place):
    line, column = place
    return text.split("\n")[line - 1][column - 1 :].startswith("zzz")


@pytest.mark.parametrize(
    "written",
    [
        WRONG,
        f'"{WRONG}"',
        f"'{WRONG}'",
        f"'''x'' == ''y'' && {WRONG}'",
        f'"\\"x\\" == \\"\\\\u00e9\\" && {WRONG}"',
        f"|\n        {WRONG}",
        f"|\n        event.id == 'é' &&\n          {WRONG}",
        f"|2\n        {WRONG}",
        f">-\n        event.id == 'a' &&\n        {WRONG}",
        f">\n        {WRONG}\n        && event.id == 'b'",
        f'"${{{{ {WRONG} }}}}"',
    ],
)
def test_a_filter(written):
    text = f"triggers:\n  - type: event\n    config:\n      filter: {written}\nsteps: [{{name: a, uses: debug.log}}]\n"
    assert stands(text, place_of(text))


@pytest.mark.parametrize(
    "written",
    [
        '"text ${{ zzz.a }}"',
        "'it''s ${{ zzz.a }} here'",
        "text ${{ zzz.a }}",
        "|\n          one\n          two ${{ zzz.a }}\n          three",
        ">-\n          one two\n          three ${{ zzz.a }} four\n          five",
    ],
)
def test_a_template(written):
    text = f"steps:\n  - name: a\n    uses: debug.log\n    with:\n      message: {written}\n"
    assert stands(text, place_of(text))


@given(
    st.text(
        st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp", "Cn", "Co"), exclude_characters="{}$"), max_size=30
    )
)
def test_behind_any_text_in_double_quotes(before):
    written = json.dumps(before + "${{ zzz.a }}", ensure_ascii=False)
    text = f"steps: [{{name: a, uses: debug.log, with: {{message: {written}}}}}]\n"
    assert stands(text, place_of(text))


@pytest.mark.parametrize(
    ("written", "code", "word"),
    [
        ("steps.bild.outputs.x", "E220", "steps.bild"),
        ("inputs.nme", "E216", "inputs.nme"),
        ("vars.x", "E220", "vars.x"),
    ],
)
def test_an_unknown_member_is_shown_where_it_is_named(written, code, word):
    condition = f"event.id == 'a' && {written} == 'b'"
    text = f"inputs: {{name: {{}}}}\nsteps:\n  - name: build\n    uses: debug.log\n    if: {condition}\n"
    [problem] = check(text.encode()).problems
    assert problem.code == code
    assert text.split("\n")[problem.line - 1][problem.column - 1 :].startswith(word)
