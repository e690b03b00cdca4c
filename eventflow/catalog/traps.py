"""The traps of YAML into which expressions and channels fall, told by the line as it was written (E101–E112).

The parser's words ("did not find expected key") help nobody who wrote `if: 'x' in event.data.labels`; the line does.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import yaml

    from eventflow.catalog.document import Document

_VALUE: Final = r"^\s*(?:- +)*(?:[\w.-]+:\s+)?"
_KEY: Final = r"^\s*(?:- +)*[\w.-]+:\s+"
_ALIAS: Final = "a value that begins with * or & is an alias or anchor for YAML"
_TRAPS: Final = (
    ("E105", re.compile(r"^[^#]*?[\[{,:]\s*(?P<at>\$\{\{)(?<!['\"]\$\{\{)"), "${{ }} unquoted inside [ ] or { }"),
    ("E101", re.compile(_VALUE + r"(?P<at>!\S)"), "a value that begins with ! is a tag for YAML"),
    (
        "E102",
        re.compile(_VALUE + r"(?P<at>(?:'[^']*'|\"[^\"]*\")\s*[^\s#,\]}:])"),
        "the quoted text ends the value for YAML",
    ),
    (
        "E104",
        re.compile(_VALUE + r"(?P<at>[*&](?:\S|\s))"),
        "a value that begins with * or & is an alias or anchor for YAML",
    ),
    (
        "E103",
        re.compile(_KEY + r"(?P<at>[^'\"\[{|>#\s][^#]*?:\s.*)"),
        "the value holds ': ', which makes it a key for YAML",
    ),
)
_COMMENT: Final = re.compile(r":\s+(?P<at>#\S.*)$")
_EXPRESSION: Final = re.compile(r"!+\(*[a-z_]\w*[.(\[]|!+\(")


def about_error(doc: Document, error: yaml.MarkedYAMLError) -> None:
    """Report what the parser stumbled over."""
    mark: Any = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    before: Any = error.context_mark
    if "maximum nesting depth" in str(error.problem):
        doc.report("E109", (line, column), "nested far too deep", "is this a workflow?")
        return
    tabs = "\t" in doc.line(line)[: max(column, 1)] and "cannot start any token" in str(error.problem)
    if tabs or "tab character" in str(error.problem):
        doc.report("E108", (line, column), "a tab where YAML wants spaces", "indent with spaces")
        return
    for number in dict.fromkeys((line, before.line + 1 if before else line, line - 1)):
        if _trapped(doc, number):
            return
    if "alias" in str(error.context) or "anchor" in str(error.context):
        value = re.split(r"[,\]}]|\s#", doc.line(line)[column - 2 :])[0]
        doc.report("E104", (line, max(column - 1, 1)), _ALIAS, f"write {_quoted(value)}")
        return
    doc.report("E106", (line, column), f"this is not YAML: {_words(error)}", _open_quote(doc, line) or _advice(error))


def about_tag(doc: Document, event: Any) -> None:
    """Report a tag, which may be an expression that begins with `!`."""
    at = (event.start_mark.line + 1, event.start_mark.column + 1)
    written = doc.line(at[0])[at[1] - 1 :]
    if _EXPRESSION.match(written):
        doc.report("E101", at, "a value that begins with ! is a tag for YAML", f"write {_quoted(written)}")
    else:
        doc.report("E111", at, "tags are not used here", "remove it; what a value is follows from how it is written")


def about_comment(doc: Document, line: int, column: int) -> None:
    """Report a key whose value went into a comment: `channel: #ops`."""
    found = _COMMENT.search(doc.line(line), max(0, column - 3))
    if found is not None:
        doc.report(
            "E112",
            (line, found.start("at") + 1),
            "what begins with # is a comment, so the key has no value",
            f"write {_quoted(found['at'])}",
        )


def _trapped(doc: Document, number: int) -> bool:
    written = doc.line(number)
    for code, pattern, said in _TRAPS:
        found = pattern.search(written)
        if found is not None:
            value = written[found.start("at") :]
            shown = '"${{ … }}"' if code == "E105" else _quoted(value)
            doc.report(code, (number, found.start("at") + 1), said, f"write {shown}")
            return True
    return False


def _quoted(value: str) -> str:
    """The value as it should be written; a comment after it is left away."""
    bare = re.sub(r"\s+#\s.*$", "", value).strip()
    if "'" not in bare:
        return f"'{bare}'"
    escaped = bare.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _words(error: yaml.MarkedYAMLError) -> str:
    parts = [part for part in (error.problem, error.context) if part]
    return ", ".join(str(part) for part in parts) or "the parser gave up"


def _open_quote(doc: Document, line: int) -> str:
    """A line shortly before with an odd quote: the text that began there may have gone on too far."""
    for number in range(line - 1, max(line - 6, 0), -1):
        written = doc.line(number)
        if written.count('"') % 2 == 1 and '"' in doc.line(line):
            return f"is the quote in line {number} closed?"
    return ""


def _advice(error: yaml.MarkedYAMLError) -> str:
    problem = str(error.problem)
    if "expected key" in problem or "block end" in problem or "expected <document start>" in problem:
        return "keys of one mapping stand under each other; look at the indentation here and in the line before"
    if "mapping values" in problem:
        return "look at the indentation here and in the line before, or put a text that holds ': ' in quotes"
    if "escape" in problem:
        return "write the character itself, or put the text in single quotes"
    if "cannot start any token" in problem:
        return "put the value in quotes"
    if "mapping values" in problem:
        return "look at the indentation here and in the line before, or put a text that holds ': ' in quotes"
    if "escape" in problem:
        return "write the character itself, or put the text in single quotes"
    if "cannot start any token" in problem:
        return "put the value in quotes"
    if "quoted scalar" in str(error.context):
        return "a quote is never closed"
    if "flow" in str(error.context):
        return "a [ or { is never closed, or a comma is missing"
    return ""
