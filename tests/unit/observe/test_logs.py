"""Log lines: one event one line, short, printable, and no secret in any spelling."""

import base64
import io
import json
import logging
from urllib.parse import quote

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from eventflow.observe.logs import LONGEST, Cleaner, Redactor, adopt_libraries, set_up


@pytest.fixture(autouse=True)
def as_before():
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture
def lines():
    """A JSON log, and what it wrote as objects."""
    stream = io.StringIO()

    def read():
        return [json.loads(line) for line in stream.getvalue().splitlines()]

    read.stream = stream
    read.redactor = set_up("info", "json", stream=stream, secrets=["tüp-secret/0123456789"])
    return read


def test_a_line_is_one_json_object_with_time_and_level(lines):
    structlog.get_logger().info("door.opened", port=80)
    [line] = lines()
    assert line["event"] == "door.opened"
    assert line["level"] == "info"
    assert line["port"] == 80
    assert line["timestamp"].endswith("Z")


def test_the_level_counts(lines):
    structlog.get_logger().debug("not.seen")
    assert lines() == []


@given(st.text())
def test_whatever_a_sender_sends_stays_one_line_of_printable_text(text):
    for format_ in ("json", "human"):
        stream = io.StringIO()
        set_up("info", format_, stream=stream)
        structlog.get_logger().info("event.taken", subject=text)
        written = stream.getvalue()
        assert written.count("\n") == 1
        assert written.splitlines() == [written[:-1]]
        assert not any(c < " " or "\x7f" <= c <= "\x9f" for c in written[:-1])


def test_long_values_are_cut_and_deep_ones_end(lines):
    deep = []
    for _ in range(100_000):
        deep = [deep]
    structlog.get_logger().info("x", long="a" * 100_000, deep=deep, many=list(range(1000)), thing=object())
    assert len(lines.stream.getvalue()) < LONGEST + 2000


@given(st.text(max_size=20), st.uuids().map(str), st.text(max_size=20))
def test_no_spelling_of_a_secret_is_left(before, secret, after):
    clean = Cleaner(Redactor([secret]))
    raw = secret.encode()
    for shift in range(3):
        spelled = base64.b64encode(b"u:x"[:shift] + raw + b":tail").decode()
        shown = clean(None, "info", {"value": spelled})["value"]
        assert "***" in shown
        assert len(shown) < 20
    for text in (before + secret + after, quote(secret, safe=""), raw.hex()):
        shown = clean(None, "info", {"value": [{"deep": text}], text: 1})
        assert secret not in json.dumps(shown, ensure_ascii=False)
        assert raw.hex() not in json.dumps(shown)


def test_an_exception_is_named_with_its_places_and_without_its_values(lines):
    def fails():
        password = "tüp-secret/0123456789"
        raise ValueError(f"cannot log in with {password}")

    try:
        fails()
    except ValueError:
        structlog.get_logger().exception("login.failed")
    [line] = lines()
    assert line["exception"] == "ValueError: cannot log in with ***"
    assert "fails" in line["at"]
    assert "tüp" not in lines.stream.getvalue()


def test_what_cannot_be_shown_breaks_nothing(lines):
    class Broken:
        def __str__(self):
            raise RuntimeError

    structlog.get_logger().info("x", broken=Broken(), lone="\ud800", nan=float("nan"))
    [line] = lines()
    assert line["broken"] == "<Broken: RuntimeError>"
    assert line["lone"] == "\\ud800"


class FullDisk:
    """A stream that has no room."""

    def isatty(self):
        return False

    def write(self, text):
        raise OSError(28, "No space left on device")

    def flush(self):
        raise OSError(28, "No space left on device")


def test_a_log_that_cannot_be_written_ends_nobody():
    set_up("info", "json", stream=FullDisk())
    structlog.get_logger("test").warning("no.room")


def test_libraries_speak_in_the_same_form_and_tell_no_secret(lines):
    root = logging.getLogger()
    before = root.handlers, root.level
    try:
        adopt_libraries()
        logging.getLogger("lib.x").warning("no way to %s\nat all", "tüp-secret/0123456789")
        logging.getLogger("lib.x").info("chatter")
        try:
            raise ValueError("tüp-secret/0123456789")
        except ValueError:
            logging.getLogger("lib").exception("it broke")
    finally:
        root.handlers, root.level = before
    first, second = lines()
    assert (first["event"], first["library"], first["level"]) == ("library.said", "lib.x", "warning")
    assert first["message"] == "no way to ***\\nat all"
    assert second["exception"] == "ValueError: ***"
