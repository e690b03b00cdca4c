"""`eventflow test`: the tests that stand in workflows, on a virtual clock; or one workflow tried on an event."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from eventflow import ports
from eventflow.cli.doors import Door, options

if TYPE_CHECKING:
    from eventflow.testing.scenario.suite import Rehearsed, Suite


@click.command()
@click.argument("what", nargs=-1, metavar="[ID|PATH]...")
@click.option("-k", "word", default="", metavar="WORDS", help="Only tests whose id and name hold these words.")
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), help="Also write a JUnit report for CI.")
@click.option("--dry-run", is_flag=True, help="Say what --event would do; no action is executed.")
@click.option(
    "--event", metavar="FILE|EVENT", help="With --dry-run: a CloudEvent as JSON, or the handle of a stored one."
)
@click.option("--output", "outputs", multiple=True, metavar="STEP=JSON", help="With --dry-run: what a step would give.")
@click.option(
    "--answer", "answers", multiple=True, metavar="STEP=CASE", help="With --dry-run: what a person would say."
)
@options
def command(
    door: Door, what: tuple[str, ...], word: str, junit: Path | None, dry_run: bool, event: str | None,
    outputs: tuple[str, ...], answers: tuple[str, ...],
) -> None:  # fmt: skip
    """Run the `tests:` of workflows: by id, file or folder; without any, of the folders of the settings.

    Nothing outside is touched and no server is needed. Exit code 0 when all pass, 1 when one fails or a document is
    wrong, 2 when there is nothing to run.
    """
    from eventflow import settings
    from eventflow.testing.scenario.suite import Suite

    suite = Suite(settings.load(door.config))
    if dry_run:
        from eventflow.cli.rehearsal import show

        if len(what) != 1 or event is None:
            raise click.UsageError(
                "--dry-run wants one workflow and an event: eventflow test ID --dry-run --event FILE"
            )
        [(file, id_)] = chosen(suite, what)[:1]
        show(door, suite, file, id_, event, outputs, answers)
        return
    if event is not None or outputs or answers:
        raise click.UsageError("--event, --output and --answer belong to --dry-run")
    begun, documents = ports.boot(), []
    for file, id_ in chosen(suite, what):
        rehearsed = suite.run(file, id_, word)
        if not rehearsed.results and not rehearsed.problems:
            continue
        documents.append(rehearsed)
        if not door.as_json:
            _print(rehearsed)
    if junit is not None:
        from eventflow.testing.scenario.junit import report

        junit.write_text(report(documents), encoding="utf-8")
    _end(door, documents, (ports.boot() - begun) / ports.SECOND, word)


def chosen(suite: Suite, what: tuple[str, ...]) -> list[tuple[Path, str]]:
    """(file, id) of the documents that were named. Raises `UsageError` for what is none."""
    from eventflow import catalog
    from eventflow.app.documents import workflow_files

    found: list[tuple[Path, str]] = []
    for one in what:
        if Path(one).exists():
            found += workflow_files(suite.settings, [Path(one)])
            continue
        id_ = catalog.resolve(one, suite.files)
        if isinstance(id_, list):
            raise click.UsageError(_unknown(one, id_, suite))
        found.append((suite.files[id_], id_))
    return found if what else workflow_files(suite.settings, [])


def _unknown(address: str, candidates: list[str], suite: Suite) -> str:
    from eventflow.cli.starts import meant

    if candidates:
        return f"{address!r} may mean several workflows: {', '.join(candidates)}; write more of the id"
    hint = meant(address, suite.files)
    return f"there is no file and no workflow {address!r}" + (f"; {hint}" if hint else "")


def _print(document: Rehearsed) -> None:
    from eventflow.catalog.locate import shown
    from eventflow.testing.scenario.suite import text

    click.echo(f"{document.workflow}  ({shown(Path(document.file).resolve())})")
    for problem in document.problems:
        click.echo(f"  {click.style('wrong', fg='red')}   {problem}")
    for result in document.results:
        word = click.style("passed", fg="green") if result.passed else click.style("FAILED", fg="red")
        click.echo(f"  {word}  {result.name}")
        for line in () if result.passed else text(result, indent="          "):
            click.echo(line)


def _end(door: Door, documents: list[Rehearsed], seconds: float, word: str) -> None:
    from eventflow.testing.scenario.suite import count

    results = [result for document in documents for result in document.results]
    passed, failed = count(results)
    wrong = sum(bool(document.problems) for document in documents)
    if door.as_json:
        tests: list[dict[str, Any]] = [msgspec.to_builtins(one) for one in results]
        problems = [msgspec.to_builtins(one) for document in documents for one in document.problems]
        door.print_json({"passed": passed, "failed": failed, "wrong": wrong, "tests": tests, "problems": problems})
    else:
        told = [f"{passed} passed", *([f"{failed} failed"] * bool(failed))]
        told += [f"{wrong} document{'s' * (wrong != 1)} wrong, not run"] * bool(wrong)
        click.echo(f"{len(results)} test{'s' * (len(results) != 1)}: {', '.join(told)} ({seconds:.2f} s)")
    if not results and not wrong:
        hint = f"none has {word!r} in its name" if word else "a document has them under tests:"
        click.echo(f"there is no test to run; {hint}", err=True)
        sys.exit(2)
    if failed or wrong:
        sys.exit(1)
