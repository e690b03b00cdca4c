"""The store in one SQLite file (`store: "sqlite:"`): what one process needs and nothing else to install.

A package, because it is one component of several modules: `ledger` (the router's side), `admission` and `ending` (the
two ends of a run), `journal` (the executor's side), `history` (the reader's side), `retention`. They are plain
functions over a connection inside a transaction; `store` is the door that gives them one.
"""

from eventflow.stores.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
