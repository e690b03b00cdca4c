"""The only place that knows everybody: builds the house from settings, opens and closes it.

`house` is `Eventflow` itself; `rooms` makes bus and store, `workflows` and `actions` what runs need, `doors` the
listeners, `readings` what metrics read.
"""

from __future__ import annotations

from eventflow.app.house import Eventflow

__all__ = ["Eventflow"]
