"""Every component there is, on the shelves and of plugins, and what is missing of those that cannot be used.

One that cannot even be imported is listed too, with the reason: a broken plugin must not hide the others.
"""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING, Any

import msgspec

from eventflow import plugin
from eventflow.catalog.own import ABOUT
from eventflow.errors import ComponentError
from eventflow.plugin.one_series import Short
from eventflow.plugin.registry import SHELVES, modules, of_module

if TYPE_CHECKING:
    from collections.abc import Iterator

DISTRIBUTION = "eventflow-router"


class Component(msgspec.Struct, frozen=True):
    """One component. `kind` is the contract's word; `unavailable` says why it cannot be used and what to do."""

    kind: str
    name: str
    about: str
    idempotent: bool | None = None
    """Of actions only."""
    extra: str | None = None
    unavailable: str | None = None


def components() -> list[Component]:
    """All of them, by kind and name; nothing that is wrong with one of them is raised."""
    return [one for kind in SHELVES for one in of_kind(kind)]


def of_kind(kind: str) -> list[Component]:
    """Those of one contract's word, by name; the engine's own actions among the actions."""
    ours = ABOUT.items() if kind == "action" else ()
    found = [Component(kind, name, about, idempotent=True) for name, about in ours]
    contract = getattr(plugin, kind.capitalize())
    for module, path in modules(kind).items():
        found += _of(kind, module, path, contract)
    return sorted(found, key=lambda one: one.name)


def _of(kind: str, module: str, path: str, contract: type[Any]) -> Iterator[Component]:
    try:
        classes = of_module(kind, module, path, contract)
        classes += of_module(kind, module, path, Short) if kind == "detector" else []
    except ComponentError as error:
        yield Component(kind, module, "", unavailable=_reason(error))
        return
    except Exception as error:  # noqa: BLE001 - a module of somebody else, which may do anything when imported
        yield Component(kind, module, "", unavailable=f"{path} cannot be imported: {type(error).__name__}: {error}")
        return
    for one in dict.fromkeys(classes):
        name = one.__dict__.get("name")
        if name is not None:
            extra = getattr(one, "extra", None)
            yield Component(
                kind, str(name), _about(one), getattr(one, "idempotent", None) if kind == "action" else None,
                extra, missing(extra),
            )  # fmt: skip


def missing(extra: str | None) -> str | None:
    """What of an extra is not installed and how to install it; None where nothing is missing."""
    if extra is None:
        return None
    wanted = [line for line in metadata.requires(DISTRIBUTION) or () if _of_extra(line, extra)]
    gone = [name for name in map(_name, wanted) if not _installed(name)]
    if not gone:
        return None
    return f"{', '.join(gone)} is not installed; pip install '{DISTRIBUTION}[{extra}]'"


def _of_extra(requirement: str, extra: str) -> bool:
    marker = requirement.partition(";")[2].replace('"', "'")
    return f"extra == '{extra}'" in marker


def _name(requirement: str) -> str:
    head = requirement.partition(";")[0]
    return head[: next((place for place, c in enumerate(head) if c in " <>=!~[("), len(head))]


def _installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _reason(error: ComponentError) -> str:
    """Without naming the component, which the list does."""
    return str(error).partition("cannot be used: ")[2] or str(error)


def _about(component: type[Any]) -> str:
    """The first sentence of its docstring."""
    text = " ".join((component.__doc__ or "").split("\n\n")[0].split())
    return text.partition(". ")[0].rstrip(".")
