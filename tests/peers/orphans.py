"""No peer outlives the test process that started it, however that ends: a small process of its own sees to it.

It reads process ids from a pipe whose other end is the test process, and kills what is left when that end is gone.
(The kernel's own signal for this follows the thread that started a process, and tests start peers in short ones.)
"""

import atexit
import subprocess
import sys

WATCH = """
import os, signal, sys
alive = set()
for line in sys.stdin:
    (alive.add if line[0] == "+" else alive.discard)(int(line[1:]))
for pid in alive:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
"""
_watcher: list[subprocess.Popen] = []


def watch(process: subprocess.Popen) -> None:
    """Have the process killed when we are gone; `forget` it once it has been waited for."""
    _say(f"+{process.pid}")


def forget(process: subprocess.Popen) -> None:
    """It has ended: its number may belong to somebody else soon."""
    _say(f"-{process.pid}")


def _say(line: str) -> None:
    if not _watcher:
        command = [sys.executable, "-S", "-c", WATCH]
        _watcher.append(subprocess.Popen(command, stdin=subprocess.PIPE, text=True, start_new_session=True))
        atexit.register(_end)
    pipe = _watcher[0].stdin
    pipe.write(f"{line}\n")
    pipe.flush()


def _end() -> None:
    watcher = _watcher.pop()
    watcher.stdin.close()
    watcher.wait(20)
