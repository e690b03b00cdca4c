"""What `eventflow test ID --dry-run --event E` shows: every trigger's answer, then the way the run would take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from eventflow import ports
from eventflow.cli.doors import part
from eventflow.model.event import Event, decode, format_time, from_micros
from eventflow.model.order import every
from eventflow.model.workflow import Action, Decision

if TYPE_CHECKING:
    from eventflow.cli.doors import Door
    from eventflow.model.workflow import Workflow
    from eventflow.testing.scenario.suite import Suite


def show(
    door: Door, suite: Suite, file: Path, id_: str, event: str, outputs: tuple[str, ...], answers: tuple[str, ...]
) -> None:
    """Play the event and print what it would do. Raises `UsageError` for what cannot be played."""
    from eventflow.testing.scenario.rehearsal import rehearse

    checked = suite.check(file, id_)
    wrong = [str(one) for one in checked.problems if one.severity == "error" and one.code != "E211"]
    if checked.workflow is None or wrong:
        raise click.ClickException("\n".join([f"{id_} has mistakes and cannot be tried:", *wrong]))
    given = {step: _json(step, text) for step, text in map(_pair, outputs)}
    said = dict(map(_pair, answers))
    _known(checked.workflow, given, said)
    found = rehearse(
        checked.workflow, _event(door, event), suite.others(checked, file),
        zone=suite.settings.timezone or "UTC", outputs=given, answers=said,
    )  # fmt: skip
    if door.as_json:
        door.print_json({"workflow": checked.id, **msgspec.to_builtins(found)})
        return
    _print(checked.workflow, msgspec.to_builtins(found))


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.UsageError(f"{text!r}: write STEP=VALUE")
    return name, value


def _json(step: str, text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise click.UsageError(f"--output {step}: not JSON: {error}") from None
    if not isinstance(value, dict):
        raise click.UsageError(f'--output {step}: outputs are an object, such as {{"status": 200}}')
    return value


def _known(workflow: Workflow, given: dict[str, Any], said: dict[str, str]) -> None:
    from eventflow.catalog.spelling import did_you_mean

    steps = {step.name: step.do for step in every(workflow.steps)}
    for option, names, kind in (("--output", given, Action), ("--answer", said, Decision)):
        fitting = [name for name, do in steps.items() if isinstance(do, kind)]
        for name in names:
            if name not in fitting:
                what = "action" if kind is Action else "decision"
                raise click.UsageError(
                    f"{option}: {workflow.id} has no {what} step {name!r}; {did_you_mean(name, fitting)}"
                )
    for name, case in said.items():
        cases = [one.name for one in steps[name].cases]  # type: ignore[union-attr]
        if case not in cases:
            raise click.UsageError(f"--answer {name}: no case {case!r}; {did_you_mean(case, cases)}")


def _event(door: Door, name: str) -> Event:
    """From a file, else the stored event of a running server."""
    if Path(name).is_file():
        try:
            found = json.loads(Path(name).read_text(encoding="utf-8"))
        except ValueError as error:
            raise click.UsageError(f"{name}: not JSON: {error}; it should hold one CloudEvent") from None
    else:
        if not name.startswith("evt_") and ("/" in name or name.endswith(".json")):
            raise click.UsageError(f"there is no file {name!r}")
        found = door.request("GET", f"/events/{part(name)}")
        extensions = found.get("extensions") or {}
        found = {**extensions, **{key: found.get(key) for key in ("id", "source", "type", "kind", "subject", "time")}}
        found["data"] = door.request("GET", f"/events/{part(name)}").get("data")
    if not isinstance(found, dict) or not isinstance(found.get("type"), str):
        raise click.UsageError(f"{name}: one CloudEvent is wanted: a JSON object with at least a type")
    whole = {"id": "dry-run", "source": "dry-run", "time": format_time(from_micros(ports.wall()))} | {
        key: value for key, value in found.items() if value is not None
    }
    try:
        return decode(json.dumps(whole).encode())
    except (ValueError, KeyError) as error:
        raise click.UsageError(f"{name}: not a CloudEvent: {error}") from None


def _print(workflow: Workflow, found: dict[str, Any]) -> None:
    for one in found["outcomes"]:
        fired = one["reason"] == "fired"
        mark = click.style("fires", fg="green") if fired else click.style(f"{one['stage']}: no", fg="yellow")
        click.echo(f"trigger {one['trigger']}  {mark}  {one['sentence']}")
    for trigger in workflow.triggers:
        if trigger.type == "schedule":
            click.echo(f"trigger {trigger.id}  no event starts it: it is a schedule")
    for run in found["runs"]:
        _run(run)
    if not found["runs"]:
        click.echo("no run would start")
    for line in found["trouble"]:
        click.echo(f"trouble: {line}", err=True)


def _run(run: dict[str, Any]) -> None:
    click.echo(f"a run would start, by {run['trigger']}, with inputs {json.dumps(run['inputs'], ensure_ascii=False)}")
    for number, step in enumerate(run["steps"], 1):
        click.echo(f"  {number}. {step['step']}  {step['uses']}  {step['status']}  {step['said']}".rstrip())
        for name, value in (step["inputs"] or {}).items() if isinstance(step["inputs"], dict) else ():
            click.echo(f"       {name}: {json.dumps(value, ensure_ascii=False)}")
        for other in step["rests_on"]:
            click.echo(f"       rests on what {other} would give, which is not known: say --output {other}=JSON")
        if step["unknown"]:
            click.echo("       not executed; what it would give is not known: taken as a success with no outputs")
    reason = f" ({run['reason']})" if run["reason"] else ""
    guessed = dict.fromkeys(one for step in run["steps"] if step["status"] == "failure" for one in step["rests_on"])
    if guessed:
        click.echo(f"how it goes on depends on what {', '.join(guessed)} would give; nothing was executed")
    else:
        click.echo(f"it would end: {run['status']}{reason}; nothing was executed")
