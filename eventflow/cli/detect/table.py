"""CSV of any country to rows: which sign separates columns, and whether numbers have a decimal comma.

A thing of its own because a file says neither. What separates must give every row as many cells as the header has
names; a decimal comma is believed only where `;`, a tab or `|` separates, and only where a column cannot be read
another way. What remains open is refused: a number taken a thousand times too large would alarm all the same.
"""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from eventflow.errors import EventflowError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
COMMA: Final = re.compile(r"[+-]?(?:\d+|\d{1,3}(?:\.\d{3})+),\d+(?:[eE][+-]?\d+)?")
"""A number with a decimal comma, thousands set apart by dots or not at all."""
GROUPS: Final = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
"""A number with a comma that may as well set thousands apart."""
DOTTED: Final = re.compile(r"[+-]?[1-9]\d{0,2}(?:\.\d{3})+")
"""Thousands set apart by dots, where the comma is known to be the decimal sign."""
SIGNS: Final = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}
LOOKED_AT: Final = 50
_SAID: Final = re.compile(r"sep=(.)\r?\n")
"""What Excel writes before the header for itself."""


class CannotRead(EventflowError):
    """The file is not what it should be."""

    exit_code = 2


class Table(msgspec.Struct):
    """The rows with their numbers read; `how` says what was taken for what, where it is not the plain way."""

    rows: list[dict[str, Any]]
    how: str = ""


def table(text: str, path: Path, is_time: Callable[[str], bool]) -> Table:
    """Every row of a CSV file. `is_time` tells a time from other text. Raises `CannotRead`."""
    said = _SAID.match(text)
    text = text[said.end() :] if said is not None else text
    sign = said[1] if said is not None else _separator(text, path, is_time)
    names, cells = _cells(text, sign, path)
    if any(NUMBER.fullmatch(name) or COMMA.fullmatch(name) for name in names):
        raise CannotRead(f"{path} has no header: the first line must name the columns")
    commas = {name for index, name in enumerate(names) if _has_commas(name, [row[index] for row in cells], path, sign)}
    if sign == "," and commas:
        _refuse_commas(names, cells, commas, path)
        commas = set()
    if commas:
        commas |= {name for index, name in enumerate(names) if _has_groups([row[index] for row in cells])}
    rows = [
        {name: _value(cell, comma=name in commas) for name, cell in zip(names, row, strict=True) if cell}
        for row in cells
    ]
    return Table(rows, _how(sign, commas))


def _how(sign: str, commas: set[str]) -> str:
    separated = "" if sign == "," else f"{SIGNS.get(sign, repr(sign))} separates columns"
    return separated + (", numbers have a decimal comma" if commas else "")


# --- what separates --------------------------------------------------------------------------------------------------


def _separator(text: str, path: Path, is_time: Callable[[str], bool]) -> str:
    """The sign by which every row has as many cells as the header; of several the one that makes most sense."""
    head = text.split("\n", LOOKED_AT + 1)[: LOOKED_AT + 1]
    tried = {sign: [row for row in _reader(head, sign) if row] for sign in SIGNS}
    fitting = [
        sign for sign, rows in tried.items() if rows and len(rows[0]) > 1 and len({len(row) for row in rows}) == 1
    ]
    if not fitting:  # a row is short or long; the header says which was meant, and that row will be named
        widest = max((len(rows[0]) for rows in tried.values() if rows), default=1)
        fitting = [sign for sign, rows in tried.items() if rows and len(rows[0]) == widest > 1]
    if len(fitting) > 1:
        read = {sign: _columns_read(tried[sign][1:], is_time) for sign in fitting}
        fitting = [sign for sign in fitting if read[sign] == max(read.values())]
    if len(fitting) > 1:
        both = " and ".join(SIGNS[sign] for sign in fitting)
        raise CannotRead(f"{path}: {both} may separate its columns; write 'sep=;' (or another) as its first line")
    return fitting[0] if fitting else ","


