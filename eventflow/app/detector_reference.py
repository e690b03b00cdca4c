"""The reference of detectors, written from the components and the catalogue: types, what all of them take, ready ones.

Apart from `reference`, which writes that of actions: the two share how a table is written and nothing else.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Final

from eventflow.app.known import schema_of
from eventflow.catalog import locate
from eventflow.catalog.against import says
from eventflow.catalog.detectors import COMMON
from eventflow.catalog.document import Document
from eventflow.catalog.nodes import Mapping
from eventflow.catalog.reading import decode, read
from eventflow.plugin.one_series import detector_names, find_detector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eventflow.plugin import Detector

_NOTHING: Final[tuple[Any, ...]] = (None, "", {}, [])
_HEAD: Final = (
    "# Detectors",
    "",
    "This page is made from the code; a test holds it equal.",
    "",
    "A detector turns samples into a score, and the Judge behind it turns scores into alarms, the same way for every",
    "type. A condition trigger names a ready-made detector (`detector: latency-p95`) or writes one itself",
    "(`detector: {type: adaptive, config: {…}}`); `eventflow detect FILE` tries one on data that you have.",
    "`eventflow components` also lists the types of installed plugins.",
    "",
)


def detectors() -> str:
    """The page."""
    lines = [*_HEAD, "## Types", ""]
    for name in detector_names():
        kind = find_detector(name)
        if kind.__module__.startswith("eventflow."):
            lines += _type(kind)
    lines += ["## Keys that every type has", "", *_common(), "", "## Ready-made", ""]
    for title, text in _ready():
        lines += [f"### {title}", "", text, ""]
    return "\n".join(lines)


def _type(kind: type[Detector]) -> Iterator[str]:
    yield from (f"### {kind.name}", "", inspect.getdoc(kind) or "", "")
    about = inspect.getdoc(inspect.getmodule(kind)) or ""
    _, _, more = about.partition("\n\n")
    if more:
        yield from (more.partition("\n\n")[0], "")
    scale = {
        "absolute": "Its score is *absolute*: 1 or more is an alarm, without warm-up.",
        "relative": "Its score is *relative*: it alarms when it is rare for its series, after 100 samples of learning.",
    }[kind.scale]
    extra = f" Needs `pip install 'eventflow-router[{kind.extra}]'`." if kind.extra else ""
    yield from (scale + (" It takes several `features`." if kind.several else "") + extra, "")
    yield from ("| key | value | default | meaning |", "|---|---|---|---|")
    schema = schema_of(kind.Config)
    yield from _rows(schema, schema, "")
    yield ""


def _rows(schema: dict[str, Any], whole: dict[str, Any], before: str) -> Iterator[str]:
    for key, field in schema.get("properties", {}).items():
        inner = whole.get("$defs", {}).get(str(field.get("$ref", "")).rpartition("/")[2])
        if inner is not None and "properties" in inner:
            yield from _rows(inner, whole, f"{before}{key}.")
            continue
        default = field.get("default")
        shown = f"`{default}`" if default not in _NOTHING and not isinstance(default, dict) else _span(default)
        yield f"| `{before}{key}` | {_cell(says(whole, field))} | {shown} | {_cell(field.get('description', ''))} |"


def _span(default: Any) -> str:
    """The default of an amount that is rows or a time."""
    rows = default.get("rows") if isinstance(default, dict) else None
    return f"`{rows}`" if rows else ""


def _common() -> Iterator[str]:
    yield from ("| key | value | meaning |", "|---|---|---|")
    for name, key in COMMON.items():
        later = " *(not yet)*" if key.later else ""
        yield f"| `{name}`{later} | {_cell(key.kind.says)} | {_cell(key.about)} |"


def _ready() -> Iterator[tuple[str, str]]:
    folder = locate.shipped("detectors")
    if folder is None:
        return
    for file, name in locate.documents(folder):
        doc = Document(file.name)
        node = read(doc) if decode(doc, file.read_bytes()) else None
        if isinstance(node, Mapping):
            plain = node.plain()
            yield name, f"{plain['metadata']['description']} Type: `{plain['detector']['type']}`."


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
