"""Laying file, environment and flags over each other, and saying where each came from and what is wrong with it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

from pydantic import BaseModel, ValidationError

from eventflow.catalog.document import Document
from eventflow.catalog.nodes import Mapping, Node, Sequence
from eventflow.catalog.reading import decode, read
from eventflow.catalog.spelling import did_you_mean, nearest
from eventflow.errors import SettingsError
from eventflow.settings.models import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping as Map

DEFAULT_FILE: Final = "eventflow.yaml"
PREFIX: Final = "EVENTFLOW_"
NOT_SETTINGS: Final = frozenset(("EVENTFLOW_CONFIG", "EVENTFLOW_FAILPOINT"))
"""Variables with our prefix that say something else: the settings file itself, and where a test lets us die."""
_KEY: Final = re.compile(r"[a-z_]+(\.[\w-]+)+")
"""The key that a message about the settings as a whole begins with."""
NOT_YET: Final = frozenset(("slack", "mail", "ai"))


def load(
    path: str | Path | None = None,
    env: Map[str, str] | None = None,
    overrides: Map[str, Any] | None = None,
) -> Settings:
    """The settings in force. `path` None: `$EVENTFLOW_CONFIG`, else `./eventflow.yaml` where there is one.

    `env` None: the environment of the process. `overrides` are flags by dotted key. Raises `SettingsError` with every
    problem, one a line.
    """
    env = os.environ if env is None else env
    path = path if path is not None else env.get("EVENTFLOW_CONFIG")
    file = Path(path) if path is not None else Path(DEFAULT_FILE)
    layers = _Layers()
    if path is not None or file.is_file():
        layers.read_file(file)
    else:
        file = None  # type: ignore[assignment]
    layers.add_env(env)
    for key, value in (overrides or {}).items():
        layers.put(key.split("."), value, "flag")
    return layers.settings(file, env)


def given(values: Map[str, Any], env: Map[str, str] | None = None) -> Settings:
    """Settings from values alone, shaped as a settings file is; no file and no environment is laid over them.

    `env` is where `env:NAME` secrets are looked up; None: the environment of the process. Raises `SettingsError`.
    """
    layers = _Layers()
    for key, value in values.items():
        layers.put([key], value, "given")
    return layers.settings(None, os.environ if env is None else env)


class _Layers:
    """The values so far, and the origin of each by dotted key."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.origins: dict[str, str] = {}
        self.problems: list[str] = []

    def read_file(self, file: Path) -> None:
        doc = Document(str(file))
        try:
            data = file.read_bytes()
        except OSError as error:
            raise SettingsError(f"settings file {file}: {error.strerror or error}") from error
        node = read(doc) if decode(doc, data) else None
        self.problems += [str(problem) for problem in doc.problems if problem.code != "E118"]
        if node is not None and not isinstance(node, Mapping):
            self.problems.append(f"{file}:{node.line}:{node.column}: expected a mapping of settings, found {node.kind}")
        elif node is not None:
            self.values = node.plain()
            self.note(str(file), "", node)
        if self.problems:
            raise SettingsError("\n".join(self.problems))

    def note(self, file: str, key: str, node: Node) -> None:
        if key:
            self.origins[key] = f"{file}:{node.line}:{node.column}"
        children: Iterable[tuple[Any, Node]] = ()
        if isinstance(node, Mapping):
            children = node.values.items()
        elif isinstance(node, Sequence):
            children = enumerate(node.items)
        for name, child in children:
            self.note(file, f"{key}.{name}" if key else str(name), child)

    def add_env(self, env: Map[str, str]) -> None:
        for name in sorted(env):
            if name.startswith(PREFIX) and name not in NOT_SETTINGS:
                keys = name.removeprefix(PREFIX).lower().split("__")
                self.put(keys, _value(env[name]), f"${name}")

    def put(self, keys: list[str], value: Any, origin: str) -> None:
        at = self.values
        for key in keys[:-1]:
            inner = at.get(key)
            if isinstance(inner, str) and key == "bus":
                inner = at[key] = {"url": inner}
            if not isinstance(inner, dict):
                inner = at[key] = {}
            at = inner
        at[keys[-1]] = value
        whole = ".".join(keys)
        for key in [key for key in self.origins if key == whole or key.startswith(whole + ".")]:
            del self.origins[key]
        self.origins[whole] = origin

    def settings(self, file: Path | None, env: Map[str, str]) -> Settings:
        for key in sorted(NOT_YET & set(self.values)):
            self.problems.append(f"{self.where((key,))}: '{key}' is known and not run by this version yet; take it out")
            del self.values[key]
        folder = file.parent if file is not None else Path()
        found: Settings | None = None
        try:
            found = Settings.model_validate(self.values, context={"folder": folder, "env": env})
        except ValidationError as error:
            problems = error.errors(include_url=False, include_context=False)
            self.problems += [self.said(problem["loc"], problem["type"], problem["msg"]) for problem in problems]
        if found is None or self.problems:
            raise SettingsError("\n".join(dict.fromkeys(self.problems)))
        self.check_folders(found)
        found._origins = self.origins  # noqa: SLF001 - the one place that makes settings
        found._file = file  # noqa: SLF001
        return found

    def check_folders(self, settings: Settings) -> None:
        for key in ("workflows", "detectors"):
            if key in self.origins:
                for folder in getattr(settings, key):
                    if not folder.is_dir():
                        raise SettingsError(f"{self.where((key,))}: {key}: there is no folder {folder}")

    def where(self, loc: tuple[int | str, ...]) -> str:
        for end in range(len(loc), 0, -1):
            key = ".".join(map(str, loc[:end]))
            inside = (come for name, come in self.origins.items() if name.startswith(key + "."))
            if (origin := self.origins.get(key) or next(inside, None)) is not None:
                return origin
        return "settings"

    def said(self, loc: tuple[int | str, ...], kind: str, message: str) -> str:
        loc = tuple(part for part in loc if part != "[key]")
        key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).lstrip(".")
        message = message.removeprefix("Value error, ")
        if not loc and (named := _KEY.match(message)) is not None:
            loc = tuple(named[0].split("."))
        if kind == "extra_forbidden":
            message = f"there is no such setting; {self.meant(loc)}".removesuffix("; ")
        elif kind == "missing":
            message = "is missing"
        elif kind == "string_pattern_mismatch" and loc[0] in {"sources", "secrets"}:
            message = "names are lower-case letters, digits, _ and -, beginning with a letter"
        return f"{self.where(loc)}: {f'{key}: ' if key else ''}{message}"

    def meant(self, loc: tuple[int | str, ...]) -> str:
        """What an unknown key was meant to be; of a variable the whole name as it is to be written."""
        known, wrong, where = _known(loc[:-1]), str(loc[-1]), self.where(loc)
        if where.startswith("$") and (close := nearest(wrong, known)) is not None:
            parts = where.removeprefix(f"${PREFIX}").split("__")
            parts[len(loc) - 1] = close.upper()
            return f"did you mean {PREFIX}{'__'.join(parts)}?"
        return did_you_mean(wrong, known)


def _value(text: str) -> Any:
    """A variable's value: YAML where it looks like a list or mapping, else the text, which the field's type reads."""
    if text[:1] not in {"[", "{"}:
        return text
    doc = Document("environment", text)
    node = read(doc)
    return text if node is None or doc.problems else node.plain()


def _known(loc: tuple[int | str, ...]) -> list[str]:
    """The keys that a place in the settings knows."""
    model: Any = Settings
    for part in loc:
        fields = getattr(model, "model_fields", None)
        if fields is not None:
            model = fields[part].annotation if part in fields else None
        model = _model(model)
    return list(getattr(model, "model_fields", ()))


def _model(annotation: Any) -> Any:
    """The settings model inside an annotation: `dict[Name, M]`, `tuple[M, ...]`, `M | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model(part)) is not None), None)
