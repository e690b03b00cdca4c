"""The contracts: what things must do. Built-in components and plugins use the same lines (door 2).

One file per contract: `source`, `bus`, `store`, `action`, `detector`. `registry` finds components: a file on a shelf is
a component, and its name is its type. The errors that components raise are here too, so that a plugin needs no other
door.
"""

from __future__ import annotations

from eventflow.errors import (
    ActionError,
    ComponentError,
    Overloaded,
    Refused,
    SettingsError,
    StorageBusy,
    StorageDamaged,
    StorageError,
    StorageFull,
    StorageHeld,
    StorageLost,
)
from eventflow.plugin.action import Action, ActionContext, Attempt
from eventflow.plugin.bus import Bus, Subscription, Survives
from eventflow.plugin.detector import Detector, DetectorContext, Explanation, Fit, Rows, Scores
from eventflow.plugin.source import Delivery, Draft, Pull, Source, SourceContext
from eventflow.plugin.store import History, Journal, Ledger, Store

__all__ = [
    "Action", "ActionContext", "ActionError", "Attempt", "Bus", "ComponentError", "Delivery", "Detector",
    "DetectorContext", "Draft", "Explanation", "Fit", "History", "Journal", "Ledger", "Overloaded", "Pull", "Refused",
    "Rows", "Scores", "SettingsError", "Source", "SourceContext", "StorageBusy", "StorageDamaged", "StorageError",
    "StorageFull", "StorageHeld", "StorageLost", "Store", "Subscription", "Survives",
]  # fmt: skip
