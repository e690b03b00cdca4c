"""Goes through documents and runs their tests: from files to results, whoever shows them (the command line, pytest)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from eventflow import catalog, ports
from eventflow.app.known import known
from eventflow.catalog.locate import shown
from eventflow.catalog.problems import Problem
from eventflow.testing.scenario.script import of_test
from eventflow.testing.scenario.stage import play
from eventflow.testing.scenario.verdict import Difference, differences

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from eventflow.catalog import Checked
    from eventflow.catalog.fields import Fields
    from eventflow.model.workflow import Workflow
    from eventflow.settings import Settings

STORY: Final = 40
"""Lines of a run's story that a failure shows, at most."""


class Result(msgspec.Struct, frozen=True):
    """What came of one test. `error` says why it could not be run; `story` tells what happened, run by run."""

    workflow: str
    file: str
    line: int
    name: str
    passed: bool
    seconds: float = 0.0
    differences: tuple[Difference, ...] = ()
    error: str = ""
    story: tuple[str, ...] = ()


class Rehearsed(msgspec.Struct, frozen=True):
    """A document: its tests' results, or the problems because of which none was run."""

    workflow: str
    file: str
    results: tuple[Result, ...] = ()
    problems: tuple[Problem, ...] = ()


class Suite:
    """The documents there are under some settings, read when they are needed."""

    def __init__(self, settings: Settings) -> None:
        """Look where documents lie; read none."""
        self.settings = settings
        own = [Path(folder) for folder in settings.workflows]
        self._folders = catalog.folders("workflows", own)
        judges = [Path(folder) for folder in settings.detectors]
        self._detectors = catalog.folders("detectors", judges)
        self._known: Any = None
        self._others: dict[str, Workflow] | None = None
        self._files: dict[str, Path] | None = None

    @property
    def files(self) -> dict[str, Path]:
        """Id by path → file, of the shipped documents and those of the settings; people's own ones win."""
        if self._files is None:
            self._files = {id_: file for folder in self._folders for file, id_ in catalog.documents(folder)}
        return self._files

    def check(self, file: Path, id_: str) -> Checked:
        """Read one document."""
        if self._known is None:
            there = known(self.settings)
            self._known = msgspec.structs.replace(there, detectors=catalog.judges(self._detectors, there) or None)
        return catalog.check(file.read_bytes(), id_, file=shown(file), known=self._known)

    def others(self, checked: Checked, file: Path) -> dict[str, Workflow]:
        """The workflows that this one starts."""
        found: dict[str, Workflow] = {}
        for start in checked.starts:
            beside = self.files.get(start.workflow) or _beside(file, checked.id, start.workflow)
            if beside is not None and beside.exists():
                other = self.check(beside, start.workflow)
                if other.workflow is not None and not any(one.severity == "error" for one in other.problems):
                    found[start.workflow] = other.workflow
        return found

    def run(self, file: Path, id_: str, word: str = "") -> Rehearsed:
        """Run the tests of one document whose names hold `word`."""
        checked = self.check(file, id_)
        wrong = tuple(one for one in checked.problems if one.severity == "error" and one.code != "E211")
        if wrong or checked.workflow is None:
            return Rehearsed(checked.id, str(file), (), wrong)
        return Rehearsed(checked.id, str(file), tuple(self.results(checked, file, word)))

    def results(self, checked: Checked, file: Path, word: str = "") -> Iterator[Result]:
        """One result after the other."""
        others = self.others(checked, file) if checked.tests else {}
        for test in checked.tests:
            name = test.get("name", "")
            if word.lower() in f"{checked.id} {name}".lower():
                yield self.one(checked, test, file, others)

    def one(self, checked: Checked, test: Fields, file: Path, others: dict[str, Workflow]) -> Result:
        """Run one test of a document without errors."""
        assert checked.workflow is not None
        begun = ports.boot()
        head = {
            "workflow": checked.id, "file": shown(file), "line": test.node.line, "name": test.get("name", ""),
        }  # fmt: skip
        later = [one for one in checked.problems if one.code == "E900" and not one.message.startswith("'monitoring")]
        if later:
            return Result(**head, passed=False, error=f"the engine does not run this workflow yet: {later[0]}")
        script = of_test(checked.workflow, test, others)
        happened = play(script, zone=self.settings.timezone or "UTC")
        found = tuple(differences(test.get("expect"), happened))
        error = "; ".join(dict.fromkeys(happened.trouble))
        seconds = (ports.boot() - begun) / ports.SECOND
        story: list[str] = []
        for seen in happened.runs:
            story += [f"run {seen.run.number}, started by {seen.run.trigger}:", *seen.story[:STORY]]
            rest = len(seen.story) - STORY
            story += [f"… and {rest} lines more"] if rest > 0 else []
        if happened.unknown and found:
            story.append(f"not mocked, so they gave nothing: {', '.join(sorted(happened.unknown))}")
        return Result(
            **head, passed=not found and not error, seconds=seconds, differences=found, error=error, story=tuple(story)
        )


def _beside(file: Path, id_: str, wanted: str) -> Path | None:
    """Where another workflow lies whose id begins in the same folder as this one's."""
    root = file.resolve()
    for _ in id_.split("/"):
        root = root.parent
    return next((found for suffix in (".yaml", ".yml") if (found := root / f"{wanted}{suffix}").exists()), None)


def text(result: Result, *, indent: str = "    ") -> Iterator[str]:
    """What a failed test has to say, line by line."""
    if result.error:
        yield f"{indent}{result.error}"
    for one in result.differences:
        yield f"{indent}{result.file}:{one.line}:{one.column}  {one.what}"
        yield f"{indent}    expected  {one.expected}"
        yield f"{indent}    found     {one.found}"
        for line in one.why.splitlines():
            yield f"{indent}              {line}"
    if result.story:
        yield f"{indent}what happened:"
        yield from (f"{indent}    {line}" for line in result.story)


def count(results: Sequence[Result]) -> tuple[int, int]:
    """(passed, failed)."""
    passed = sum(one.passed for one in results)
    return passed, len(results) - passed
