"""The only place that knows everybody: builds the house from settings, opens and closes it.

`house` is `Eventflow` itself, `rooms` makes bus and store, `doors` the listeners.
"""

from __future__ import annotations

from eventflow.app.house import Eventflow

__all__ = ["Eventflow"]
