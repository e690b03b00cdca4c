"""Loading folders and single documents: every problem of every file, and the workflows that are whole."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from eventflow.catalog import detectors as detector_documents
from eventflow.catalog import expressions, workflows
from eventflow.catalog.document import Document
from eventflow.catalog.fields import Fields
from eventflow.catalog.inputs import fits
from eventflow.catalog.kinds import INVALID
from eventflow.catalog.locate import documents, shipped, shown
from eventflow.catalog.nodes import Mapping
from eventflow.catalog.own import Start
from eventflow.catalog.problems import Problem
from eventflow.catalog.reading import SIZE, decode, read
from eventflow.catalog.spelling import did_you_mean
from eventflow.catalog.workflows import ID, Known
from eventflow.model.workflow import Workflow

if TYPE_CHECKING:
    from collections.abc import Iterable

    from eventflow.catalog.nodes import Node
    from eventflow.model.detection import DetectorSpec
    from eventflow.model.workflow import Input

_ID: Final = re.compile(ID)
_WRITTEN: Final = re.compile(
    r"^metadata:(?:\s*\{[^}\n]*?\b|\s*\n(?:[ \t]+[^\n]*\n){0,20}?[ \t]+)id:[ ]*[\"']?([\w/-]+)", re.MULTILINE
)
_DETECTOR: Final = re.compile(rb"^[\"']?detector[\"']?\s*:", re.MULTILINE)
_STEPS: Final = re.compile(rb"^[\"']?steps[\"']?\s*:", re.MULTILINE)


class Loaded(msgspec.Struct, frozen=True):
    """What folders hold. `workflows` may be activated; `held` may not: those with an error, or with something that the
    engine does not run yet. `files` says where each id lies. `problems` are in the order of file, line and column.
    """

    workflows: dict[str, Workflow]
    problems: list[Problem]
    held: dict[str, tuple[Problem, ...]] = {}
    files: dict[str, Path] = {}
    count: int = 0
    """How many documents there were, detectors included."""

    @property
    def errors(self) -> list[Problem]:
        """The problems that are errors."""
        return [problem for problem in self.problems if problem.severity == "error"]


class Checked(msgspec.Struct, frozen=True):
    """One document: its id, the workflow as far as it could be built, and its problems."""

    id: str
    workflow: Workflow | None
    problems: tuple[Problem, ...]
    starts: tuple[Start, ...] = ()
    """The workflows that its steps start."""
    tests: tuple[Fields, ...] = ()
    """Its tests, as they were read; see `trials`."""

    @property
    def active(self) -> bool:
        """Whether it may be activated."""
        return self.workflow is not None and not any(problem.holds for problem in self.problems)


def check(data: bytes, path: str = "workflow", *, file: str | None = None, known: Known | None = None) -> Checked:
    """Read one workflow document. `path` is its id unless it says another; `file` its name in messages."""
    doc = Document(file or f"{path}.yaml")
    workflow = None
    node = read(doc) if decode(doc, data) else None
    if node is not None:
        workflow = workflows.build(doc, node, path, known or Known())
        _identity(doc, node, path)
    id_ = workflow.id if workflow is not None else _written_id(doc.text) or path
    return Checked(id_, workflow, tuple(sorted(set(doc.problems))), tuple(doc.starts), doc.tests)


def check_detector(data: bytes, *, file: str, known: Known | None = None) -> tuple[Problem, ...]:
    """The problems of one detector document."""
    return read_detector(data, file=file, known=known or Known())[0]


def read_detector(data: bytes, *, file: str, known: Known) -> tuple[tuple[Problem, ...], DetectorSpec | None]:
    """The problems of one detector document, and what it says as far as it could be read."""
    doc, spec = Document(file), None
    node = read(doc) if decode(doc, data) else None
    if node is not None:
        fields = detector_documents.DOCUMENT.read(doc, node)
        spec = fields.get("detector") if fields is not INVALID else None
        if spec is not None:
            detector_documents.check(doc, fields.at("detector"), spec, known)
        expressions.check(doc, {})
    problems = tuple(sorted(set(doc.problems)))
    return problems, None if any(problem.holds for problem in problems) else spec


def load(folders: Iterable[Path | str], known: Known | None = None, *, detectors: Iterable[Path | str] = ()) -> Loaded:
    """Every workflow under the folders. Of two files with one id the first counts, the other is an error; but in the
    place of a shipped document people may put one of their own.

    Where `known.detectors` is not given, the detector documents under `detectors` are what there is.
    """
    known = known or Known()
    if known.action is not None:
        known = msgspec.structs.replace(known, action=functools.cache(known.action))
    loading = _Loading(known)
    examples = shipped("detectors")
    for folder in map(Path, detectors):
        for file, path in documents(folder):
            loading.detector(file, path, ready_made=folder == examples)
    if known.detectors is None and loading.detectors:
        known = msgspec.structs.replace(known, detectors=loading.detectors)
    ready_made = shipped("workflows")
    for folder in sorted(map(Path, folders), key=lambda one: one == ready_made):
        for file, path in documents(folder):
            loading.workflow(file, path, known, stands_back=folder == ready_made)
    loading.across()
    return loading.loaded()


def load_files(
    files: Iterable[tuple[Path, str]], known: Known, *, beside: Iterable[Path] = (), detectors: Iterable[Path] = ()
) -> Loaded:
    """Single documents, (file, id) each, workflows and detectors as they come.

    `beside` are the folders of workflows that these may start, `detectors` those of detectors that they may name.
    """
    here = {path: file for folder in beside for file, path in documents(folder)}
    loading = _Loading(known, here)
    if known.detectors is None:
        specs = judges(detectors, known)
        known = msgspec.structs.replace(known, detectors=specs) if specs else known
    for file, path in files:
        loading.document(file, path, known)
    loading.across()
    return loading.loaded()


def judges(folders: Iterable[Path], known: Known) -> dict[str, DetectorSpec | None]:
    """Name → what it says, of every detector document under the folders; None for one that cannot be used."""
    loading = _Loading(known)
    return {path: loading.spec(file) for folder in folders for file, path in documents(folder)}


class _Loading:
    """What has been loaded so far. `beside` are workflows that are not loaded and may be started: id to file."""

    def __init__(self, known: Known, beside: dict[str, Path] | None = None) -> None:
        self.known = known
        self.beside = beside or {}
        self.count = 0
        self.workflows: dict[str, Workflow] = {}
        self.held: dict[str, tuple[Problem, ...]] = {}
        self.files: dict[str, Path] = {}
        self.problems: list[Problem] = []
        self.read: list[tuple[Checked, Path]] = []
        self.detectors: dict[str, DetectorSpec | None] = {}

    def detector(self, file: Path, path: str, *, ready_made: bool) -> None:
        """One document; a shipped one that its type refuses here (an extra is missing) is told where it is used."""
        data = self.content(file)
        spec = None
        if data is not None:
            self.count += 1
            problems, spec = read_detector(data, file=shown(file), known=self.known)
            self.problems += [one for one in problems if not (ready_made and one.code == "E236")]
        self.detectors[path] = spec

    def spec(self, file: Path) -> DetectorSpec | None:
        """What a detector document says, without its problems."""
        data = self.content(file)
        return read_detector(data, file=shown(file), known=self.known)[1] if data is not None else None

    def loaded(self) -> Loaded:
        return Loaded(self.workflows, sorted(self.problems), self.held, self.files, self.count)

    def document(self, file: Path, path: str, known: Known) -> None:
        """A workflow or a detector, whichever it is."""
        data = self.content(file)
        if data is not None and _DETECTOR.search(data) is not None and _STEPS.search(data) is None:
            self.count += 1
            self.problems += check_detector(data, file=shown(file), known=known)
        elif data is not None:
            self.take(check(data, path, file=shown(file), known=known), file)

    def workflow(self, file: Path, path: str, known: Known, *, stands_back: bool = False) -> None:
        """One document; `stands_back` where another one with its id takes its place."""
        data = self.content(file)
        if data is not None:
            checked = check(data, path, file=shown(file), known=known)
            if not (stands_back and checked.id in self.files):
                self.take(checked, file)

    def take(self, checked: Checked, file: Path) -> None:
        self.count += 1
        self.problems += checked.problems
        self.read.append((checked, file))
        first = self.files.setdefault(checked.id, file)
        if first is not file:
            doc = Document(shown(file))
            doc.report(
                "E222",
                (1, 1),
                f"id '{checked.id}' is already that of {shown(first)}",
                "rename the file, or set metadata.id",
            )
            self.problems += doc.problems
        elif checked.workflow is not None and checked.active:
            self.workflows[checked.id] = checked.workflow
        else:
            self.held[checked.id] = tuple(problem for problem in checked.problems if problem.holds)

    def content(self, file: Path) -> bytes | None:
        try:
            with file.open("rb") as opened:
                return opened.read(SIZE + 1)
        except OSError as error:
            doc = Document(shown(file))
            self.count += 1
            why = (error.strerror or str(error)).lower()
            doc.report("E100", (1, 1), f"the file cannot be read: {why}", "look at its permissions and where it leads")
            self.problems += doc.problems
            return None

    def across(self) -> None:
        """What only the whole catalogue tells: workflows that others start must be there and take what they get."""
        inputs = {checked.id: checked.workflow.inputs for checked, _ in reversed(self.read) if checked.workflow}
        for checked, file in self.read:
            if not checked.starts:
                continue
            doc = Document(shown(file), (self.content(file) or b"").decode("utf-8-sig", "replace"))
            for start in checked.starts:
                self.started(doc, start, inputs)
            errors = tuple(problem for problem in doc.problems if problem.holds)
            if errors and self.files[checked.id] is file:
                self.workflows.pop(checked.id, None)
                self.held[checked.id] = (*self.held.get(checked.id, ()), *errors)
            self.problems += doc.problems

    def started(self, doc: Document, start: Start, inputs: dict[str, dict[str, Input]]) -> None:
        """One `workflow.run` against the workflow that it starts."""
        if start.workflow not in self.files and start.workflow not in self.beside:
            said = f"workflow.run starts '{start.workflow}', which is not there"
            doc.report("W234", start.at, said, did_you_mean(start.workflow, {**self.files, **self.beside}))
        if start.workflow not in inputs and start.workflow in self.beside:
            other = self.content(self.beside[start.workflow]) or b""
            checked = check(other, start.workflow, known=self.known)
            inputs[start.workflow] = checked.workflow.inputs if checked.workflow is not None else {}
        declared = inputs.get(start.workflow)
        if declared is None or start.inputs is None:
            return
        for name, (key, at, value) in start.inputs.items():
            if name not in declared:
                doc.report(
                    "E216", key, f"workflow '{start.workflow}' has no input '{name}'", did_you_mean(name, declared)
                )
            elif value is not ... and value is not None and (wrong := fits(declared[name], value)) is not None:
                doc.report("E224", at, f"input '{name}': {wrong}")
        for name, wanted in declared.items():
            if wanted.required and wanted.default is None and name not in start.inputs:
                said = f"workflow '{start.workflow}' needs the input '{name}'"
                doc.report("E225", start.at, said, f"add inputs: {{{name}: …}}")


def _written_id(text: str) -> str | None:
    """The `metadata.id` of a text that is no YAML now, so that what the file held before is not taken for deleted."""
    found = _WRITTEN.search(text[:SIZE])
    return found[1] if found is not None and _ID.fullmatch(found[1]) else None


def _identity(doc: Document, node: Node, path: str) -> None:
    """A path that cannot be an id needs one in the metadata."""
    meta = node.values.get("metadata") if isinstance(node, Mapping) else None
    named = isinstance(meta, Mapping) and "id" in meta.values
    if not named and not _ID.fullmatch(path):
        doc.report(
            "E206",
            (1, 1),
            f"the path '{path}' is no id: lower-case letters, digits, _ - and /",
            "rename the file, or set metadata.id",
        )
