"""The settings: one file, overridden by the environment, overridden by flags; every value knows where it came from.

Kept apart from the rooms because none of them reads settings: `app` hands each what it needs. What is wrong is said all
at once, with file, line and column. Relative paths of the file count from the file's folder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eventflow.settings.layers import given, load
    from eventflow.settings.models import (
        Auth,
        BusSettings,
        Egress,
        KafkaTls,
        Limits,
        Listen,
        Log,
        Retention,
        Settings,
        Shell,
        SourceSettings,
        Tls,
        TokenSettings,
    )
    from eventflow.settings.secret import Secret
    from eventflow.settings.values import Address

__all__ = [
    "Address",
    "Auth",
    "BusSettings",
    "Egress",
    "KafkaTls",
    "Limits",
    "Listen",
    "Log",
    "Retention",
    "Secret",
    "Settings",
    "Shell",
    "SourceSettings",
    "Tls",
    "TokenSettings",
    "given",
    "load",
]


def __getattr__(name: str) -> Any:
    """Load pydantic and the models only when somebody asks for one."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from eventflow.settings import layers, models, secret, values

    where = {"given": layers, "load": layers, "Secret": secret, "Address": values}.get(name, models)
    return getattr(where, name)
