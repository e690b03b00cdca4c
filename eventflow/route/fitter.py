"""The process that makes models: one child, spoken to over its pipes, so that no fit stands in the loop's way (W16).

`python -m eventflow.route.fitter` is the child: it reads jobs from its input and writes models to its output, one after
the other, and ends when its input ends, which it does however we die. A child that dies is started again and the job is
repeated; a job that no child survives has no model.

A frame is four bytes of length and that many of msgpack: a job is (type, bytes), an answer (well, bytes or sentence).
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog

from eventflow.route.fitting import CannotFit

if TYPE_CHECKING:
    from typing import BinaryIO

log = structlog.get_logger("eventflow.route")
TRIES: Final = 3
_PACK: Final = msgspec.msgpack.Encoder().encode
_LIMIT: Final = 1 << 30


class Child:
    """Makes models in a child process, which is started when the first one is asked for."""

    def __init__(self) -> None:
        """No child yet."""
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    async def fit(self, kind: str, job: bytes) -> bytes:
        """Have it made; jobs go one after the other. Raises `CannotFit`."""
        frame = _PACK((kind, job))
        async with self._turn:
            for _ in range(TRIES):
                try:
                    well, made = await self._ask(frame)
                except (OSError, EOFError, asyncio.IncompleteReadError) as error:
                    log.warning("route.fitter_died", detector=kind, error=str(error) or type(error).__name__)
                    await self._end()
                    continue
                except BaseException:
                    await self._end()
                    raise
                if not well:
                    raise CannotFit(str(made))
                return bytes(made)
        raise CannotFit(f"{TRIES} processes died of it")

    async def _ask(self, frame: bytes) -> tuple[bool, Any]:
        process = self._process
        if process is None or process.returncode is not None:
            process = self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "eventflow.route.fitter", stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE, start_new_session=True,
            )  # fmt: skip
        assert process.stdin is not None  # noqa: S101 - both are pipes
        assert process.stdout is not None  # noqa: S101
        process.stdin.write(len(frame).to_bytes(4, "big") + frame)
        await process.stdin.drain()
        size = int.from_bytes(await process.stdout.readexactly(4), "big")
        answer: tuple[bool, Any] = msgspec.msgpack.decode(await process.stdout.readexactly(size))
        return answer

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def close(self) -> None:
        """End the child."""
        await self._end()


def serve(jobs: BinaryIO, models: BinaryIO) -> None:
    """Be the child: answer jobs until there are no more."""
    from eventflow.plugin.one_series import find_detector

    while len(head := jobs.read(4)) == 4:
        size = int.from_bytes(head, "big")
        frame = jobs.read(size)
        if size > _LIMIT or len(frame) < size:
            return
        kind, job = msgspec.msgpack.decode(frame)
        try:
            answer = _PACK((True, find_detector(kind).fit(job)))
        except Exception as error:  # noqa: BLE001 - whatever it is, this job has no model
            answer = _PACK((False, f"{type(error).__name__}: {error}"))
        models.write(len(answer).to_bytes(4, "big") + answer)
        models.flush()


if __name__ == "__main__":
    import os

    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get among the answers
    serve(sys.stdin.buffer, output)
