"""The pytest plugin: workflow documents with `tests:` are test files, each of their tests an item.

    # conftest.py
    pytest_plugins = ["eventflow.testing.plugin"]

or `pytest -p eventflow.testing.plugin workflows/`. A YAML file counts as such a document when it has `steps:` and
`tests:` at its beginning of a line; everything else is left to others. The settings are those of the root directory.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from eventflow.testing.scenario.suite import Suite

_DOCUMENT: Final = re.compile(rb"^[\"']?steps[\"']?\s*:", re.MULTILINE)
_TESTS: Final = re.compile(rb"^[\"']?tests[\"']?\s*:", re.MULTILINE)


def pytest_collect_file(parent: pytest.Collector, file_path: Path) -> pytest.Collector | None:
    """A document with tests, or nothing."""
    if file_path.suffix not in {".yaml", ".yml"}:
        return None
    text = file_path.read_bytes()
    if not (_DOCUMENT.search(text) and _TESTS.search(text)):
        return None
    document: WorkflowFile = WorkflowFile.from_parent(parent, path=file_path)
    return document


class Wrong(Exception):
    """A test, or a document, that is not as it should be; the text is the whole report."""


class WorkflowFile(pytest.File):
    """One document."""

    def collect(self) -> Iterator[pytest.Item]:
        """Its tests; for a document with mistakes one item that tells them."""
        from eventflow import catalog

        suite = _suite(self.config)
        checked = suite.check(self.path, catalog.named(self.path, _roots(suite)))
        wrong = [str(one) for one in checked.problems if one.severity == "error" and one.code != "E211"]
        if wrong or checked.workflow is None:
            yield Mistakes.from_parent(self, name="document", told=wrong)
            return
        others = suite.others(checked, self.path)
        for test in checked.tests:
            yield WorkflowTest.from_parent(self, name=test.get("name"), suite=suite, given=(checked, test, others))


class Mistakes(pytest.Item):
    """A document whose tests cannot be run."""

    def __init__(self, *, told: list[str], **kwargs: Any) -> None:
        """`told` are its problems."""
        super().__init__(**kwargs)
        self.told = told

    def runtest(self) -> None:
        """It fails."""
        raise Wrong("\n".join(self.told))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str:
        """The problems, without a traceback."""
        return str(excinfo.value)


class WorkflowTest(pytest.Item):
    """One test of a document."""

    def __init__(self, *, suite: Suite, given: tuple[Any, Any, Any], **kwargs: Any) -> None:
        """`given`: the document, the test, the workflows it starts."""
        super().__init__(**kwargs)
        self.suite, self.given = suite, given

    def runtest(self) -> None:
        """Run it. Raises `Wrong`."""
        from eventflow.testing.scenario.suite import text

        checked, test, others = self.given
        result = self.suite.one(checked, test, self.path, others)
        if not result.passed:
            raise Wrong("\n".join(text(result, indent="")))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What was expected and found, without a traceback."""
        return str(excinfo.value) if isinstance(excinfo.value, Wrong) else super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where it stands."""
        return self.path, self.given[1].node.line - 1, f"{self.given[0].id}: {self.name}"


_SUITE: Final[pytest.StashKey[Any]] = pytest.StashKey()


def _suite(config: pytest.Config) -> Suite:
    from eventflow import settings
    from eventflow.testing.scenario.suite import Suite

    if _SUITE not in config.stash:
        file = config.rootpath / "eventflow.yaml"
        config.stash[_SUITE] = Suite(settings.load(str(file) if file.exists() else None))
    suite: Suite = config.stash[_SUITE]
    return suite


def _roots(suite: Suite) -> list[Path]:
    from pathlib import Path

    return [Path(folder) for folder in suite.settings.workflows]
