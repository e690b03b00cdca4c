"""The report that CI systems read: JUnit's XML, a suite for each document, a case for each test."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

from eventflow.testing.scenario.suite import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eventflow.testing.scenario.suite import Rehearsed, Result

_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold."""


def report(documents: Sequence[Rehearsed]) -> str:
    """The whole report. A document with problems is one case that is in error."""
    root = ET.Element("testsuites", name="eventflow")
    for document in documents:
        failures, errors = sum(bool(one.differences) for one in document.results), bool(document.problems)
        wrong = sum(bool(one.error) and not one.differences for one in document.results)
        suite = ET.SubElement(
            root, "testsuite", name=document.workflow, tests=str(len(document.results) + errors),
            failures=str(failures), errors=str(errors + wrong), skipped="0",
            time=f"{sum(one.seconds for one in document.results):.3f}",
        )  # fmt: skip
        if document.problems:
            case = ET.SubElement(suite, "testcase", name="document", classname=document.workflow, time="0.000")
            error = ET.SubElement(case, "error", message=_clean(str(document.problems[0])))
            error.text = _clean("\n".join(map(str, document.problems)))
        for result in document.results:
            _case(suite, result)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _case(suite: ET.Element, result: Result) -> None:
    case = ET.SubElement(
        suite, "testcase", name=_clean(result.name), classname=result.workflow, file=result.file,
        line=str(result.line), time=f"{result.seconds:.3f}",
    )  # fmt: skip
    if result.passed:
        return
    first = result.differences[0] if result.differences else None
    said = result.error if first is None else f"{first.what}: expected {first.expected}, found {first.found}"
    failed = ET.SubElement(case, "failure" if first is not None else "error", message=_clean(said))
    failed.text = _clean("\n".join(text(result, indent="")))


def _clean(words: str) -> str:
    return _FORBIDDEN.sub("\ufffd", words)
