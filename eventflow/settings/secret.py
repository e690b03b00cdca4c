"""A secret: where it lies, never what it is. Read when it is used, so a rotated file counts at once."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import PydanticCustomError, core_schema

from eventflow.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import GetCoreSchemaHandler

HIDDEN: Final = "***"
_ENV: Final = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)")
_LARGEST: Final = 64 * 1024


class Secret:
    """`env:NAME` or `file:PATH`. `where` is that text; its `repr`, `str` and JSON are `***`."""

    __slots__ = ("_env", "_folder", "where")

    def __init__(self, where: str, *, folder: Path | None = None, env: Mapping[str, str] | None = None) -> None:
        """Raises `ValueError` for a text that names no place; the text is not repeated, it may be the secret itself."""
        if not (_ENV.fullmatch(where) or (where.startswith("file:") and len(where) > 5)):
            raise ValueError("a secret is never written into settings; say env:NAME or file:PATH")
        self.where = where
        self._folder = folder or Path()
        self._env = env

    def reveal(self) -> bytes:
        """The secret's bytes; of a file without the line end at its end. Raises `SettingsError` where there is none."""
        kind, _, name = self.where.partition(":")
        if kind == "env":
            value = (os.environ if self._env is None else self._env).get(name)
            if not value:
                raise SettingsError(f"secret {self.where}: the environment variable {name} is not set")
            return value.encode()
        try:
            with (self._folder / Path(name).expanduser()).open("rb") as file:
                content = file.read(_LARGEST + 1)
        except OSError as error:
            raise SettingsError(f"secret {self.where}: {error.strerror or error}") from error
        content = content.removesuffix(b"\n").removesuffix(b"\r")
        if not content or len(content) > _LARGEST:
            raise SettingsError(f"secret {self.where}: the file is {'too large' if content else 'empty'}")
        return content

    def text(self) -> str:
        """The secret as text. Raises `SettingsError` where it is none."""
        try:
            return self.reveal().decode()
        except UnicodeDecodeError as error:
            raise SettingsError(f"secret {self.where}: not UTF-8") from error

    def __repr__(self) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.where == self.where

    def __hash__(self) -> int:
        return hash(self.where)

    def __reduce__(self) -> Any:
        """Copies and pickles carry the place, not the secret."""
        return (Secret, (self.where,))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """A text that names the place; `folder` and `env` come with the validation's context."""
        return core_schema.with_info_plain_validator_function(
            cls._validated,
            serialization=core_schema.plain_serializer_function_ser_schema(lambda _: HIDDEN),
        )

    @classmethod
    def _validated(cls, value: Any, info: core_schema.ValidationInfo) -> Secret:
        if isinstance(value, Secret):
            return value
        context = info.context or {}
        try:
            return cls(value if isinstance(value, str) else "", folder=context.get("folder"), env=context.get("env"))
        except ValueError as error:
            raise PydanticCustomError("secret", str(error)) from None
