"""What the store's functions need of a connection: typed as SQLite is, which says nothing about what is in a column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


class Rows(Protocol):
    """The answer to a statement."""

    @property
    def get(self) -> Any:
        """The one value of the one row; None without a row."""
        ...

    def fetchone(self) -> Any:
        """The next row, or None."""
        ...

    def fetchall(self) -> list[Any]:
        """All rows."""
        ...

    def __iter__(self) -> Iterator[Any]: ...


class Sql(Protocol):
    """A connection inside a transaction."""

    def execute(self, statement: str, values: Sequence[Any] = ..., /) -> Rows:
        """Do one statement."""
        ...

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]], /) -> Rows:
        """Do one statement for each row of values."""
        ...

    def changes(self) -> int:
        """How many rows the last statement touched."""
        ...

    def last_insert_rowid(self) -> int:
        """The number of the row that was inserted last."""
        ...
