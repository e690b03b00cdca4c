"""One process holds a directory; the second hears who."""

import os
import signal
import subprocess
import sys

import pytest

from eventflow.disk import Hold, Reserve
from eventflow.errors import StorageHeld


def test_the_second_process_is_told_who_has_it(tmp_path):
    code = (
        "import sys, pathlib; from eventflow.disk import Hold\n"
        "hold = Hold(pathlib.Path(sys.argv[1])); hold.take(); hold.tell('http://127.0.0.1:8081')\n"
        "print('held', flush=True); input()"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        expected = rf"{tmp_path} is in use by process {other.pid}, started 20\S+Z, at http://127.0.0.1:8081; stop it"
        with pytest.raises(StorageHeld, match=expected):
            Hold(tmp_path).take()
        other.send_signal(signal.SIGKILL)
    hold = Hold(tmp_path)
    hold.take()
    hold.release()


def test_the_same_process_cannot_have_it_twice_and_release_lets_go(tmp_path):
    first, second = Hold(tmp_path / "new"), Hold(tmp_path / "new")
    first.take()
    with pytest.raises(StorageHeld, match=f"process {os.getpid()}"):
        second.take()
    first.release()
    first.release()
    second.take()
    second.release()


def test_a_child_does_not_inherit_it(tmp_path):
    hold = Hold(tmp_path)
    hold.take()
    command = [sys.executable, "-c", "print('up', flush=True); input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, close_fds=False) as child:
        assert child.stdout.readline() == "up\n"
        hold.release()
        again = Hold(tmp_path)
        again.take()
        again.release()
        child.communicate("\n")


def test_a_reserve_is_real_bytes_and_is_given_back(tmp_path):
    reserve = Reserve(tmp_path / "reserve", 300_001)
    assert reserve.keep()
    assert reserve.keep()
    assert reserve.path.stat().st_blocks * 512 >= 300_001
    assert reserve.give_back()
    assert not reserve.give_back()
    assert not reserve.kept
