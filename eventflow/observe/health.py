"""Health as named checks: each is ready, or says in one sentence why not.

Alive is not ready: `/livez` answers as long as the loop turns, `/readyz` only while every check is ready. Rooms set
their check when something changes; nobody is asked while a probe waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from eventflow.observe.metrics import Metrics


class Health:
    """The checks of one house. A check that was named and has not spoken yet is not ready."""

    def __init__(self, checks: Iterable[str] = (), metrics: Metrics | None = None) -> None:
        """`checks` must all have spoken before the house is ready."""
        self._why: dict[str, str] = {}
        self._ask: dict[str, Callable[[], str]] = {}
        self._metrics = metrics
        for check in checks:
            self.not_ready(check, "starting")

    def ready(self, check: str) -> None:
        """All is well with it."""
        self._set(check, "")

    def not_ready(self, check: str, why: str) -> None:
        """It can't do its work now; `why` is one sentence without anything secret."""
        self._set(check, why)

    def watch(self, check: str, ask: Callable[[], str]) -> None:
        """Ask `ask` at each look instead: it answers at once, with "" or the sentence why not."""
        self._ask[check] = ask

    def _set(self, check: str, why: str) -> None:
        self._why[check] = why
        if self._metrics is not None:
            self._metrics.check_ready.labels(check).set(0 if why else 1)

    def look(self) -> dict[str, str]:
        """Every check with "" or the sentence why not."""
        for check, ask in self._ask.items():
            self._set(check, ask())
        return dict(self._why)

    def trouble(self) -> dict[str, str]:
        """Only the checks that are not ready."""
        return {check: why for check, why in self.look().items() if why}
