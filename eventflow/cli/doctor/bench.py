"""What checks look at, and what they answer with."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from eventflow.errors import EventflowError, SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from eventflow.cli.doors import Door
    from eventflow.settings import Settings


class Finding(msgspec.Struct, frozen=True):
    """One line: `check` names what was looked at, `advice` what to do where it is not ok."""

    level: Literal["ok", "warn", "fail"]
    check: str
    sentence: str
    advice: str = ""

    def body(self) -> dict[str, str]:
        """For programs."""
        return {"level": self.level, "check": self.check, "sentence": self.sentence, "advice": self.advice}


def ok(check: str, sentence: str) -> Finding:
    """All is well."""
    return Finding("ok", check, sentence)


def warn(check: str, sentence: str, advice: str) -> Finding:
    """It works, and somebody should look at it."""
    return Finding("warn", check, sentence, advice)


def fail(check: str, sentence: str, advice: str) -> Finding:
    """It cannot work so."""
    return Finding("fail", check, sentence, advice)


class Bench:
    """The settings (None where they cannot be read), and the server where one runs."""

    def __init__(self, door: Door) -> None:
        """Nothing is looked at yet."""
        self.door = door

    @functools.cached_property
    def read(self) -> Settings | SettingsError:
        """The settings, or what is wrong with them."""
        from eventflow import settings

        try:
            return settings.load(self.door.config)
        except SettingsError as error:
            return error

    @property
    def settings(self) -> Settings | None:
        """The settings; None where they cannot be read."""
        return None if isinstance(self.read, SettingsError) else self.read

    @property
    def data_dir(self) -> Path | None:
        """The data directory; None without settings."""
        return self.settings.data_dir if self.settings is not None else None

    @functools.cached_property
    def running(self) -> bool:
        """Whether a server answers."""
        if self.settings is None:
            return False
        try:
            self.door.request("GET", "/workflows", query={"limit": 1}, patience=5)
        except EventflowError:
            return False
        return True

    def ask(self, path: str) -> Any:
        """A GET of the running server."""
        return self.door.request("GET", path, query={"limit": 200}, patience=10)
