"""What `validate --format sarif` writes is held against the official schema of SARIF 2.1.0, with formats of URIs."""

import json
import re
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import pytest
from jsonschema import Draft4Validator, FormatChecker

from eventflow import settings
from eventflow.app.known import known
from eventflow.catalog import CODES, Problem, check, sarif

FIXTURES = Path(__file__).parents[2] / "fixtures"
SCHEMA = FIXTURES / "sarif/sarif-schema-2.1.0.json"
BROKEN = sorted((FIXTURES / "documents/broken").glob("*.yaml"))
FORMATS = FormatChecker(["date-time", "regex"])
_CHARACTERS = r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*"


@FORMATS.checks("uri-reference")
def is_reference(value):
    """By the characters of RFC 3986, a colon in the first segment only behind a scheme."""
    first = re.split("[/?#]", value, maxsplit=1)[0]
    return re.fullmatch(_CHARACTERS, value) is not None and (":" not in first or is_absolute(value))


@FORMATS.checks("uri")
def is_absolute(value):
    """With a scheme."""
    return re.fullmatch(f"[A-Za-z][A-Za-z0-9+.-]*:{_CHARACTERS}", value) is not None


def wrong(log):
    """Where and why the schema refuses the log."""
    validator = Draft4Validator(json.loads(SCHEMA.read_text()), format_checker=FORMATS)
    return [f"{'/'.join(map(str, one.absolute_path))}: {one.message}" for one in validator.iter_errors(log)]


def report(problems):
    """As a reader gets it."""
    return json.loads(json.dumps(sarif.report(problems, version("eventflow-router"))))


def test_the_schema_is_the_official_one():
    assert sha256(SCHEMA.read_bytes()).hexdigest().startswith("c3b4bb2d")
    Draft4Validator.check_schema(json.loads(SCHEMA.read_text()))
    assert json.loads(SCHEMA.read_text())["id"] == sarif.SCHEMA


def test_every_problem_of_every_broken_document():
    around = known(settings.given({}))
    problems = [
        one for file in BROKEN for one in check(file.read_bytes(), file.stem, file=file.name, known=around).problems
    ]
    log = report(problems)
    assert wrong(log) == []
    assert len(log["runs"][0]["results"]) == len(problems) > 200
    assert len(log["runs"][0]["tool"]["driver"]["rules"]) > 60


def test_every_code():
    log = report([Problem("a.yaml", 1, 1, code, CODES[code].word, "said") for code in CODES])
    assert wrong(log) == []
    names = [rule["name"] for rule in log["runs"][0]["tool"]["driver"]["rules"]]
    assert len(names) == len(CODES)


def test_nothing_to_tell():
    assert wrong(report([])) == []


@pytest.mark.parametrize(
    "file", ["a b.yaml", "/abs/ü x.yaml", "ä/#1?.yaml", "c:d.yaml", "[x].yaml", "-", "%41.yaml", "../up.yaml"]
)
def test_names_of_files(file):
    problem = Problem(file, 3, 7, "E201", "unknown-key", "said", "do this", "warning", "source: \t\u2028\x07 line")
    assert wrong(report([problem])) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda log: log["runs"][0]["results"][0].update(level="info"),
        lambda log: log["runs"][0]["results"][0].pop("message"),
        lambda log: log["runs"][0]["results"][0].update(line=3),
        lambda log: log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"].update(startLine=0),
        lambda log: log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"].update(
            uri="a b"
        ),
        lambda log: log["runs"][0]["tool"]["driver"]["rules"][0].update(helpUri="no address"),
        lambda log: log["runs"][0]["tool"]["driver"]["rules"].append(log["runs"][0]["tool"]["driver"]["rules"][0]),
        lambda log: log["runs"][0].update(columnKind="bytes"),
        lambda log: log.update(version="2.1"),
    ],
)
def test_the_schema_notices(spoil):
    log = report([Problem("a.yaml", 1, 1, "E201", "unknown-key", "said")])
    spoil(log)
    assert wrong(log)
