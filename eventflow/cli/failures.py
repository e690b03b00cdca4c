"""How a verb that fails says so: one line for people, or with `--json` one JSON object on standard error; and the code.

`{"error": {"code", "message", "advice"}}`: `code` is a stable word, `advice` what to do, where there is any. Standard
output then holds nothing or what was answered before, so a program that reads it never meets an error there.
"""

from __future__ import annotations

import json
import os
import re
import sys

import click

WRONG_USE = 2
INTERRUPTED = 130
ASKED_WRONGLY = frozenset(("invalid", "malformed", "method"))
"""Codes of the API that mean: the command was given something that can't be."""


def tell(error: BaseException, *, as_json: bool) -> int:
    """Say on standard error what went wrong; the exit code."""
    if isinstance(error, BrokenPipeError):  # who reads us has had enough: `eventflow history | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    if isinstance(error, click.Abort):
        click.echo(err=True)
        return INTERRUPTED
    code, message, advice, ending = _parts(error)
    if as_json:
        body = {"error": {"code": code, "message": message, "advice": advice}}
        click.echo(json.dumps(body, ensure_ascii=False), err=True)
    elif isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
    elif isinstance(error, click.ClickException):
        click.echo(f"error: {message}" + (f"; {advice}" if advice else ""), err=True)
    else:
        click.echo(f"error: {error}", err=True)
    return ending


def _parts(error: BaseException) -> tuple[str, str, str, int]:
    """(code, message, advice, exit code)."""
    if isinstance(error, click.UsageError):
        place = error.ctx.command_path if error.ctx is not None else "eventflow"
        message, advice = _split(error.format_message())
        return "usage", message, advice or f"see {place} --help", error.exit_code
    if isinstance(error, click.ClickException):
        return "usage", error.format_message(), "", error.exit_code
    message, advice = _split(str(error))
    code = getattr(error, "code", None) or _word(type(error).__name__)
    ending = WRONG_USE if code in ASKED_WRONGLY else int(getattr(error, "exit_code", 1))
    return str(code), message, advice, ending


def _split(text: str) -> tuple[str, str]:
    """Our messages say what is wrong first, and after a semicolon what to do; several lines are several messages."""
    if "\n" in text:
        return text, ""
    message, _, advice = text.partition("; ")
    return message.removesuffix("."), advice


def _word(name: str) -> str:
    """`StorageHeld` as `storage-held`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()
