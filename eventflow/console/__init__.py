"""Shows, and takes what people decide: the API of the private listener and of the Unix socket.

`routes` says what there is (every route with its scope), `reads` and `writes` answer, `bodies` are the answers' shapes,
`server` checks the caller and speaks HTTP, `openapi` describes it all. What a person decides here becomes a record of
the control partition like any other.
"""

from __future__ import annotations

from eventflow.console.house import House
from eventflow.console.server import handler

__all__ = ["House", "handler"]
