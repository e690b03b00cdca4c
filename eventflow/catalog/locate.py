"""Where documents lie, and what they are called: the shipped catalogue, folders of people, ids, addresses.

Identity is the path under its folder without the suffix. Symbolic links that lead out of the folder are not followed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from eventflow.catalog.spelling import nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

SUFFIXES: Final = frozenset((".yaml", ".yml"))
Verb = Literal["execute", "orchestrate", "pipeline"]
CATEGORY: Final[dict[str, str]] = {"execute": "", "orchestrate": "orchestration", "pipeline": "pipelines"}
"""The directory that a verb looks in when the address is no id by itself."""


def shipped(name: Literal["workflows", "detectors"]) -> Path | None:
    """The folder of the shipped catalogue: in the package (wheel), else beside it; None where there is none."""
    package = Path(__file__).parent
    for folder in (package / name, package.parents[1] / name):
        if folder.is_dir():
            return folder
    return None


def folders(name: Literal["workflows", "detectors"], own: Collection[Path]) -> list[Path]:
    """The shipped folder and people's own ones that exist, each once."""
    first = shipped(name)
    found: dict[Path, Path] = {}
    for folder in ([first] if first is not None else []) + list(own):
        if folder.is_dir():
            found.setdefault(folder.resolve(), folder)
    return list(found.values())


def documents(folder: Path) -> Iterator[tuple[Path, str]]:
    """(file, id) of every document under a folder, in the order of ids; what begins with `.` or `_` is passed over."""
    root = folder.resolve()
    found = []
    for place, folders_, names in os.walk(folder):
        folders_[:] = sorted(name for name in folders_ if not name.startswith((".", "_")))
        for name in names:
            file = Path(place, name)
            if file.suffix not in SUFFIXES or name.startswith((".", "_")):
                continue
            if file.is_symlink() and not file.resolve().is_relative_to(root):
                continue
            found.append((file, file.relative_to(folder).with_suffix("").as_posix()))
    yield from sorted(found, key=lambda pair: (pair[1], pair[0].suffix))


def named(file: Path, roots: Collection[Path]) -> str:
    """The id of a file by its path: under the first root that holds it, else under a folder called as ours are."""
    place = file.resolve()
    for root in roots:
        if place.is_relative_to(root.resolve()):
            return place.relative_to(root.resolve()).with_suffix("").as_posix()
    for folder in place.parents:
        if folder.name in {"workflows", "detectors"}:
            return place.relative_to(folder).with_suffix("").as_posix()
    return place.stem


def shown(file: Path) -> str:
    """A file's name in messages: relative to the working directory where it lies below it."""
    try:
        return file.relative_to(Path.cwd()).as_posix()
    except ValueError:
        return file.as_posix()


def resolve(address: str, ids: Collection[str], verb: Verb = "execute") -> str | list[str]:
    """The id that an address means, or the candidates where it means none or several.

    The exact id; else the id under the verb's directory; else the only id that holds the given parts in order.
    """
    wanted = address.strip("/").removesuffix(".yaml").removesuffix(".yml").removeprefix("workflows/")
    if wanted in ids:
        return wanted
    under = f"{CATEGORY[verb]}/{wanted}" if CATEGORY[verb] else ""
    if under in ids:
        return under
    parts = wanted.split("/")
    found = sorted(id_ for id_ in ids if _holds(id_.split("/"), parts))
    return found[0] if len(found) == 1 else found


def meant(address: str, ids: Iterable[str]) -> str | None:
    """The id that a mistyped address is like, or whose end it is like; None when none is."""
    ends = {"/".join(parts[start:]): id_ for id_ in ids for parts in [id_.split("/")] for start in range(len(parts))}
    close = nearest(address.strip("/"), ends)
    return None if close is None else ends[close]


def _holds(parts: list[str], wanted: list[str]) -> bool:
    """Whether the wanted parts stand among the parts, in this order."""
    rest = iter(parts)
    return all(part in rest for part in wanted)
