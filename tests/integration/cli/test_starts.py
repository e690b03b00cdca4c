"""Starts that cannot be: one clear line that names the setting, and no traceback."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.integration.cli.seat import ANY_PORTS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.cli.seat import Seat


def serve(tmp_path: Path, **settings: object) -> subprocess.CompletedProcess[str]:
    base = {"listen": {"public": "127.0.0.1:0", "private": "127.0.0.1:0"}, "data_dir": str(tmp_path / "data")}
    file = tmp_path / "eventflow.yaml"
    file.write_text(json.dumps(base | settings))
    return subprocess.run(
        [sys.executable, "-m", "eventflow", "--config", str(file), "serve"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def told(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.stderr


def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = serve(tmp_path, listen={"public": "127.0.0.1:0", "private": f"127.0.0.1:{port}"})
    assert f"listen.private: 127.0.0.1:{port} cannot be listened on: address already in use" in told(done)


@pytest.mark.parametrize("place", ["/proc/nowhere", "a file"])
def test_a_data_directory_that_cannot_be(tmp_path: Path, place: str) -> None:
    (tmp_path / "a file").touch()
    assert "cannot be used" in told(serve(tmp_path, data_dir=str(tmp_path / place)))


def test_an_unknown_setting(tmp_path: Path) -> None:
    assert "did you mean 'listen'" in told(serve(tmp_path, listne={}))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_start_that_waits_for_its_broker_can_be_ended(seat: Seat, number: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as once:
        port = once.getsockname()[1]
    (seat.place / "eventflow.yaml").write_text(ANY_PORTS + f"bus: 'kafka://127.0.0.1:{port}/x'\n")
    with (seat.place / "serve.log").open("wb") as log:
        command = [sys.executable, "-m", "eventflow", "serve"]
        seat.server = subprocess.Popen(command, cwd=seat.place, env=seat.env, stdout=log, stderr=log)
    seat.until(lambda: "kafka.waiting" in seat.log())
    assert seat.stop(number) == 0
    assert "serve.stopped" in seat.log()
    assert "nobody listens" not in seat.log().splitlines()[-1]
