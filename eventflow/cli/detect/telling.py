"""What a trial found, for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import msgspec

from eventflow.cli.detect.trial import DAY
from eventflow.cli.show import moment
from eventflow.model.event import format_time, from_micros

if TYPE_CHECKING:
    from eventflow.cli.detect.trial import Alarm, Trial

MOST = 50
"""Alarms that are listed for people; the others are counted."""


def body(trial: Trial, detector: str) -> dict[str, Any]:
    """The JSON answer."""
    return {
        "detector": detector,
        "rows": trial.rows,
        "series": trial.series,
        "from": format_time(from_micros(trial.begin)),
        "to": format_time(from_micros(trial.end)),
        "days": round(trial.days, 3),
        "alarms": [msgspec.to_builtins(alarm) for alarm in trial.alarms],
        "alarms_per_day": round(trial.per_day, 3) if trial.per_day is not None else None,
        "samples": trial.reasons,
        "problems": trial.problems,
    }


def tell(trial: Trial, detector: str, taken: str) -> None:
    """Alarms, one each, and the sum."""
    for alarm in trial.alarms[:MOST]:
        click.echo(_line(alarm))
    if len(trial.alarms) > MOST:
        click.echo(f"… and {len(trial.alarms) - MOST} more; --json has them all")
    if trial.alarms:
        click.echo()
    click.echo(f"{detector} over {taken}: {_sum(trial)}")
    learning = trial.reasons.get("learning", 0)
    if learning:
        click.echo(f"{learning:,} of {trial.rows:,} samples were learning, and could not alarm")
    if absent := trial.reasons.get("no_value", 0):
        click.echo(f"{absent:,} of {trial.rows:,} rows have no value there, and were passed over")
    for problem in trial.problems[:5]:
        click.echo(click.style("problem", fg="yellow") + f"  {problem}")


def _line(alarm: Alarm) -> str:
    until = f"until {moment(alarm.cleared)}" if alarm.cleared else "still open at the end"
    key = f"  key={alarm.key}" if alarm.key is not None else ""
    head = click.style(moment(alarm.raised), fg="red")
    return f"{head}{key}  {alarm.verdict.get('reason') or 'unusual'}  ({until})"


def _sum(trial: Trial) -> str:
    count = len(trial.alarms)
    alarms = f"{count} alarm{'' if count == 1 else 's'}"
    series = f"{trial.series} series" if trial.series != 1 else "one series"
    span = f"{trial.days:.3g} days" if trial.end - trial.begin >= DAY else f"{trial.days * 24:.3g} hours"
    rate = f", {trial.per_day:.3g} a day" if trial.per_day is not None and count else ""
    return f"{alarms}{rate} in {trial.rows:,} rows of {series}, {span}"
