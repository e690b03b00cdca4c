"""Finds components: a module on a shelf is a component and its name is its type; plugins come by entry point.

Nothing is registered by hand and nothing is imported before somebody asks for it by name, so a heavy library loads
only where its component is used.
"""

from __future__ import annotations

import inspect
import pkgutil
import sys
from functools import lru_cache
from importlib import import_module, metadata
from typing import TypeGuard, TypeVar

from eventflow.errors import ComponentError

SHELVES = {
    "source": "eventflow.sources",
    "action": "eventflow.actions",
    "detector": "eventflow.detectors",
    "bus": "eventflow.buses",
    "store": "eventflow.stores",
}
"""Contract word → the shelf of the built-in components. The entry point group of plugins is `eventflow.<word>`."""

C = TypeVar("C")


def modules(word: str) -> dict[str, str]:
    """Every module that may hold components of this contract: name → import path. Imports the shelf only."""
    shelf = import_module(SHELVES[word])
    found = {info.name: f"{shelf.__name__}.{info.name}" for info in pkgutil.iter_modules(shelf.__path__)}
    return _of_plugins(word, tuple(sys.path)) | found


@lru_cache(maxsize=32)
def _of_plugins(word: str, _path: tuple[str, ...]) -> dict[str, str]:
    """Name → import path of the entry points. Every installed project is looked at (6 ms), so once for each path."""
    return {point.name: point.value for point in metadata.entry_points(group=f"eventflow.{word}")}


def find(word: str, name: str, contract: type[C]) -> type[C]:
    """The class of the component `name` (`webhook`; for actions `plugin.verb`).

    Raises `ComponentError` with the names there are, or with the extra to install.
    """
    known = modules(word)
    module = name.partition(".")[0]
    if module not in known:
        message = f"no {word} {name!r}; there are: {', '.join(sorted(known))}"
        raise ComponentError(message)
    for candidate in _classes(word, name, known[module], contract):
        if candidate.__dict__.get("name") == name:
            return candidate
    message = f"{known[module]} has no {word} {name!r}"
    raise ComponentError(message)


def names(word: str, contract: type[C]) -> list[str]:
    """Every component of this contract by its full name; a module whose extra is missing gives its module's name."""
    found: set[str] = set()
    for module, path in modules(word).items():
        try:
            found |= {c.__dict__["name"] for c in _classes(word, module, path, contract) if "name" in c.__dict__}
        except ComponentError:
            found.add(module)
    return sorted(found)


def of_module(word: str, module: str, path: str, contract: type[C]) -> list[type[C]]:
    """The components of one module of `modules`. Raises `ComponentError`, and whatever importing it raises."""
    return _classes(word, module, path, contract)


def _classes(word: str, name: str, path: str, contract: type[C]) -> list[type[C]]:
    module_path, _, attribute = path.partition(":")
    try:
        module = import_module(module_path)
    except ImportError as error:
        extra = getattr(error, "name", None) or name
        message = f"{word} {name!r} cannot be used: {extra!r} is not installed; pip install 'eventflow-router[all]'"
        raise ComponentError(message) from error
    if attribute:
        return [getattr(module, attribute)]
    return [
        value
        for _, value in inspect.getmembers(module, inspect.isclass)
        if _keeps(value, contract) and not inspect.isabstract(value)
    ]


def _keeps(value: type, contract: type[C]) -> TypeGuard[type[C]]:
    """Whether a class is of this contract: by descent, or for a protocol by having everything that it names."""
    if not getattr(contract, "_is_protocol", False):
        return issubclass(value, contract)
    return value is not contract and all(hasattr(value, name) for name in dir(contract) if not name.startswith("_"))
