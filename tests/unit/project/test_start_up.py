"""Starting stays light: what an installation may not have, or takes long to load, is loaded by who needs it."""

import subprocess
import sys

import pytest

HEAVY = {
    *("aiokafka", "cramjam", "numpy", "scipy", "sklearn", "slack_bolt", "slack_sdk", "aiosmtpd", "aiosmtplib"),
    *("imapclient", "asyncpg", "pydantic_ai", "openai", "opentelemetry", "minijinja"),
}
SLOW = {"aiohttp", "pydantic"}  # 50 ms of CPU each: a command line that only prints help goes without


def loaded(program: str, folder) -> set[str]:
    """The top-level modules that are there after a program has run, in a process of its own."""
    ending = "import sys; print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", f"import atexit\natexit.register(lambda: exec({ending!r}))\n{program}"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stderr.split())


def test_import_loads_nothing_heavy(tmp_path):
    modules = loaded("import eventflow", tmp_path)
    assert "eventflow" in modules
    assert modules & HEAVY == set()


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_the_command_line_loads_nothing_heavy_to_print_help(tmp_path, arguments):
    program = f"import sys; sys.argv = ['eventflow', *{arguments}]\nfrom eventflow.cli import main; main()"
    modules = loaded(program, tmp_path)
    assert "click" in modules
    assert modules & (HEAVY | SLOW) == set()
