"""The contracts: what things must do. Built-in components and plugins use the same lines (door 2).

One file per contract: `source`, `bus`, `store`, `action`. `component` says what every component is, `registry` finds
them: a file on a shelf is a component, and its name is its type.
"""

from __future__ import annotations

from eventflow.plugin.action import Action, ActionContext, Attempt
from eventflow.plugin.bus import Bus, Subscription, Survives
from eventflow.plugin.source import Delivery, Draft, Source, SourceContext
from eventflow.plugin.store import History, Journal, Ledger, Store

__all__ = [
    "Action", "ActionContext", "Attempt", "Bus", "Delivery", "Draft", "History", "Journal", "Ledger", "Source",
    "SourceContext", "Store", "Subscription", "Survives",
]  # fmt: skip