def _columns_read(rows: Sequence[Sequence[str]], is_time: Callable[[str], bool]) -> int:
    """How many columns are numbers or times throughout."""

    def means(cell: str) -> bool:
        return not cell or any(one.fullmatch(cell) for one in (NUMBER, COMMA)) or is_time(cell)

    return sum(all(map(means, column)) for column in zip(*rows, strict=False))


def _reader(lines: Sequence[str], sign: str) -> Iterator[list[str]]:
    for row in csv.reader(lines, delimiter=sign, skipinitialspace=True):
        yield [cell.strip() for cell in row]


def _cells(text: str, sign: str, path: Path) -> tuple[list[str], list[list[str]]]:
    reader = csv.reader(text.splitlines(keepends=True), delimiter=sign, skipinitialspace=True)
    names: list[str] = []
    cells: list[list[str]] = []
    for row in reader:
        if not row:
            continue
        if not names:
            names = [name.strip() for name in row]
            continue
        if len(row) != len(names):
            said = f"{len(names)} column{'s were' if len(names) != 1 else ' was'} expected, {len(row)} found"
            raise CannotRead(
                f"{path}:{reader.line_num}: {said}; {SIGNS.get(sign, repr(sign))} was taken to separate them"
            )
        cells.append([cell.strip() for cell in row])
    return names, cells


# --- what a comma in a number is -------------------------------------------------------------------------------------


def _has_commas(name: str, column: Sequence[str], path: Path, sign: str) -> bool:
    """Whether the column holds numbers with a decimal comma. Raises `CannotRead` where it may be read two ways."""
    written = [cell for cell in column if cell]
    with_comma = [cell for cell in written if COMMA.fullmatch(cell)]
    others = [cell for cell in written if not COMMA.fullmatch(cell)]
    if not with_comma or not all(NUMBER.fullmatch(cell) or DOTTED.fullmatch(cell) for cell in others):
        return False
    if sign == ",":
        return True
    points = [cell for cell in others if "." in cell and not DOTTED.fullmatch(cell)]
    if points:
        raise CannotRead(f"{path}: column {name!r} holds both {with_comma[0]} and {points[0]}; write one decimal sign")
    if all(GROUPS.fullmatch(cell) for cell in with_comma):
        raise CannotRead(
            f"{path}: column {name!r}: {with_comma[0]} may be {with_comma[0].replace(',', '.')} or "
            f"{with_comma[0].replace(',', '')}, and no other number of it tells; write a decimal point, or no comma"
        )
    return True


def _has_groups(column: Sequence[str]) -> bool:
    """Whether the dots of a column can set thousands apart, where commas elsewhere are decimal signs."""
    written = [cell for cell in column if cell]
    return any(DOTTED.fullmatch(cell) for cell in written) and all(
        DOTTED.fullmatch(cell) or cell.lstrip("+-").isdecimal() for cell in written
    )


def _refuse_commas(names: Sequence[str], cells: Sequence[Sequence[str]], commas: set[str], path: Path) -> None:
    """Between commas `"1,5"` is a text; that is told where the file has no number beside it."""
    for index, name in enumerate(names):
        column = [row[index] for row in cells if row[index]]
        if name not in commas and column and all(NUMBER.fullmatch(cell) for cell in column):
            return
    name = next(name for name in names if name in commas)
    raise CannotRead(
        f"{path}: column {name!r} has decimal commas, and a comma separates its columns too; "
        "separate them by ; or a tab, or write a decimal point"
    )


def _value(cell: str, *, comma: bool) -> Any:
    if comma and ("," in cell or DOTTED.fullmatch(cell)):
        cell = cell.replace(".", "").replace(",", ".")
    if NUMBER.fullmatch(cell):
        return int(cell) if re.fullmatch(r"[+-]?\d{1,15}", cell) else float(cell)
    return cell
