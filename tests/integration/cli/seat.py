"""A person in a directory with a terminal: runs verbs, and may have a server in the background."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from eventflow.cli import main

if TYPE_CHECKING:
    from pathlib import Path

ANY_PORTS = 'listen: {public: "127.0.0.1:0", private: "127.0.0.1:0"}\n'


def _text(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()


class Seat:
    """One directory."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.server: subprocess.Popen[bytes] | None = None
        kept = {name: value for name, value in os.environ.items() if not name.startswith("EVENTFLOW_")}
        self.env = kept | {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "200", "HOME": str(place)}

    def run(self, *words: str, ends: int | None = 0, **more: dict[str, str]) -> subprocess.CompletedProcess[str]:
        """A verb, in this process, which is quicker; fails unless it ends with `ends` (None: any)."""
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
        before, arguments = dict(os.environ), sys.argv
        os.environ.clear()
        os.environ.update(self.env | more.get("env", {}))
        sys.argv = ["eventflow", *words]
        try:
            with contextlib.chdir(self.place), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                main()
            code: Any = 0
        except SystemExit as end:
            code = end.code
        finally:
            os.environ.clear()
            os.environ.update(before)
            sys.argv = arguments
        done = subprocess.CompletedProcess(list(words), code or 0, *(_text(stream) for stream in (out, err)))
        assert "Traceback" not in done.stderr, done.stderr
        assert ends is None or done.returncode == ends, (words, done.returncode, done.stdout, done.stderr)
        return done

    def run_apart(self, *words: str) -> None:
        """A verb in a process of its own, for what goes on at the same time."""
        subprocess.run(
            [sys.executable, "-m", "eventflow", *words], cwd=self.place, env=self.env, check=True, timeout=60
        )

    def told(self, *words: str, **more: Any) -> str:
        """What a verb prints."""
        return self.run(*words, **more).stdout

    def asked(self, *words: str, **more: Any) -> Any:
        """What a verb answers with `--json`."""
        return json.loads(self.run(*words, "--json", **more).stdout)

    def serve(self, **env: str) -> None:
        """Start a server and wait until it answers."""
        with (self.place / "serve.log").open("ab") as log:
            self.server = subprocess.Popen(
                [sys.executable, "-m", "eventflow", "serve"], cwd=self.place, env=self.env | env, stdout=log, stderr=log
            )
        self.until((self.place / ".eventflow/addresses.json").exists)
        self.until(lambda: self.run("status", ends=None).returncode == 0)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End the server; its exit code."""
        assert self.server is not None
        self.server.send_signal(number)
        code = self.server.wait(30)
        self.server = None
        return code

    def until(self, holds: Any, within: float = 30) -> None:
        """Wait for something that another process does."""
        end = time.monotonic() + within
        while not holds():
            dead = self.server is not None and self.server.poll() is not None
            assert not dead, self.log()
            assert time.monotonic() < end, self.log()
            time.sleep(0.05)

    def log(self) -> str:
        """What the server said."""
        file = self.place / "serve.log"
        return file.read_text() if file.exists() else ""

    def leave(self) -> None:
        """End what still runs."""
        if self.server is not None and self.server.poll() is None:
            self.server.kill()
            self.server.wait()
