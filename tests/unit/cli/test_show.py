"""What senders of events wrote does not take over the terminal of who reads it."""

from eventflow.cli.doors import printable
from eventflow.cli.show import short


def test_control_characters_are_shown_and_not_sent():
    told = printable({"a": ["x\x1b[31m\r\n", {"b": "\x9b2J\u202e"}], "n": 1, "text": "grüße 🦊"})
    assert told == {"a": ["x\\x1b[31m\\r\\n", {"b": "\\x9b2J\\u202e"}], "n": 1, "text": "grüße 🦊"}


def test_long_ones_are_cut():
    assert short("x" * 200) == "x" * 200
    assert short("x" * 900_000) == "x" * 200 + "… (900000 characters)"
