"""Depth of JSON without decoding it, problem documents of the closed list."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventflow.errors import Conflict, NotFound, Overloaded, Refused, StorageFull
from eventflow.web.limits import depth, is_bracketed, too_deep
from eventflow.web.problems import CODES, as_refusal, document, overloaded, refused

values = st.recursive(
    st.none() | st.integers() | st.text('ab"\\[]{}é'),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text('ab"\\[]{}'), inner, max_size=4),
    max_leaves=30,
)


def nested(value) -> int:
    if isinstance(value, dict):
        return 1 + max(map(nested, value.values()), default=0)
    return 1 + max(map(nested, value), default=0) if isinstance(value, list) else 0


@given(values, st.sampled_from([None, 1]), st.booleans())
def test_depth_is_what_decoding_says(value, indent, ascii_only):
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode()
    assert depth(text, 100) == nested(value)
    assert too_deep(text, 3) == (nested(value) > 3)


@given(st.binary(max_size=60) | st.text("[]{}a", max_size=300).map(str.encode), st.integers(0, 70))
def test_many_brackets_are_seen(text, most):
    assert is_bracketed(text, most) == (text.count(b"{") + text.count(b"[") > most)


def test_a_million_brackets_are_no_work():
    assert depth(b"[" * 500_000 + b"]" * 500_000, 64) == 65


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_its_status_and_a_document(code):
    refusal = refused(code, "why")
    found = json.loads(document(refusal, "req_1"))
    assert found == {
        "type": f"urn:eventflow:problem:{code}", "title": CODES[code][1], "status": CODES[code][0], "code": code,
        "detail": "why", "instance": "req_1",
    }  # fmt: skip


def test_what_a_sender_is_told_of_errors():
    assert as_refusal(NotFound("no run 'x'")).status == 404
    assert as_refusal(Conflict("taken")).status == 409
    full = as_refusal(StorageFull("/data is full"))
    assert (full.status, "/data" in full.detail) == (503, False)
    assert isinstance(full, Overloaded)
    hidden = as_refusal(ValueError("password at /etc"))
    assert (hidden.status, hidden.code, "/etc" in hidden.detail) == (500, "internal", False)
    own = Refused(418, "teapot", "short and stout")
    assert as_refusal(own) is own
    assert json.loads(document(own, ""))["code"] == "teapot"
    assert overloaded("overloaded", "later", 7).headers == {"Retry-After": "7"}
