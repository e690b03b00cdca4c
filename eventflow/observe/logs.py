"""The log of the process: one event one line, for people on a terminal, as JSON elsewhere; no secret, no flood.

Everything goes to stderr. Secrets are struck out by value at the last moment, so no caller has to think of it; a field
is cut at a bound and its control characters are escaped, so no sender can forge a line (reliability 5.2, row 23).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from collections.abc import Iterable, MutableMapping

LONGEST = 2000
"""Characters of one field."""
LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
SHORTEST_SECRET = 6
"""Shorter ones would strike out half the log."""

_secrets: list[str] = []


def hide(secrets: Iterable[str]) -> None:
    """Never show these texts."""
    _secrets.extend(secret for secret in secrets if len(secret) >= SHORTEST_SECRET and secret not in _secrets)


def set_up(level: str = "info", form: str = "auto") -> None:
    """Configure structlog for a process of ours; embedded, the host's own configuration is left alone."""
    human = form == "human" or (form == "auto" and sys.stderr.isatty())
    last: Any = structlog.dev.ConsoleRenderer(
        colors=human and sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    if not human:
        last = structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info if not human else _as_it_is,
            tidy,
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )


def _as_it_is(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return event


def tidy(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Strike out secrets, escape control characters, cut what is long."""
    for name, value in event.items():
        if name != "exc_info":
            event[name] = _tidy(value)
    return event


def _tidy(value: Any) -> Any:
    if isinstance(value, bool | int | float) or value is None:
        return value
    if isinstance(value, dict):
        return {str(name)[:200]: _tidy(one) for name, one in list(value.items())[:100]}
    if isinstance(value, list | tuple):
        return [_tidy(one) for one in value[:100]]
    text = str(value)
    for secret in _secrets:
        text = text.replace(secret, "***")
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}… ({len(text)} characters)"
    return text if text.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
