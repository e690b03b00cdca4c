"""A real `eventflow serve` for benchmarks: started, asked for its CPU time and memory, stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any, Self

TOKEN = "ef_bench_token_00000000000000000000000000000"
TICK = os.sysconf("SC_CLK_TCK")


class Server:
    """One process on one directory; use as a context manager."""

    def __init__(self, root: Path, workflows: dict[str, str] | None = None, **settings: Any) -> None:
        self.root = root
        for name, text in (workflows or {}).items():
            path = root / "workflows" / f"{name}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (root / "workflows").mkdir(parents=True, exist_ok=True)
        config = {
            "data_dir": str(root / "data"),
            "listen": {"public": "127.0.0.1:0", "private": "127.0.0.1:0"},
            "workflows": [str(root / "workflows")],
            "tokens": [{"name": "bench", "scopes": ["admin"], "secret": "env:BENCH_TOKEN"}],
            "egress": {"allow": ["127.0.0.1"]},
            "log": {"level": "error"},
        }
        (root / "eventflow.yaml").write_text(json.dumps(config | settings))
        self.ready_after = 0.0

    def __enter__(self) -> Self:
        begun = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "eventflow", "--config", str(self.root / "eventflow.yaml"), "serve"],
            env=os.environ | {"BENCH_TOKEN": TOKEN}, stderr=(self.root / "log").open("wb"),
        )  # fmt: skip
        while not self._ready():
            if self.process.poll() is not None:
                sys.exit((self.root / "log").read_text())
            time.sleep(0.002)
        self.ready_after = time.monotonic() - begun
        return self

    def _ready(self) -> bool:
        try:
            self.addresses = json.loads((self.root / "data" / "addresses.json").read_text())
            with urllib.request.urlopen(self.addresses["private"] + "/readyz", timeout=2) as answer:
                return self.addresses["pid"] == self.process.pid and answer.status == 200
        except (OSError, ValueError):
            return False

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)

    @property
    def cpu(self) -> float:
        """Seconds of CPU used so far, kernel included."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    @property
    def memory(self) -> float:
        """Resident memory in MB."""
        fields = Path(f"/proc/{self.process.pid}/statm").read_text().split()
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

    def get(self, path: str) -> Any:
        """A GET of the API."""
        return json.loads(self.ask("/api/v1" + path))

    def ask(self, path: str, body: bytes | None = None) -> bytes:
        """A GET of the private listener, or with a body a POST of JSON."""
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.addresses["private"] + path, body, headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return bytes(answer.read())

    def post(self, body: bytes, kind: str = "application/x-ndjson") -> None:
        """Send events and wait for the acknowledgement; shed ones again."""
        request = urllib.request.Request(
            self.addresses["public"] + "/events", body, {"Authorization": f"Bearer {TOKEN}", "Content-Type": kind}
        )
        while True:
            try:
                with urllib.request.urlopen(request, timeout=30):
                    return
            except urllib.error.HTTPError as error:
                if error.code != 503:
                    raise
                time.sleep(0.05)
