"""Laying file, environment and flags over each other, and saying where each came from and what is wrong with it."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from eventflow.catalog.document import Document
from eventflow.catalog.nodes import Mapping, Node, Sequence, Unread
from eventflow.catalog.problems import CODES
from eventflow.catalog.reading import decode, read
from eventflow.errors import SettingsError
from eventflow.settings.refusals import PREFIX, validated
from eventflow.settings.values import near

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Mapping as Map

    from eventflow.catalog.problems import Problem
    from eventflow.settings.models import Settings
    from eventflow.settings.values import Place

DEFAULT_FILE: Final = "eventflow.yaml"
NOT_SETTINGS: Final = frozenset(("EVENTFLOW_CONFIG", "EVENTFLOW_FAILPOINT"))
"""Variables with our prefix that say something else: the settings file itself, and where a test lets us die."""
_REPEATING: Final = frozenset(("E113", "E114"))
"""Problems whose message repeats the value."""
_WORD: Final = re.compile(r"[^\s:,'\"\[\]{}]{4,}")
_AT: Final = re.compile(r":([0-9]+):([0-9]+)")
_SECRET: Final = re.compile(r"secret|password|token", re.IGNORECASE)
"""What a line says that may hold a secret where none should be."""
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
        self.file = ""
        self.unread: list[Place] = []

    def read_file(self, file: Path) -> None:
        doc = Document(str(file))
        self.file = str(file)
        try:
            data = file.read_bytes()
        except OSError as error:
            raise SettingsError(f"settings file {file}: {error.strerror or error}") from error
        node = read(doc) if decode(doc, data) else None
        self.problems += [_yaml_problem(problem) for problem in doc.problems if problem.code != "E118"]
        if node is not None and not isinstance(node, Mapping):
            self.problems.append(f"{file}:{node.line}:{node.column}: expected a mapping of settings, found {node.kind}")
        elif node is not None:
            self.values, self.unread = node.plain(), list(_unread(node))
            self.note(str(file), "", node)
        if self.problems and not self.values:  # nothing is left to look at: the rest would be guesses
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
        """All layers as settings. Raises `SettingsError` with every problem, in the order of the file."""
        problems = [(self.order(said), said) for said in self.problems]
        for key in sorted(NOT_YET & set(self.values)):
            problems.append(self.told((key,), f"'{key}' is known and not run by this version yet; take it out"))
            del self.values[key]
        folder = file.parent if file is not None else Path()
        found, refused, left_out = validated(self.values, {"folder": folder, "env": env}, self.origin, self.unread)
        problems += [self.told(one.place, one.said) for one in refused]
        if found is not None:
            gone = [(key, said) for key, said in self.folders(found) if (key,) not in left_out]
            problems += [self.told((key,), f"{key}: {said}") for key, said in gone]
        if found is None or problems:
            raise SettingsError("\n".join(dict.fromkeys(said for _, said in sorted(problems))))
        found._origins = self.origins  # noqa: SLF001 - the one place that makes settings
        found._file = file  # noqa: SLF001
        return found

    def folders(self, settings: Settings) -> Iterable[tuple[str, str]]:
        """(key, sentence) for each folder of documents that somebody named and that is not there."""
        for key in ("workflows", "detectors"):
            if key in self.origins:
                for folder in getattr(settings, key):
                    if not folder.is_dir():
                        yield key, f"there is no folder {folder}"

    def told(self, place: Place, said: str) -> tuple[tuple[int, int, str], str]:
        """(where it comes in the order, the line to print)."""
        where = self.origin(place)
        return self.order(where), f"{where}: {said}"

    def order(self, where: str) -> tuple[int, int, str]:
        """What the file itself says first and by place, then variables and flags."""
        found = _AT.match(where.removeprefix(self.file)) if self.file and where.startswith(self.file) else None
        return (int(found[1]), int(found[2]), "") if found is not None else (sys.maxsize, 0, where)

    def origin(self, place: Place) -> str:
        """Where a value came from, or what is around it."""
        return near(self.origins, place)


def _yaml_problem(problem: Problem) -> str:
    """As documents tell it, but for what repeats words of a line that may hold a secret."""
    if not _SECRET.search(problem.source):
        return str(problem)
    message = CODES[problem.code].about if problem.code in _REPEATING else problem.message
    repeats = any(word in problem.suggestion for word in _WORD.findall(problem.source))
    return str(replace(problem, message=message, suggestion="" if repeats else problem.suggestion))


def _unread(node: Node, place: Place = ()) -> Iterable[Place]:
    """The places whose value could not be read, which has been told."""
    if isinstance(node, Unread):
        yield place
    if isinstance(node, Mapping):
        for key, child in node.values.items():
            yield from _unread(child, (*place, key))
    if isinstance(node, Sequence) and any(True for item in node.items for _ in _unread(item)):
        yield place


def _value(text: str) -> Any:
    """A variable's value: YAML where it looks like a list or mapping, else the text, which the field's type reads."""
    if text[:1] not in {"[", "{"}:
        return text
    doc = Document("environment", text)
    node = read(doc)
    return text if node is None or doc.problems else node.plain()
