"""`eventflow detect`: what a detector would have said of a file, or of the events that are stored.

The detector is put into a workflow that does nothing, which is read as every document is and judged as the router does.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eventflow.cli.doors import Door, options
from eventflow.errors import EventflowError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eventflow.model.event import Event
    from eventflow.model.workflow import Workflow

NAME = "detect"
FALLBACK = "adaptive"


class NoSuchDetector(EventflowError):
    """The detector cannot be made as it is asked for."""

    exit_code = 2


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, allow_dash=True))
@click.option("--since", help="Instead of a FILE: the stored events of so long (7d), or since a time (RFC 3339).")
@click.option("--detector", "named", metavar="NAME", help="A detector by name, or its YAML file.")
@click.option("--type", "type_", metavar="TYPE", help=f"A detector type. Default: {FALLBACK}.")
@click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE", help="A key of its config; a.b=1 for one inside.")
@click.option("--value", metavar="CEL", help="The number to be judged. Default: the column that looks like it.")
@click.option("--key", metavar="CEL", help="What makes a series: event.data.host. Default: all rows are one.")
@click.option("--event", "glob", metavar="GLOB", help="Only events of these types or kinds: 'metric.*'.")
@click.option("--filter", "filter_", metavar="CEL", help="Only events of which this is true.")
@click.option("--for", "lasts", metavar="TIME", help="Alarm only what lasts so long: 10m.")
@options
def command(
    door: Door, file: Path | None, since: str | None, named: str | None, type_: str | None, pairs: tuple[str, ...],
    value: str | None, key: str | None, glob: str | None, filter_: str | None, lasts: str | None,
) -> None:  # fmt: skip
    """Try a detector on FILE (CSV or NDJSON, also gzipped; `-` is standard input) or on the stored events.

    Prints each alarm with its reason, and how many there would have been a day. A FILE needs no server: its first line
    names the columns, one of them the time, and a column is `event.data.COLUMN` in expressions. --since asks the
    server.
    """
    from eventflow.cli.detect import telling, trial

    if (file is None) == (since is None):
        raise click.UsageError("say what to judge: a FILE, or --since 7d for the stored events")
    if named and (type_ or pairs):
        raise click.UsageError("--detector has its type and config already; --type and --set make one of their own")
    events, guessed, taken = _file(file) if file is not None else _stored(door, since or "")
    document = _document(named, type_ or FALLBACK, pairs, value or guessed, key, glob, filter_, lasts)
    found = trial.try_out(_workflow(door, document, named), events)
    if found.reasons.keys() - {"selector", "filter_false"} == {"no_value"}:
        raise NoSuchDetector(f"no row has a value at {value or guessed}, so nothing was judged; {_columns(events)}")
    label = named or type_ or FALLBACK
    if door.as_json:
        click.echo(json.dumps(telling.body(found, label), ensure_ascii=False))
    else:
        telling.tell(found, label, f"{taken} ({value or guessed})")


def _file(file: Path) -> tuple[Sequence[Event], str, str]:
    from eventflow.cli.detect.reading import read

    samples = read(file)
    if samples.how:
        click.echo(f"{file}: {samples.how}", err=True)
    if samples.time is None:
        click.echo("no column looks like a time: the rows are taken to be a minute apart", err=True)
    return samples.events, samples.value, str(file)


def _columns(events: Sequence[Event]) -> str:
    """What could have been named, of the first row that holds something."""
    first = next((event.data for event in events if isinstance(event.data, dict) and event.data), {})
    there = ", ".join(f"event.data.{name}" for name in list(first)[:20])
    return f"there are: {there}" if there else "the rows hold no fields"


def _stored(door: Door, since: str) -> tuple[Sequence[Event], str, str]:
    from eventflow.cli.detect.stored import stored

    events = stored(door, since)
    if not events:
        raise NoSuchDetector(f"no event is stored since {since}")
    return events, "event.data.value", f"the events since {since}"


# --- the workflow around it ------------------------------------------------------------------------------------------


def _document(
    named: str | None, type_: str, pairs: Sequence[str], value: str, key: str | None, glob: str | None,
    filter_: str | None, lasts: str | None,
) -> dict[str, Any]:  # fmt: skip
    """What somebody would have written into a workflow."""
    config: dict[str, Any] = {}
    for pair in pairs:
        name, sign, text = pair.partition("=")
        if not sign or not name:
            raise click.UsageError(f"--set {pair!r}: write --set key=value")
        _put(config, name.split("."), text)
    detector: Any = Path(named).stem if named and _is_file(named) else named or {"type": type_, "config": config}
    watch = {"event": glob or "*", **({"filter": filter_} if filter_ else {})}
    optional = {"key": key, "for": lasts}
    trigger = {"watch": watch, "value": value, "detector": detector, **{k: v for k, v in optional.items() if v}}
    return {
        "metadata": {"name": NAME},
        "triggers": [{"type": "condition", "config": trigger}],
        "steps": [{"name": "nothing", "uses": "debug.log"}],
    }


def _put(config: dict[str, Any], path: Sequence[str], text: str) -> None:
    for name in path[:-1]:
        config = config.setdefault(name, {})
        if not isinstance(config, dict):
            raise click.UsageError(f"--set {'.'.join(path)}: {name} has a value already")
    try:
        config[path[-1]] = json.loads(text)
    except ValueError:
        config[path[-1]] = text


def _is_file(named: str) -> bool:
    return named.endswith((".yaml", ".yml"))


def _workflow(door: Door, document: dict[str, Any], named: str | None) -> Workflow:
    """Read as every document is. Raises `NoSuchDetector` with all that is wrong."""
    from eventflow import catalog, settings
    from eventflow.app.known import known

    chosen = settings.load(door.config)
    own = [Path(folder) for folder in chosen.detectors]
    if named and _is_file(named):
        if not Path(named).is_file():
            raise NoSuchDetector(f"there is no file {named}")
        own.insert(0, Path(named).parent)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, f"{NAME}.yaml")
        place.write_text(json.dumps(document), encoding="utf-8")
        loaded = catalog.load_files([(place, NAME)], known(chosen), detectors=catalog.folders("detectors", own))
    mine = [problem for problem in loaded.problems if problem.file.endswith(place.name)]
    held = [problem for problem in mine if problem.holds]
    if held or NAME not in loaded.workflows:
        said = "\n".join(f"{one.code} {one.word}: {one.message}" + (f"; {one.suggestion}" if one.suggestion else "")
                         for one in held or mine)  # fmt: skip
        raise NoSuchDetector(said or "the detector cannot be made")
    return loaded.workflows[NAME]
