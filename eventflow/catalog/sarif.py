"""Problems as SARIF 2.1.0 (OASIS), the format in which code hosts and editors take the findings of checkers."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from eventflow.catalog.problems import CODES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from eventflow.catalog.problems import Problem

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
HELP: Final = "urn:eventflow:problem:"
"""With a code behind it the name of a page in the reference, as problem documents of the API name theirs."""


def report(problems: Iterable[Problem], version: str) -> dict[str, Any]:
    """The whole log: one run of one tool. Paths are relative to the working directory where the file lies below it.

    Columns count code points, as everywhere here; the log says so.
    """
    told = list(problems)
    codes = sorted({problem.code for problem in told})
    driver = {
        "name": "eventflow", "version": version, "semanticVersion": version,
        "rules": [_rule(code) for code in codes],
    }  # fmt: skip
    results = [_result(problem, codes.index(problem.code)) for problem in told]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(code: str) -> dict[str, Any]:
    word, about = CODES[code].word, CODES[code].about
    return {
        "id": code, "name": "".join(part.capitalize() for part in word.split("-")), "helpUri": f"{HELP}{code}",
        "shortDescription": {"text": word.replace("-", " ")}, "fullDescription": {"text": about},
        "help": {"text": f"{about} See {code} in docs/reference/problems.md."},
    }  # fmt: skip


def _result(problem: Problem, rule: int) -> dict[str, Any]:
    tail = f"; {problem.suggestion}" if problem.suggestion else ""
    region: dict[str, Any] = {"startLine": problem.line, "startColumn": problem.column}
    if problem.source:
        region["snippet"] = {"text": problem.source}
    place = {"artifactLocation": {"uri": _uri(problem.file)}, "region": region}
    return {
        "ruleId": problem.code, "ruleIndex": rule, "level": problem.severity,
        "message": {"text": f"{problem.message}{tail}"}, "locations": [{"physicalLocation": place}],
    }  # fmt: skip


def _uri(file: str) -> str:
    path = PurePath(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
