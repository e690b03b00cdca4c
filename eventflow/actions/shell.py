"""`shell.run`: start one allowed program, without a shell.

There is no command line to be injected into: `argv` is a list, and only programs that the settings name under
`shell.allow` are started. The program gets an empty directory of its own, the environment that the step gives it and
nothing else, no descriptor of ours, and a process group of its own that is killed whole when the step ends early.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field

from eventflow import ports
from eventflow.errors import ActionError
from eventflow.plugin import Action, Attempt

OUTPUT_LIMIT = 1 << 20
"""Bytes kept of each of stdout and stderr; the rest is read and thrown away."""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class ShellRun(Action):
    """Run `argv` and give `code`, `stdout`, `stderr` and, with `parse: json`, `json`.

    An exit code other than 0 is the error `exit`; a program that is not allowed the error `not-allowed`.
    """

    name = "shell.run"
    idempotent = False

    class Inputs(BaseModel):
        """What `with` holds."""

        model_config = ConfigDict(extra="forbid")
        argv: list[str] = Field(min_length=1, description="program and arguments; the program must be in `shell.allow`")
        cwd: str | None = Field(
            None, description="where to run, below the working directory of actions; else a fresh one"
        )
        env: dict[str, str] = Field({}, description="environment; values of events belong here, not into program text")
        parse: Literal["text", "json"] = Field("text", description="`json`: what it prints is also given as `json`")

    async def run(self, inputs: Any, attempt: Attempt) -> dict[str, Any]:
        """Start it, wait for it, read what it says."""
        program = self._allowed(inputs.argv[0])
        with self._place(inputs.cwd) as directory:
            code, stdout, stderr = await self._spawn(program, inputs, attempt, directory)
        if code != 0:
            tail = stderr.strip()[-400:] or stdout.strip()[-400:]
            raise ActionError(f"{inputs.argv[0]} ended with exit code {code}: {tail}", code="exit", retryable=True)
        outputs: dict[str, Any] = {"code": code, "stdout": stdout, "stderr": stderr}
        if inputs.parse == "json":
            outputs["json"] = _json(inputs.argv[0], stdout)
        return outputs

    def _allowed(self, wanted: str) -> str:
        """The absolute path of the program, if the settings allow it by name or by path."""
        found = shutil.which(wanted, path=PATH + ":" + os.environ.get("PATH", ""))
        for entry in self.context.shell_allow:
            if entry == wanted or (found is not None and entry == found):
                if found is None:
                    raise ActionError(f"program {wanted!r} is allowed but not to be found", code="not-found")
                return found
        raise ActionError(
            f"program {wanted!r} is not allowed; name it under shell.allow in the settings to let workflows start it",
            code="not-allowed",
        )

    @contextlib.contextmanager
    def _place(self, cwd: str | None) -> Any:
        """The directory to run in: the given one below our own, else a fresh empty one that goes afterwards."""
        root = self.context.directory
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        if cwd is not None:
            wanted = (root / cwd).resolve()
            if not wanted.is_relative_to(root.resolve()) or not wanted.is_dir():
                raise ActionError(f"cwd {cwd!r} is no directory below the working directory of actions", code="cwd")
            yield wanted
            return
        with tempfile.TemporaryDirectory(dir=root, ignore_cleanup_errors=True) as fresh:
            yield Path(fresh)

    async def _spawn(self, program: str, inputs: Any, attempt: Attempt, cwd: Path) -> tuple[int, str, str]:
        process = await self._start(program, inputs, attempt, cwd)
        assert process.stdout is not None  # noqa: S101 - for the type checker: both are pipes
        assert process.stderr is not None  # noqa: S101
        try:
            stdout, stderr = await asyncio.gather(_read(process.stdout), _read(process.stderr))
            return await process.wait(), stdout, stderr
        finally:
            await _end(process)

    async def _start(self, program: str, inputs: Any, attempt: Attempt, cwd: Path) -> asyncio.subprocess.Process:
        """The program under way. Who is cancelled meanwhile waits for the start: half started it would run on alone."""
        environment = {"PATH": PATH, "LANG": "C.UTF-8", "IDEMPOTENCY_KEY": attempt.idempotency_key}
        start = asyncio.create_subprocess_exec(
            *[program, *inputs.argv[1:]],
            cwd=cwd,
            env=environment | dict(attempt.env) | inputs.env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            close_fds=True,
        )
        starting = ports.Tasks().spawn(start, "shell.run")
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            with contextlib.suppress(OSError, ValueError):
                await _end(await starting)
            raise
        except (OSError, ValueError) as error:
            raise ActionError(f"{inputs.argv[0]} could not be started: {error}", code="start") from error


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill whatever is left of its group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


async def _read(stream: asyncio.StreamReader) -> str:
    kept = bytearray()
    while chunk := await stream.read(65536):
        kept += chunk[: max(0, OUTPUT_LIMIT - len(kept))]
    return kept.decode("utf-8", "replace")


def _json(program: str, text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ActionError(f"{program} did not print JSON: {error}", code="parse") from error
