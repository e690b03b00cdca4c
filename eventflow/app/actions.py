"""The actions and secrets that workflows may use: found by name, made once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from eventflow.errors import NotFound
from eventflow.plugin import Action, ActionContext
from eventflow.plugin.registry import find

if TYPE_CHECKING:
    from eventflow.settings import Settings


class Actions:
    """One object of each action that was asked for."""

    def __init__(self, settings: Settings) -> None:
        """None is made yet."""
        self._settings = settings
        self._context = ActionContext(
            egress_allow=tuple(settings.egress.allow),
            shell_allow=tuple(settings.shell.allow),
            directory=Path(settings.data_dir) / "work",
        )
        self._made: dict[str, Action] = {}

    def get(self, name: str) -> Action:
        """The action `plugin.verb`. Raises `ComponentError`."""
        if name not in self._made:
            self._made[name] = find("action", name, Action)(self._context)  # type: ignore[type-abstract]
        return self._made[name]

    def secret(self, name: str) -> str:
        """The value of a secret. Raises `NotFound` for one that the settings do not name."""
        if name not in self._settings.secrets:
            raise NotFound(f"no secret {name!r}; give it in the settings: secrets: {{{name}: env:NAME}}")
        return self._settings.secrets[name].text()
