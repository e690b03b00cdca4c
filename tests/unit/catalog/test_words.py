"""Durations, spelling, and the table of problems."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventflow.catalog import CODES, durations
from eventflow.catalog.spelling import did_you_mean, distance, nearest

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("written", "micros"),
    [
        ("10s", 10_000_000), ("5m", 300_000_000), ("2h", 7_200_000_000), ("1d", 86_400_000_000), ("150ms", 150_000),
        ("1h30m", 5_400_000_000), ("1.5h", 5_400_000_000), ("PT5M", 300_000_000), ("P1DT2H", 93_600_000_000),
        ("P2W", 1_209_600_000_000), ("PT0.5S", 500_000), ("0s", 0),
    ],
)  # fmt: skip
def test_durations(written, micros):
    assert durations.parse(written) == micros


@pytest.mark.parametrize(
    "written", ["", "5", "m", "5 m", "5min", "-5m", "P", "PT", "5M", "P1DT", "1e3s", "999999d", "5mm", "٥m"]
)
def test_what_is_no_duration(written):
    assert durations.parse(written) is None


@pytest.mark.parametrize(
    ("written", "advice"),
    [
        ("30", "write 30s, 30m, 30h or 30d"),
        ("5 minutes", "write 5m"),
        ("2 H", "write 2h"),
        ("10sec", "write 10s"),
        ("soon", "write for instance 30s, 5m, 2h or 1d"),
        ("3 fortnights", "the units are ms, s, m, h, d and w"),
    ],
)
def test_advice_for_durations(written, advice):
    assert durations.advice(written) == advice


@given(st.integers(0, durations.LONGEST // 1000).map(lambda millis: millis * 1000))
def test_a_shown_duration_is_read_again(micros):
    assert durations.parse(durations.show(micros)) == micros


@given(st.text("abc", max_size=6), st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_distance_counts_changes(a, b, c):
    assert (distance(a, b) == 0) == (a == b)
    assert distance(a, b) == distance(b, a)
    assert abs(len(a) - len(b)) <= distance(a, b) <= max(len(a), len(b))
    assert distance(a + c, b + c) <= distance(a, b)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("tiemout", "timeout"), ("time_out", "timeout"), ("max-attempts", "max_attempts"), ("Retry", "retry"),
        ("retry_startegy", "retry_strategy"), ("xyz", None), ("", None),
    ],
)  # fmt: skip
def test_the_nearest_word(written, meant):
    assert nearest(written, ["timeout", "max_attempts", "retry", "retry_strategy", "if"]) == meant


def test_few_words_are_listed_when_none_is_near():
    assert did_you_mean("zzz", ["b", "a"]) == "there are: a, b"


def test_every_code_that_expressions_can_have_is_in_the_table():
    found = {
        pair
        for file in (ROOT / "eventflow/match").rglob("*.py")
        for pair in re.findall(r"\"(E\d{3}) ([a-z][a-z-]+)\"", file.read_text())
    }
    assert len(found) > 10
    assert {(number, word) for number, word in found if number not in CODES or CODES[number].word != word} == set()


def test_every_code_that_the_catalogue_reports_is_in_the_table():
    text = "".join(file.read_text() for file in (ROOT / "eventflow/catalog").glob("*.py") if file.name != "problems.py")
    used = set(re.findall(r"\"([EWN]\d{3})\"", text))
    assert used <= set(CODES)
    own = {code for code in CODES if not code.startswith("E3") or code == "E330"}
    assert own - used == set()


def test_a_word_names_one_number():
    words = [code.word for number, code in CODES.items() if not number.startswith("E3")]
    assert sorted(words) == sorted(set(words))
