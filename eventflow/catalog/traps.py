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
_NO_SPACE: Final = re.compile(r"^\s*(?:- +)*(?P<at>-[A-Za-z_][\w-]*:.*|[A-Za-z_][\w-]*:(?![/\s])\S.*)$")
_BLOCK: Final = re.compile(r"[|>][-+]?\s*$")
_PAIR: Final = re.compile(r"^\s*(?:- +)*(?P<key>[A-Za-z_][\w.-]*):\s+\S")
_INNER: Final = re.compile(r"'([^\"]*)'\s*$")
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
    if _told(doc, error, line, column):
        return
    if open_quote := _open_quote(doc, line):
        doc.report("E106", (line, column), "YAML gave up here: a text goes on too far before this", open_quote)
        return
    doc.report("E106", (line, column), f"this is not YAML: {_words(error)}", _advice(error))


def _told(doc: Document, error: yaml.MarkedYAMLError, line: int, column: int) -> bool:
    """Report one of the mistakes that the lines tell better than the parser; whether it was one."""
    problem, context = str(error.problem), str(error.context)
    begun: Any = error.context_mark
    if "cannot start any token" in problem and (first := doc.line(line)[column - 1 : column]):
        value = re.sub(r"\s+#\s.*$", "", doc.line(line)[column - 1 :]).strip()
        said = f"a value cannot begin with {first} for YAML"
        doc.report("E106", (line, column), said, f"write {_quoted(value.strip('`'))}")
    elif "unknown escape character" in problem:
        found = doc.line(line)[column - 1 : column + 1]
        said = f"{found} means nothing between double quotes"
        doc.report("E106", (line, column), said, "put the text between single quotes, where a backslash is itself")
    elif "flow" in context and begun is not None and "node content" not in problem:
        at = (begun.line + 1, begun.column + 1)
        sign = doc.line(at[0])[at[1] - 1 : at[1]]
        doc.report("E106", at, f"this {sign} is never closed, or a comma is missing behind it", _until(at, line))
    elif "flow" in context and doc.line(line)[column - 1 : column] == ",":
        doc.report("E106", (line, column), "nothing stands between two commas", "take one of them out")
    else:
        return _misplaced(doc, problem, line)
    return True


def _until(at: tuple[int, int], line: int) -> str:
    return f"YAML gave up in line {line}" if line != at[0] else ""


def _misplaced(doc: Document, problem: str, line: int) -> bool:
    """Report a space that is missing, or a line that begins in the wrong column."""
    before = next((n for n in range(line - 1, 0, -1) if doc.line(n).split("#")[0].strip()), 0)
    for number in (line, before):
        if (found := _NO_SPACE.match(doc.line(number))) is not None:
            at, sign = (number, found.start("at") + 1), found["at"][0]
            where = "dash" if sign == "-" else "colon"
            right = f"- {found['at'][1:]}" if sign == "-" else found["at"].replace(":", ": ", 1)
            doc.report("E106", at, f"a space is missing after the {where}", f"write {right.strip()}")
            return True
    if "could not find expected ':'" in problem and _BLOCK.search(doc.line(before - 1) or ""):
        doc.report("E106", (before, 1), "the text under | or > begins no further in than its key", "indent it")
        return True
    return before > 0 and _shifted(doc, line, before)


def _shifted(doc: Document, line: int, before: int) -> bool:
    """Report a line that stands in another column than those it belongs to."""
    written, own = doc.line(line), _indent(doc.line(line))
    dash = written.lstrip().startswith("- ")
    for number in range(before, 0, -1):
        other = doc.line(number)
        if dash and other.lstrip().startswith("- ") and _indent(other) != own:
            said = f"this dash stands in column {own + 1}, those of its list in column {_indent(other) + 1}"
            doc.report("E106", (line, own + 1), said, f"see line {number}; the dashes of one list stand in one column")
            return True
    found = _PAIR.match(doc.line(before))
    if dash or found is None or _PAIR.match(written) is None or found.start("key") == own:
        return False
    name = written.strip().partition(":")[0]
    said = (
        f"'{name}' begins in column {own + 1}, '{found['key']}' in the line before in column {found.start('key') + 1}"
    )
    doc.report("E106", (line, own + 1), said, "keys of one mapping begin in the same column")
    return True


def _indent(written: str) -> int:
    return len(written) - len(written.lstrip(" "))


def about_tag(doc: Document, event: Any) -> None:
    """Report a tag, which may be an expression that begins with `!`."""
    at = (event.start_mark.line + 1, event.start_mark.column + 1)
    written = doc.line(at[0])[at[1] - 1 :]
    if _EXPRESSION.match(written):
        doc.report("E101", at, "a value that begins with ! is a tag for YAML", f"write {_quoted(written)}")
    else:
        doc.report("E111", at, "tags are not used here", "remove it; what a value is follows from how it is written")


def about_comment(doc: Document, line: int, column: int) -> bool:
    """Report a key whose value went into a comment: `channel: #ops`; whether it is one."""
    found = _COMMENT.search(doc.line(line), max(0, column - 3))
    if found is not None:
        doc.report(
            "E112",
            (line, found.start("at") + 1),
            "what begins with # is a comment, so the key has no value",
            f"write {_quoted(found['at'])}",
        )
    return found is not None


def _trapped(doc: Document, number: int) -> bool:
    written = doc.line(number)
    for code, pattern, said in _TRAPS:
        found = pattern.search(written)
        if found is not None:
            value = written[found.start("at") :]
            shown = '"${{ … }}"' if code == "E105" else _quoted(value)
            if code == "E102" and (inner := _INNER.match(value)) is not None:
                shown = f'"{inner[1]}"'
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
    if "quoted scalar" in str(error.context):
        return "a quote is never closed"
    if "flow" in str(error.context):
        return "a [ or { is never closed, or a comma is missing"
    return ""
